// Finds the values of query parameters by name: what `--redact-query` hides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "exporters/secret_span.h"

namespace tapline {

// Percent-decoded. ASCII letters of either case are equal, as many frameworks have it.
using QueryNames = std::vector<std::string>;

// Reads a comma-separated list of names, which may be percent-encoded. InvalidArgument says which can't be
// one.
absl::StatusOr<QueryNames> parse_query_names(std::string_view list);

// What a text is, and so where parameters begin in it and where they end.
enum class QueryScope : std::uint8_t {
  kUrl,    // a URL and nothing else
  kQuery,  // the query of one, without its '?'
  kText,   // URLs may stand in it; white space and the characters "<> end them
};

// Walks over a text once. What a reader might take for the value of a listed parameter is found, even where
// another reader would not:
// - A name may begin behind '?' and '#' (OAuth returns tokens in the fragment: RFC 6749 section 4.2.2), and
// behind '&'
//   and ';' that follow one of these. A value ends at '&' alone: for those who know no ';', it is part of the
//   value.
// - Characters count as what they stand for, however often they are percent-encoded: %74oken is token, and so
// is a
//   parameter of a URL that is itself the value of a parameter. Such a value ends at the '&' of its own
//   level.
// - token[] and token[x] are token, as PHP and others read it. '+' in a name is a space.
class ParameterScan {
 public:
  // Both must outlive the scan.
  ParameterScan(const QueryNames& names, QueryScope scope, std::string_view text)
      : names_(names),
        scope_(scope),
        text_(text),
        in_query_(scope == QueryScope::kQuery),
        begins_(in_query_) {}

  // The next value, behind the one before.
  SecretSpan next();

 private:
  struct Value {
    std::size_t begin;
    unsigned level;  // how often the '&' that ends it may be encoded
  };

  std::optional<Value> value_of_listed(std::size_t at, unsigned level) const;
  std::optional<Value> value_of(std::string_view name, std::size_t at, unsigned level) const;
  std::size_t end_of(const Value& value) const;
  bool ends_url(std::size_t at) const;

  const QueryNames& names_;
  const QueryScope scope_;
  const std::string_view text_;
  std::size_t at_ = 0;
  bool in_query_;
  bool begins_;         // a name may begin at at_
  unsigned level_ = 0;  // how often the delimiter in front of it was encoded
};

}  // namespace tapline
