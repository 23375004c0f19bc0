// Message framing and the chunk decoder (flows/http_stream.h): the input is one direction of a connection,
// fed whole and in pieces.
//
// Two bytes of options and two of a seed for the pieces stand before the stream; see Plan.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flows/http_head.h"
#include "flows/http_stream.h"
#include "tests/fuzz/check.h"

namespace tapline {
namespace {

constexpr std::uint32_t kFirstSeq = 0xfffffff0u;  // so that the numbers wrap early
constexpr std::int64_t kTime = 1'700'000'000'000'000'000;

struct Plan {
  bool response = false;
  bool searching = false;    // the stream is met in its middle
  bool closes = false;       // it ends by FIN
  bool bare_bodies = false;  // foreign bytes are an HTTP/0.9 response
  bool candidates = false;   // heads found by searching are taken
  bool all_chunked = false;  // whatever the head says
  bool to_head = false;      // responses are to HEAD
  bool gaps = false;         // some pieces were not captured
  bool scarce = false;       // the pool has next to no room
  bool patient = false;      // a few foreign bytes do not say what they are
  bool reads_on = false;     // foreign bytes are asked for as they come
  std::uint32_t max_head = 64u << 10;
  std::uint32_t seed = 0;
};

Plan read_plan(std::string_view options) {
  const auto byte = [options](std::size_t i) { return static_cast<unsigned char>(options[i]); };
  Plan plan;
  plan.response = (byte(0) & 1) != 0;
  plan.searching = (byte(0) & 2) != 0;
  plan.closes = (byte(0) & 4) != 0;
  plan.bare_bodies = (byte(0) & 8) != 0;
  plan.candidates = (byte(0) & 16) != 0;
  plan.all_chunked = (byte(0) & 32) != 0;
  plan.to_head = (byte(0) & 64) != 0;
  plan.gaps = (byte(1) & 1) != 0;
  plan.scarce = (byte(1) & 2) != 0;
  if ((byte(1) & 4) != 0) plan.max_head = 96;
  plan.patient = (byte(1) & 8) != 0;
  plan.reads_on = (byte(1) & 16) != 0;
  plan.seed = byte(2) * 256u + byte(3) + 1u;
  return plan;
}

struct Event {
  char kind = 0;
  std::string text;
  std::uint64_t place = 0;           // offset in the stream
  std::uint64_t wire = 0, body = 0;  // of the bytes and gaps told
  friend bool operator==(const Event&, const Event&) = default;
};

// Writes down what the stream tells, and holds it to the rules of MessageHandler.
class Recorder final : public MessageHandler {
 public:
  Recorder(const Plan& plan, HttpStream& stream) : plan_(plan), stream_(stream) {}

  Body on_head(std::string_view head, const PlainHead* plain, const Origin& first, std::int64_t last_time,
               bool cut) override {
    FUZZ_CHECK(!current_);
    FUZZ_CHECK(!head.empty() && head.size() <= plan_.max_head);
    FUZZ_CHECK(plain == nullptr || (!cut && plain->facts().size == head.size()));
    FUZZ_CHECK(last_time >= first.time_ns);
    events_.push_back({cut ? 'c' : 'h', std::string(head), offset_of(first)});
    accounted_ += head.size();
    http_seen_ = current_ = true;
    HttpHead parsed;
    FUZZ_CHECK(plan_.response ? read_response_head(head, parsed) : read_request_head(head, parsed));
    return body_of(parsed);
  }
  void on_partial_head(std::string_view head, const Origin& first, std::int64_t last_time,
                       bool closed) override {
    FUZZ_CHECK(!current_);
    FUZZ_CHECK(!head.empty() && head.size() <= plan_.max_head && last_time >= first.time_ns);
    events_.push_back({closed ? 'P' : 'p', std::string(head), offset_of(first)});
    accounted_ += head.size();
  }
  void on_bytes(std::uint64_t wire, std::uint64_t body, std::int64_t) override {
    FUZZ_CHECK(current_ && wire > 0 && body <= wire);
    add('b', wire, body);
  }
  void on_gap(std::uint64_t bytes, bool body) override {
    FUZZ_CHECK(current_ && bytes > 0);
    add('g', bytes, body ? bytes : 0);
  }
  void on_trailers(std::string_view lines) override {
    FUZZ_CHECK(current_ && lines.size() <= plan_.max_head);
    std::vector<HeaderField> fields;
    read_header_lines(lines, fields);
    if (fields.empty()) return;
    events_.push_back({'t', {}});
    for (const HeaderField& field : fields) {
      events_.back().text.append(field.name).append(1, ':').append(field.value).append(1, '\n');
    }
  }
  void on_end() override { message_over('e'); }
  void on_cut() override { message_over('x'); }
  void on_lost() override { message_over('l'); }
  void on_hole() override { events_.push_back({'o', {}}); }
  bool on_candidate(const Origin& first) override {
    FUZZ_CHECK(!current_);
    events_.push_back({'?', {}, offset_of(first)});
    return plan_.candidates;
  }
  Foreign on_foreign(std::string_view bytes, const Origin& first, bool searching) override {
    constexpr std::size_t kEnoughToSay = 6;
    FUZZ_CHECK(!current_ && !bytes.empty());
    if (plan_.patient && !searching && bytes.size() < kEnoughToSay && !reading_on_)
      return Foreign::kMoreNeeded;
    if (!reading_on_) events_.push_back({'f', {}, offset_of(first)});
    if (plan_.reads_on) {
      reading_on_ = true;
      return Foreign::kReadOn;
    }
    if (plan_.response && plan_.bare_bodies && !searching) {
      current_ = true;
      return Foreign::kBareBody;
    }
    if (!http_seen_) return Foreign::kNotHttp;
    on_hole();
    return Foreign::kSearch;
  }

