// The TCP options of a SYN.
#pragma once

#include <cstdint>
#include <span>

#include "flows/events.h"

namespace tapline {

// Reads MSS, window scale, SACK-permitted and timestamps (RFC 9293 section 3.2, RFC 7323, RFC 2018) into
// `parameters`. Unknown options are passed over; reading stops at a length that makes no sense.
void read_syn_options(std::span<const std::uint8_t> options, SynParameters& parameters);

}  // namespace tapline
