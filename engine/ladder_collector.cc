#include "engine/ladder_collector.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "exporters/address_text.h"
#include "flows/decode.h"

namespace tapline {
namespace {

bool same_client(const ConnectionInfo& a, const ConnectionInfo& b) {
  return a.client_ip == b.client_ip && a.client_port == b.client_port && a.server_ip == b.server_ip;
}

}  // namespace

bool LadderCollector::is_chosen(const ConnectionInfo& connection) const {
  if (!choice_) return connection.number == 1 && connections_ <= 1;
  if (*choice_ == std::to_string(connection.number)) return true;
  if (choice_->size() != kConnectionIdText) return false;
  std::array<char, kConnectionIdText> id;
  append_connection_id(id.data(), connection.id);
  return *choice_ == std::string_view(id.data(), id.size());
}

void LadderCollector::on_packet(const PacketEvent& event) {
  connections_ = std::max(connections_, event.connection.number);
  if (!is_chosen(event.connection) || segments_.size() == kMostSegments) return;
  const TcpSegment& segment = event.segment;
  client_ = event.sender == Side::kClient ? segment.sender : static_cast<std::uint8_t>(1 - segment.sender);
  told_as_ = event.connection;
  LadderSegment kept;
  kept.time = segment.time_ns;
  kept.frame = event.packet.ordinal;
  kept.flags = segment.flags;
  kept.analysis = event.numbers.analysis;
  kept.sequence = event.numbers.sequence;
  kept.raw_sequence = segment.seq;
  kept.acknowledgment = event.numbers.acknowledgment.value_or(0);
  kept.payload_bytes = segment.payload_bytes;
  segments_.push_back(kept);
  observed_.push_back({segment.sender, segment.flags, segment.seq, segment.ack, segment.payload_bytes});
}

void LadderCollector::on_transaction(const TransactionEvent& event) {
  if (!is_chosen(event.connection)) return;
  add_message(event.request, Side::kClient);
  add_message(event.response, Side::kServer);
}

void LadderCollector::add_message(const MessageView* message, Side from) {
  if (message == nullptr || messages_.size() == kMostSegments) return;
  const bool has_start_line = from == Side::kClient ? !message->method.empty() : message->status != 0;
  if (!has_start_line) return;
  messages_.push_back({message->packet, from, start_line_text(*message, from, redaction_)});
}

void LadderCollector::on_connection(const ConnectionEvent& event) {
  if (event.action != ConnectionAction::kClosed) return;
  connections_ = std::max(connections_, event.connection.number);
  const LadderSummary summary = LadderSummary::of(event);
  if (is_chosen(event.connection)) summary_ = summary;
  if (!choice_ && list_.size() < kMostListed) list_.push_back(summary);
}

std::vector<LadderSummary> LadderCollector::take_list() {
  std::sort(list_.begin(), list_.end(), [](const LadderSummary& a, const LadderSummary& b) {
    return a.connection.number < b.connection.number;
  });
  return std::move(list_);
}

std::optional<Ladder> LadderCollector::take_ladder() {
  if (!summary_ || segments_.empty() || (!choice_ && connections_ > 1)) return std::nullopt;
  // Who is who may have been decided after the last segment.
  if (!same_client(told_as_, summary_->connection)) client_ = static_cast<std::uint8_t>(1 - client_);
  const auto server = static_cast<std::uint8_t>(1 - client_);
  const TcpStateHistory states = tcp_states(observed_);
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    segments_[i].from = observed_[i].sender == client_ ? Side::kClient : Side::kServer;
    segments_[i].states = {states.after[i][client_], states.after[i][server]};
  }
  std::stable_sort(messages_.begin(), messages_.end(),
                   [](const LadderMessage& a, const LadderMessage& b) { return a.frame < b.frame; });
  return Ladder{.summary = *summary_,
                .before = {states.before[client_], states.before[server]},
                .segments = std::move(segments_),
                .messages = std::move(messages_)};
}

}  // namespace tapline
