// The words that records use for the enumerations of flows/events.h.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "flows/events.h"

namespace tapline {

std::string_view name_of(AppProtocol protocol);  // empty for kUnknown
std::string_view name_of(Outcome outcome);
std::string_view name_of(ConnectionAction action);
std::string_view name_of(CloseReason reason);
std::string_view name_of(Teardown teardown);

// Calls `emit(word)` for each bit of Incomplete that is set, from the lowest.
template <typename Emit>
void for_each_incomplete(std::uint8_t bits, Emit emit) {
  constexpr std::array<std::string_view, 6> kWords = {"request",       "response",     "request_head",
                                                      "response_head", "request_body", "response_body"};
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if ((bits >> i & 1) != 0) emit(kWords[i]);
  }
}

}  // namespace tapline
