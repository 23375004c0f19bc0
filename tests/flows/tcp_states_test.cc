// The states of both ends, segment by segment, in every case that RFC 9293 draws or describes. A state with a
// question mark is one that the capture does not prove.
#include "flows/tcp_states.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flows/decode.h"

namespace tapline::test {
namespace {

constexpr std::uint8_t kA = 0, kB = 1;
constexpr unsigned kSynAck = kSyn | kAck, kFinAck = kFin | kAck, kRstAck = kRst | kAck;

struct Step {
  std::uint8_t sender;
  unsigned flags;
  std::uint32_t seq, ack, bytes;
  const char* states;  // of A and B, once the segment has arrived
};

struct Case {
  const char* name;
  const char* before;
  std::vector<Step> steps;
};

std::string text_of(const TcpEndState& end) {
  static constexpr const char* kNames[] = {"CLOSED",  "LISTEN",     "SYN_SENT",   "SYN_RCVD",
                                           "ESTAB",   "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
                                           "CLOSING", "LAST_ACK",   "TIME_WAIT"};
  return std::string(kNames[static_cast<int>(end.state)]) + (end.certain ? "" : "?");
}
std::string text_of(const TcpStates& states) { return text_of(states[0]) + " " + text_of(states[1]); }

TcpStateHistory states_of(const std::vector<Step>& steps, std::uint32_t a_isn = 0, std::uint32_t b_isn = 0) {
  std::vector<ObservedSegment> segments;
  for (const Step& step : steps) {
    const std::uint32_t own = step.sender == kA ? a_isn : b_isn, peer = step.sender == kA ? b_isn : a_isn;
    segments.push_back({.sender = step.sender,
                        .flags = static_cast<std::uint8_t>(step.flags),
                        .seq = step.seq + own,
                        .ack = step.ack + peer,
                        .payload_bytes = step.bytes});
  }
  return tcp_states(segments);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"three_way_handshake_and_normal_close",  // figures 6 and 12
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 101, 301, 0, "ESTAB ESTAB"},
        {kA, kAck, 101, 301, 50, "ESTAB ESTAB"},
        {kA, kFinAck, 151, 301, 0, "FIN_WAIT_1 CLOSE_WAIT"},
        {kB, kAck, 301, 152, 0, "FIN_WAIT_2 CLOSE_WAIT"},
        {kB, kFinAck, 301, 152, 0, "TIME_WAIT LAST_ACK"},
        {kA, kAck, 152, 302, 0, "TIME_WAIT CLOSED"}}},
      {"three_way_close",
       "ESTAB? ESTAB?",
       {{kA, kFinAck, 100, 300, 0, "FIN_WAIT_1? CLOSE_WAIT?"},
        {kB, kFinAck, 300, 101, 0, "TIME_WAIT LAST_ACK"},
        {kA, kAck, 101, 301, 0, "TIME_WAIT CLOSED"}}},
      {"half_closed_other_end_goes_on_sending",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kFinAck, 101, 301, 20, "FIN_WAIT_1 CLOSE_WAIT"},
        {kB, kAck, 301, 122, 500, "FIN_WAIT_2 CLOSE_WAIT"},
        {kA, kAck, 122, 801, 0, "FIN_WAIT_2 CLOSE_WAIT"},
        {kB, kFinAck, 801, 122, 100, "TIME_WAIT LAST_ACK"},
        {kA, kAck, 122, 902, 0, "TIME_WAIT CLOSED"}}},
      {"fin_crosses_data_that_does_not_acknowledge_it",
       "ESTAB? ESTAB?",
       {{kA, kFinAck, 100, 300, 0, "FIN_WAIT_1? ESTAB?"},
        {kB, kAck, 300, 100, 50, "FIN_WAIT_1? ESTAB?"},
        {kB, kAck, 350, 100, 50, "FIN_WAIT_1? CLOSE_WAIT?"},
        {kB, kAck, 400, 101, 0, "FIN_WAIT_2? CLOSE_WAIT?"},
        {kB, kFinAck, 400, 101, 0, "TIME_WAIT LAST_ACK"},
        {kA, kAck, 101, 401, 0, "TIME_WAIT CLOSED"}}},
      {"simultaneous_open",  // figure 7
       "CLOSED CLOSED",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT CLOSED"},
        {kB, kSyn, 300, 0, 0, "SYN_RCVD SYN_RCVD"},
        {kA, kSynAck, 100, 301, 0, "SYN_RCVD ESTAB"},
        {kB, kSynAck, 300, 101, 0, "ESTAB ESTAB"}}},
      {"simultaneous_close",  // figure 13
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 101, 301, 0, "ESTAB ESTAB"},
        {kA, kFinAck, 101, 301, 0, "FIN_WAIT_1 ESTAB"},
        {kB, kFinAck, 301, 101, 0, "CLOSING CLOSING"},
        {kA, kAck, 102, 302, 0, "CLOSING TIME_WAIT"},
        {kB, kAck, 302, 102, 0, "TIME_WAIT TIME_WAIT"}}},
      {"half_open_discovered_by_a_syn",  // figure 9: A crashed and has forgotten the connection
       "CLOSED ESTAB?",
       {{kA, kSyn, 400, 0, 0, "SYN_SENT ESTAB?"},
        {kB, kAck, 300, 100, 0, "SYN_SENT ESTAB?"},
        {kA, kRst, 100, 0, 0, "SYN_SENT CLOSED"},
        {kA, kSyn, 400, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 900, 401, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 401, 901, 0, "ESTAB ESTAB"}}},
      {"half_open_discovered_by_data",  // figure 10: the crashed end answers with a reset
       "ESTAB? ESTAB?",
       {{kB, kAck, 300, 100, 10, "ESTAB? ESTAB?"}, {kA, kRst, 100, 0, 0, "CLOSED CLOSED"}}},
      {"refused",
       "CLOSED CLOSED",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT CLOSED"}, {kB, kRstAck, 0, 101, 0, "CLOSED CLOSED"}}},
      {"nobody_answers",
       "CLOSED LISTEN?",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD?"},
        {kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD?"},
        {kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD?"}}},
      {"syn_sent_again",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 101, 301, 0, "ESTAB ESTAB"}}},
      {"capture_lost_the_syn_ack",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kA, kAck, 101, 301, 0, "ESTAB ESTAB"},
        {kA, kAck, 101, 301, 50, "ESTAB ESTAB"},
        {kB, kAck, 301, 151, 90, "ESTAB ESTAB"}}},
      {"capture_lost_the_syn_ack_and_the_ack",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"}, {kB, kAck, 301, 101, 20, "ESTAB ESTAB"}}},
      {"capture_lost_the_ack_of_the_handshake",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kB, kAck, 301, 101, 20, "ESTAB ESTAB"}}},
      {"capture_begins_with_the_syn_ack",
       "SYN_SENT LISTEN",
       {{kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"}, {kA, kAck, 101, 301, 0, "ESTAB ESTAB"}}},
      {"backscatter",  // the answer to a SYN with a forged address
       "CLOSED LISTEN",
       {{kB, kSynAck, 300, 101, 0, "CLOSED SYN_RCVD"}, {kA, kRst, 101, 0, 0, "CLOSED LISTEN"}}},
      {"one_direction_only",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kA, kAck, 101, 301, 0, "ESTAB ESTAB"},
        {kA, kFinAck, 101, 301, 0, "FIN_WAIT_1 CLOSE_WAIT"},
        {kA, kAck, 102, 302, 0, "FIN_WAIT_1 CLOSE_WAIT"}}},
      {"fast_open",  // RFC 7413: data in the SYN, and an answer before the handshake is complete
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 40, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 141, 0, "ESTAB SYN_RCVD"},
        {kB, kAck, 301, 141, 200, "ESTAB SYN_RCVD"},
        {kA, kAck, 141, 501, 0, "ESTAB ESTAB"}}},
      {"fast_open_data_not_taken",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 40, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 101, 301, 40, "ESTAB ESTAB"}}},
      {"syn_scan",  // a passive open that is reset listens on
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kRst, 101, 0, 0, "CLOSED LISTEN"}}},
      {"reset_at_the_number_that_is_waited_for",
       "ESTAB? ESTAB?",
       {{kA, kAck, 100, 300, 50, "ESTAB? ESTAB?"},
        {kB, kAck, 300, 150, 0, "ESTAB? ESTAB?"},
        {kA, kRstAck, 150, 300, 0, "CLOSED CLOSED"}}},
      {"reset_in_the_window_but_ahead",  // answered by a challenge ACK
       "ESTAB? ESTAB?",
       {{kA, kAck, 100, 300, 50, "ESTAB? ESTAB?"},
        {kB, kAck, 300, 150, 0, "ESTAB? ESTAB?"},
        {kA, kRst, 5000, 0, 0, "CLOSED ESTAB?"},
        {kB, kAck, 300, 150, 0, "CLOSED ESTAB?"},
        {kA, kRst, 150, 0, 0, "CLOSED CLOSED"}}},
      {"reset_outside_the_window",
       "ESTAB? ESTAB?",
       {{kA, kAck, 100000, 300, 50, "ESTAB? ESTAB?"},
        {kB, kAck, 300, 100050, 0, "ESTAB? ESTAB?"},
        {kA, kRst, 7, 0, 0, "CLOSED ESTAB?"}}},
      {"reset_of_a_syn_that_acknowledges_something_else",
       "CLOSED CLOSED",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT CLOSED"}, {kB, kRstAck, 0, 77, 0, "SYN_SENT CLOSED"}}},
      {"challenge_ack_for_a_stray_syn",  // the old SYN, once more, does not disturb the connection
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 101, 301, 0, "ESTAB ESTAB"},
        {kA, kSyn, 100, 0, 0, "ESTAB ESTAB"},
        {kB, kAck, 301, 101, 0, "ESTAB ESTAB"}}},
      {"port_reuse_while_the_server_waits",
       "ESTAB? ESTAB?",
       {{kB, kFinAck, 300, 100, 0, "CLOSE_WAIT? FIN_WAIT_1?"},
        {kA, kFinAck, 100, 301, 0, "LAST_ACK TIME_WAIT"},
        {kB, kAck, 301, 101, 0, "CLOSED TIME_WAIT"},
        {kA, kSyn, 9000, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 7000, 9001, 0, "ESTAB SYN_RCVD"},
        {kA, kAck, 9001, 7001, 0, "ESTAB ESTAB"},
        {kA, kFinAck, 9001, 7001, 0, "FIN_WAIT_1 CLOSE_WAIT"},
        {kB, kFinAck, 7001, 9002, 0, "TIME_WAIT LAST_ACK"},
        {kA, kAck, 9002, 7002, 0, "TIME_WAIT CLOSED"}}},
      {"data_after_fin",  // what no correct stack sends changes nothing
       "ESTAB? ESTAB?",
       {{kA, kFinAck, 100, 300, 0, "FIN_WAIT_1? CLOSE_WAIT?"},
        {kB, kAck, 300, 101, 0, "FIN_WAIT_2? CLOSE_WAIT?"},
        {kA, kAck, 101, 300, 30, "FIN_WAIT_2? CLOSE_WAIT?"}}},
      {"data_for_an_end_that_has_closed",  // answered by a reset (section 3.6.1)
       "ESTAB? ESTAB?",
       {{kA, kFinAck, 100, 300, 0, "FIN_WAIT_1? CLOSE_WAIT?"},
        {kB, kAck, 300, 101, 0, "FIN_WAIT_2? CLOSE_WAIT?"},
        {kB, kAck, 300, 101, 30, "FIN_WAIT_2? CLOSE_WAIT?"},
        {kA, kRst, 101, 0, 0, "CLOSED CLOSED"}}},
      {"fin_sent_again",
       "ESTAB? ESTAB?",
       {{kA, kFinAck, 100, 300, 0, "FIN_WAIT_1? CLOSE_WAIT?"},
        {kA, kFinAck, 100, 300, 0, "FIN_WAIT_1? CLOSE_WAIT?"},
        {kB, kFinAck, 300, 101, 0, "TIME_WAIT LAST_ACK"},
        {kB, kFinAck, 300, 101, 0, "TIME_WAIT LAST_ACK"},
        {kA, kAck, 101, 301, 0, "TIME_WAIT CLOSED"}}},
      {"server_closes_before_the_handshake_ends",
       "CLOSED LISTEN",
       {{kA, kSyn, 100, 0, 0, "SYN_SENT SYN_RCVD"},
        {kB, kSynAck, 300, 101, 0, "ESTAB SYN_RCVD"},
        {kB, kFinAck, 301, 101, 0, "CLOSE_WAIT FIN_WAIT_1"},
        {kA, kFinAck, 101, 302, 0, "LAST_ACK TIME_WAIT"},
        {kB, kAck, 302, 102, 0, "CLOSED TIME_WAIT"}}},
      {"midstream",
       "ESTAB? ESTAB?",
       {{kA, kAck, 100, 300, 50, "ESTAB? ESTAB?"},
        {kB, kAck, 300, 150, 90, "ESTAB? ESTAB?"},
        {kA, kFinAck, 150, 390, 0, "FIN_WAIT_1? CLOSE_WAIT?"}}},
  };
  return kCases;
}

