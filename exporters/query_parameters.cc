#include "exporters/query_parameters.h"

#include <algorithm>

#include "absl/status/status.h"

namespace tapline {
namespace {

constexpr std::size_t npos = std::string_view::npos;
constexpr std::string_view kDelimiters = "?#&;";

// A character of a URL, decoded.
struct Character {
  char value;
  std::size_t size;  // bytes that it takes in the text
  unsigned level;    // how often it was encoded: 0 for '&', 1 for "%26", 2 for "%2526"
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// REQUIRES: at < text.size().
Character character_at(std::string_view text, std::size_t at) {
  const Character plain{text[at], 1, 0};
  if (text[at] != '%') return plain;
  std::size_t digits = at + 1;
  unsigned level = 1;
  for (; text.substr(digits, 2) == "25"; digits += 2) ++level;
  if (digits + 2 > text.size()) return plain;
  const int high = hex_value(text[digits]), low = hex_value(text[digits + 1]);
  if (high < 0 || low < 0) return plain;
  return {static_cast<char>(high << 4 | low), digits + 2 - at, level};
}

char of_name(const Character& c) { return c.value == '+' && c.level == 0 ? ' ' : c.value; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_delimiter(char c) { return kDelimiters.find(c) != npos; }

}  // namespace

absl::StatusOr<QueryNames> parse_query_names(std::string_view list) {
  QueryNames names;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view given = list.substr(0, comma);
    if (given.empty() || given.find_first_of("=&;?#") != npos) {
      return absl::InvalidArgumentError(
          "'" + std::string(given) +
          "' is no name of a query parameter; give names with commas between them");
    }
    std::string& name = names.emplace_back();
    for (std::size_t at = 0; at < given.size();) {
      const Character c = character_at(given, at);
      name += of_name(c);
      at += c.size;
    }
    if (comma == npos) return names;
    list.remove_prefix(comma + 1);
  }
}

bool ParameterScan::ends_url(std::size_t at) const {
  constexpr std::string_view kEnd = " \t\r\n\"<>";
  return scope_ == QueryScope::kText && kEnd.find(text_[at]) != npos;
}

SecretSpan ParameterScan::next() {
  if (names_.empty()) return {};
  while (true) {
    if (begins_) {
      begins_ = false;
      if (const std::optional<Value> value = value_of_listed(at_, level_)) {
        at_ = end_of(*value);
        return {value->begin, at_};
      }
    }
    if (at_ >= text_.size()) return {};
    const Character c = character_at(text_, at_);
    if (c.value == '?' || c.value == '#') in_query_ = true;
    if (ends_url(at_)) in_query_ = false;
    begins_ = in_query_ && is_delimiter(c.value);
    level_ = c.level;
    at_ += c.size;
  }
}

std::optional<ParameterScan::Value> ParameterScan::value_of_listed(std::size_t at, unsigned level) const {
  for (const std::string& name : names_) {
    if (const std::optional<Value> value = value_of(name, at, level)) return value;
  }
  return std::nullopt;
}

std::optional<ParameterScan::Value> ParameterScan::value_of(std::string_view name, std::size_t at,
                                                            unsigned level) const {
  for (const char expected : name) {
    if (at >= text_.size()) return std::nullopt;
    const Character c = character_at(text_, at);
    if (lower(of_name(c)) != lower(expected)) return std::nullopt;
    at += c.size;
  }
  bool in_brackets = false;
  while (at < text_.size() && !ends_url(at)) {
    const Character c = character_at(text_, at);
    at += c.size;
    if (c.value == '=') return Value{at, std::min(level, c.level)};
    in_brackets = in_brackets || c.value == '[';
    if (!in_brackets || is_delimiter(c.value)) break;
  }
  return std::nullopt;
}

std::size_t ParameterScan::end_of(const Value& value) const {
  std::size_t at = value.begin;
  while (at < text_.size() && !ends_url(at)) {
    const Character c = character_at(text_, at);
    if (c.value == '&' && c.level <= value.level) break;
    at += c.size;
  }
  return at;
}

}  // namespace tapline
