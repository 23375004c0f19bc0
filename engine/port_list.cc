#include "engine/port_list.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace tapline {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Nothing for what is no number from 1 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

absl::Status insert_element(std::string_view element, PortSet& ports) {
  const std::string quoted = "'" + std::string(element) + "'";
  const std::size_t dash = element.find('-');
  if (dash == std::string_view::npos) {
    const std::optional<std::uint16_t> port = parse_port(element);
    if (!port) return absl::InvalidArgumentError(quoted + " is not a port (a number from 1 to 65535)");
    ports.insert(*port);
    return absl::OkStatus();
  }
  const std::optional<std::uint16_t> first = parse_port(trim(element.substr(0, dash)));
  const std::optional<std::uint16_t> last = parse_port(trim(element.substr(dash + 1)));
  if (!first || !last) {
    return absl::InvalidArgumentError(quoted + " is not a range of ports (write it like 8000-8100)");
  }
  if (*first > *last) return absl::InvalidArgumentError("the range " + quoted + " goes backwards");
  for (std::uint32_t port = *first; port <= *last; ++port) ports.insert(static_cast<std::uint16_t>(port));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PortSet> parse_ports(std::string_view list) {
  PortSet ports;
  for (std::string_view rest = list;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view element = trim(rest.substr(0, comma));
    if (element.empty()) {
      return absl::InvalidArgumentError("'" + std::string(list) +
                                        "' has an empty element: write ports like 80,8080,8000-8100");
    }
    if (absl::Status status = insert_element(element, ports); !status.ok()) return status;
    if (comma == std::string_view::npos) return ports;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace tapline
