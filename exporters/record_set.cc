#include "exporters/record_set.h"

#include <string>

#include "absl/status/status.h"

namespace tapline {
namespace {

bool add_named(std::string_view name, RecordSet& set) {
  if (name == "http") {
    set.add(RecordKind::kHttp);
  } else if (name == "request") {
    set.add(RecordKind::kRequest);
  } else if (name == "opened") {
    set.add(RecordKind::kOpened);
  } else if (name == "established") {
    set.add(RecordKind::kEstablished);
  } else if (name == "half-closed") {
    set.add(RecordKind::kHalfClosed);
  } else if (name == "closed") {
    set.add(RecordKind::kClosed);
  } else if (name == "stats") {
    set.add(RecordKind::kStats);
  } else if (name == "packet") {
    set.add(RecordKind::kPacket);
  } else if (name == "connection") {
    set.add(RecordKind::kOpened);
    set.add(RecordKind::kEstablished);
    set.add(RecordKind::kHalfClosed);
    set.add(RecordKind::kClosed);
  } else {
    return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<RecordSet> parse_record_set(std::string_view list) {
  RecordSet set;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    if (!add_named(name, set)) {
      return absl::InvalidArgumentError("there is no record '" + std::string(name) +
                                        "'; records are http, request, connection (opened, established, "
                                        "half-closed, closed), stats and packet");
    }
    if (comma == std::string_view::npos) return set;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace tapline
