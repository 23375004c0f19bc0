// The format `text`: one short aligned line a record, for a person at a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "exporters/line_output.h"
#include "exporters/record_encoder.h"
#include "exporters/record_set.h"
#include "exporters/redaction.h"
#include "exporters/terminal_line.h"
#include "exporters/time_text.h"

namespace tapline {

struct TextOptions {
  RecordSet records = RecordSet::defaults();
  Redaction redaction{};    // of URLs
  bool colour = false;      // SGR escape sequences
  std::uint32_t width = 0;  // columns that a line may take: a longer URL is cut, with an ellipsis; 0: never
};

// Writes straight into `out`; allocates nothing after the first records. No byte from the wire reaches the
// terminal but printable ones: control characters, and those that change the direction of text, are shown as
// escapes.
class TextEncoder final : public RecordEncoder {
 public:
  // `out` must outlive the encoder.
  TextEncoder(TextOptions options, LineOutput& out);

  void on_transaction(const TransactionEvent& event) override;
  void on_request(const RequestEvent& event) override;
  void on_connection(const ConnectionEvent& event) override;
  void on_packet(const PacketEvent& event) override;
  void on_stats(const StatsRecord& stats) override;

 private:
  void begin_line(std::int64_t time);
  void write_client(const ConnectionInfo& connection);
  void write_method(const MessageView* request);
  void write_incomplete(std::uint8_t incomplete);
  void write_marks(const TransactionEvent& event);
  void write_url(const MessageView* request);
  void write_closed(const ConnectionEvent& event);

  const TextOptions options_;
  TerminalLine line_;
  TimeText times_;
  std::string info_;  // scratch
};

}  // namespace tapline