class TcpStatesTest : public testing::TestWithParam<Case> {};

// Each with its numbers as they stand, and with both ends' numbers wrapping around on the way.
TEST_P(TcpStatesTest, BothEndsAtEachStep) {
  for (const std::uint32_t isn : {0u, 0xffffff00u - 100, 0xfffffff0u - 300, 0x7fffff00u}) {
    const TcpStateHistory history = states_of(GetParam().steps, isn, isn);
    EXPECT_EQ(text_of(history.before), GetParam().before) << "numbers from " << isn;
    ASSERT_EQ(history.after.size(), GetParam().steps.size());
    for (std::size_t i = 0; i < history.after.size(); ++i) {
      EXPECT_EQ(text_of(history.after[i]), GetParam().steps[i].states)
          << "after segment " << i + 1 << ", numbers from " << isn;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc9293, TcpStatesTest, testing::ValuesIn(cases()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TcpStatesTest, NoSegments) { EXPECT_TRUE(tcp_states({}).after.empty()); }

// A FIN that is never acknowledged must not make each of its repetitions look at all that follows.
TEST(TcpStatesTest, TimeIsLinearInASenderOfFins) {
  std::vector<ObservedSegment> segments;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    segments.push_back({.sender = kA, .flags = kSyn, .seq = 2 * i, .ack = 0, .payload_bytes = 0});
    segments.push_back({.sender = kA, .flags = kFin | kAck, .seq = 2 * i + 1, .ack = 1, .payload_bytes = 0});
    segments.push_back({.sender = kB, .flags = kAck, .seq = 1, .ack = 0, .payload_bytes = 1});
  }
  EXPECT_EQ(tcp_states(segments).after.size(), segments.size());
}

}  // namespace
}  // namespace tapline::test
