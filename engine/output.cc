#include "engine/output.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "engine/redact_key.h"
#include "exporters/ecs_encoder.h"
#include "exporters/text_encoder.h"

namespace tapline {
namespace {

bool is_terminal(const Writer& writer) { return isatty(writer.target().fd()) != 0; }

}  // namespace

bool colour_is_welcome() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

absl::StatusOr<Redaction> redaction_of(const Options& options, const Console& console) {
  if (!options.redact) return Redaction::off();
  Redaction redaction;
  if (options.redact_key) {
    absl::StatusOr<std::string> key = read_redact_key(*options.redact_key, console);
    if (!key.ok()) return key.status();
    redaction = Redaction::keyed(KeyedHash(*key));
  }
  redaction.add_query_names(options.redact_query);
  return redaction;
}

absl::StatusOr<Output> Output::open(const Options& options, SlowSink slow_sink, const Console& console) {
  absl::StatusOr<Redaction> redaction = redaction_of(options, console);
  if (!redaction.ok()) return redaction.status();
  absl::StatusOr<OutputTarget> target = OutputTarget::open(options.output);
  if (!target.ok()) return absl::InvalidArgumentError(target.status().message());
  absl::StatusOr<std::unique_ptr<Writer>> writer = Writer::create(*std::move(target));
  if (!writer.ok()) return writer.status();
  return Output(options, *std::move(redaction), slow_sink, *std::move(writer));
}

Output::Output(const Options& options, Redaction redaction, SlowSink slow_sink,
               std::unique_ptr<Writer> writer)
    : format_(options.format.value_or(is_terminal(*writer) ? Format::kText : Format::kEcs)),
      records_(options.records),
      headers_(options.headers),
      redaction_(std::move(redaction)),
      colour_(is_terminal(*writer) && colour_is_welcome()),
      slow_sink_(slow_sink),
      writer_(std::move(writer)) {}

OutputChannel Output::add_channel(const std::vector<std::string>* interfaces) {
  LineBuffers& lines = writer_->add_worker(LineBufferOptions{.slow_sink = slow_sink_});
  if (format_ == Format::kText) {
    TextOptions options{.records = records_, .redaction = redaction_, .colour = colour_, .width = 0};
    return {&lines, std::make_unique<TextEncoder>(std::move(options), lines)};
  }
  EcsOptions options{
      .records = records_, .headers = headers_, .redaction = redaction_, .interfaces = interfaces};
  return {&lines, std::make_unique<EcsEncoder>(std::move(options), lines)};
}

}  // namespace tapline