  bool in_message() const { return current_; }
  // Bytes and gaps that belong to messages.
  std::uint64_t accounted() const { return accounted_; }
  // What was told before the first search, which goes by segments.
  std::vector<Event> before_search() const {
    const auto searches = [](const Event& event) { return event.kind == 'o' || event.kind == '?'; };
    return {events_.begin(), std::find_if(events_.begin(), events_.end(), searches)};
  }

 private:
  static std::uint64_t offset_of(const Origin& origin) { return origin.seq - kFirstSeq; }

  // RFC 9112 section 6.3, as far as one direction knows it.
  Body body_of(const HttpHead& head) {
    if (plan_.all_chunked) return {Body::Kind::kChunked, 0};
    if (plan_.response) {
      if (head.status == 101) return leave_http();
      if (plan_.to_head || head.status < 200 || head.status == 204 || head.status == 304) return {};
    } else if (head.method == "CONNECT") {
      return {};
    }
    if (head.framing.chunked) return {Body::Kind::kChunked, 0};
    const bool length = head.framing.content_length && !head.framing.bad_content_length;
    if (head.framing.other_coding || (plan_.response && !length)) return {Body::Kind::kUntilClose, 0};
    return {Body::Kind::kLength, head.framing.content_length.value_or(0)};
  }
  // As Exchange does: the message is over with its head.
  Body leave_http() {
    current_ = false;
    stream_.skip_rest();
    return {Body::Kind::kOpaque, 0};
  }

  void add(char kind, std::uint64_t wire, std::uint64_t body) {
    accounted_ += wire;
    if (events_.empty() || events_.back().kind != kind) events_.push_back({kind, {}});
    events_.back().wire += wire;
    events_.back().body += body;
  }
  void message_over(char kind) {
    FUZZ_CHECK(current_);
    current_ = false;
    events_.push_back({kind, {}});
  }

  const Plan& plan_;
  HttpStream& stream_;
  std::vector<Event> events_;
  std::uint64_t accounted_ = 0;
  bool http_seen_ = false;
  bool reading_on_ = false;  // foreign bytes are asked for
  bool current_ = false;     // there is a current message
};

// xorshift (Marsaglia 2003): the same pieces for the same input.
class Pieces {
 public:
  explicit Pieces(std::uint32_t seed) : state_(seed) {}
  std::uint32_t next(std::uint32_t below) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % below;
  }

 private:
  std::uint32_t state_;
};

// Leaves one block of the smallest size.
std::vector<BytePool::Handle> take_nearly_all(BytePool& pool) {
  std::vector<BytePool::Handle> taken;
  while (pool.size() - pool.used() > BytePool::kUnit) taken.push_back(pool.allocate(BytePool::kUnit));
  return taken;
}

// `longest`: of a piece, in bytes; 0: all in one.
std::vector<Event> run(const Plan& plan, std::string_view stream, std::uint32_t longest) {
  static BytePool pool(64u << 10);
  FUZZ_CHECK(pool.used() == 0);
  const auto taken = plan.scarce ? take_nearly_all(pool) : std::vector<BytePool::Handle>();
  const std::size_t used = pool.used();
  FlowCounters counters;
  StreamContext context{pool, counters, plan.max_head};
  HttpStream parser;
  Recorder recorder(plan, parser);
  Pieces pieces(plan.seed);
  parser.start(plan.response, plan.searching);
  std::uint32_t seq = kFirstSeq;
  for (std::string_view rest = stream; !rest.empty();) {
    const std::size_t size =
        longest == 0 ? rest.size() : std::min<std::size_t>(rest.size(), 1 + pieces.next(longest));
    // Each in memory of its own, so that keeping a view or reading on is an error that is seen.
    const auto copy = std::make_unique<char[]>(size);
    std::copy_n(rest.data(), size, copy.get());
    if (plan.gaps && pieces.next(4) == 0) {
      parser.gap(context, recorder, size);
    } else {
      const std::uint64_t before = recorder.accounted();
      const bool was_opaque = parser.opaque();
      parser.data(context, recorder, {copy.get(), size}, Origin{kTime, 1, seq, 0, false}, true);
      FUZZ_CHECK(!was_opaque || recorder.accounted() == before);
    }
    seq += static_cast<std::uint32_t>(size);
    rest.remove_prefix(size);
  }
  plan.closes ? parser.end(context, recorder) : parser.abandon(context, recorder, false);
  FUZZ_CHECK(!recorder.in_message());
  FUZZ_CHECK(recorder.accounted() <= stream.size());
  FUZZ_CHECK(pool.used() == used);
  for (const BytePool::Handle block : taken) pool.release(block, BytePool::kUnit);
  return recorder.before_search();
}

}  // namespace
}  // namespace tapline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kOptions = 4;
  constexpr std::size_t kLongest = 1u << 16;
  if (size < kOptions || size > kLongest) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const tapline::Plan plan = tapline::read_plan(input.substr(0, kOptions));
  const std::string_view stream = input.substr(kOptions);
  const auto pieces = tapline::run(plan, stream, 24);
  if (plan.searching || plan.gaps || plan.scarce) return 0;
  const auto whole = tapline::run(plan, stream, 0);
  FUZZ_CHECK(pieces == whole);
  if (size < 512) FUZZ_CHECK(tapline::run(plan, stream, 1) == whole);
  return 0;
}
