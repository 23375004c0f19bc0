// What finding and reading message heads costs, by each of the scanners (flows/head_index.h) that this
// processor can run, and by Node.js's old parser.
#include <benchmark/benchmark.h>
#include <http_parser.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http_text.h"
#include "bench/micro.h"
#include "flows/http_head.h"
#include "flows/http_stream.h"
#include "flows/plain_head.h"

namespace tapline::bench {
namespace {

using Texts = std::vector<std::string>;

constexpr std::size_t kHeads = 2000;

// Heads that differ, as long as browsers and servers make them, or made longer by one header.
Texts usual_heads(bool request, std::optional<std::uint32_t> bytes = {}) {
  Random random(1);
  Texts heads;
  for (std::size_t i = 0; i < kHeads; ++i) {
    heads.push_back(request ? request_text(random, false, bytes)
                            : response_text(random, false, {.head_bytes = bytes, .body_bytes = 0u}));
  }
  return heads;
}

// One request, again and again.
Texts repeated(const std::string& lines) { return Texts(100, "GET / HTTP/1.1\r\n" + lines + "\r\n"); }

Texts many_headers(std::size_t count, std::string_view name) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) lines += std::string(name) + ": v\r\n";
  return repeated(lines);
}

Texts many_cookies() {
  std::string lines;
  while (lines.size() < 60u << 10) lines += "Cookie: a=b; c=d; session=0123456789abcdef; theme=dark\r\n";
  return repeated(lines);
}

void count_bytes(benchmark::State& state, const Texts& texts) {
  std::int64_t bytes = 0;
  for (const std::string& text : texts) bytes += static_cast<std::int64_t>(text.size());
  state.SetBytesProcessed(state.iterations() * bytes);
  per_item(state, "head", texts.size());
}

bool reads(const std::string& text, bool request, HttpHead& head, const HeadScanner& scanner) {
  std::size_t lines = 0;
  for (std::size_t at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at + 2)) ++lines;
  if (!(request ? read_request_head(text, head, scanner) : read_response_head(text, head, scanner)))
    return false;
  if (head.headers.size() != lines - 2 || head.size != text.size()) return false;  // but start line and end
  return request ? head.method == "GET" : head.status == 200 && head.framing.content_length == 0u;
}

// The end is found while reading, as http-parser does it.
void read(benchmark::State& state, bool request, const Texts& heads, const HeadScanner& scanner) {
  HttpHead head;
  for (const std::string& text : heads) {
    if (!reads(text, request, head, scanner)) return wrong(state, "a head is read wrong");
  }
  for (auto _ : state) {
    for (const std::string& text : heads) {
      benchmark::DoNotOptimize(request ? read_request_head(text, head, scanner)
                                       : read_response_head(text, head, scanner));
    }
  }
  count_bytes(state, heads);
}

// As nearly all heads of a stream are read: facts, and how long the parts of the lines are.
void read_plain(benchmark::State& state, bool request, const Texts& heads, const HeadScanner& scanner) {
  for (const std::string& text : heads) {
    PlainHead head;
    if (!head.read(text, !request, scanner) || head.facts().size != text.size() || head.lines().size() < 6) {
      return wrong(state, "a head is not read as a plain one");
    }
  }
  for (auto _ : state) {
    for (const std::string& text : heads) {
      PlainHead head;
      benchmark::DoNotOptimize(head.read(text, !request, scanner));
      benchmark::DoNotOptimize(head);
    }
  }
  count_bytes(state, heads);
}

// As for a head in a stream that is none of these, before it is read.
void find_end(benchmark::State& state, const Texts& heads, const HeadScanner& scanner) {
  for (const std::string& head : heads) {
    if (find_head_end(head, 0, scanner) != head.size()) return wrong(state, "a head's end is not found");
  }
  for (auto _ : state) {
    for (const std::string& head : heads) benchmark::DoNotOptimize(find_head_end(head, 0, scanner));
  }
  count_bytes(state, heads);
}

// It tells of each name and value as it comes; here nobody listens.
void http_parser_reads(benchmark::State& state, bool request, const Texts& heads,
                       std::size_t segment = std::string::npos) {
  std::uint64_t fields = 0;
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_header_field = [](http_parser* parser, const char*, std::size_t) {
    ++*static_cast<std::uint64_t*>(parser->data);
    return 0;
  };
  settings.on_header_value = [](http_parser*, const char*, std::size_t) { return 0; };
  settings.on_url = settings.on_status = settings.on_header_value;
  const auto pass = [&] {
    bool whole = true;
    for (const std::string& text : heads) {
      http_parser parser;
      http_parser_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE);
      parser.data = &fields;
      for (std::size_t at = 0; at < text.size(); at += std::min(segment, text.size() - at)) {
        const std::string_view part = std::string_view(text).substr(at, segment);
        whole = http_parser_execute(&parser, &settings, part.data(), part.size()) == part.size() && whole;
      }
    }
    return whole;
  };
  if (!pass() || fields < 6 * heads.size()) return wrong(state, "http-parser does not read the heads");
  for (auto _ : state) benchmark::DoNotOptimize(pass());
  count_bytes(state, heads);
}

// Reads each head that a stream finds.
class ReadingHandler final : public MessageHandler {
 public:
  Body on_head(std::string_view bytes, const PlainHead*, const Origin&, std::int64_t, bool) override {
    fields += read_request_head(bytes, head_) ? head_.headers.size() : 0;
    return {};
  }
  void on_partial_head(std::string_view, const Origin&, std::int64_t, bool) override {}
  void on_bytes(std::uint64_t, std::uint64_t, std::int64_t) override {}
  void on_gap(std::uint64_t, bool) override {}
  void on_trailers(std::string_view) override {}
  void on_end() override {}
  void on_cut() override {}
  void on_lost() override {}
  void on_hole() override {}
  bool on_candidate(const Origin&) override { return false; }
  Foreign on_foreign(std::string_view, const Origin&, bool) override { return Foreign::kNotHttp; }

  std::size_t fields = 0;

 private:
  HttpHead head_;
};

// A stream that comes in segments of so many bytes.
void read_stream(benchmark::State& state, const Texts& heads, std::size_t segment) {
  BytePool pool(1u << 20);
  FlowCounters counters;
  StreamContext context{pool, counters, 64u << 10};
  ReadingHandler handler;
  HttpStream stream;
  stream.start(/*response=*/false, /*searching=*/false);
  const auto pass = [&] {
    for (const std::string& text : heads) {
      for (std::size_t at = 0; at < text.size(); at += segment) {
        stream.data(context, handler, std::string_view(text).substr(at, segment), {}, true);
      }
    }
  };
  pass();
  if (handler.fields < 6 * heads.size()) return wrong(state, "heads are not found in a stream");
  for (auto _ : state) pass();
  count_bytes(state, heads);
}

constexpr const char* kSomeLines = "\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\nI: j\r\nK: l\r\n\r\n";

struct HeadSet {
  std::string name;
  bool request;
  Texts heads;
};

const std::vector<HeadSet>& head_sets() {
  static const std::vector<HeadSet> sets = {
      {"request", true, usual_heads(true)},
      {"response", false, usual_heads(false)},
      {"request/2k", true, usual_heads(true, 2u << 10)},
      {"request/60k", true, usual_heads(true, 60u << 10)},
      {"short_names", true, many_headers(200, "a")},
      {"200_headers", true, many_headers(200, "X-Some-Header-Name")},
      {"60k_of_cookies", true, many_cookies()},
      {"60k_of_target", true, Texts(100, "GET /" + std::string(60u << 10, 'a') + " HTTP/1.1" + kSomeLines)},
  };
  return sets;
}

// head_read/avx2/request and so on.
const bool kRegistered = [] {
  for (const HeadSet& set : head_sets()) {
    benchmark::RegisterBenchmark(("head_http_parser/" + set.name).c_str(), [&set](benchmark::State& state) {
      http_parser_reads(state, set.request, set.heads);
    });
    for (const HeadScanner& scanner : head_scanners()) {
      const std::string name = "/" + std::string(scanner.name) + "/" + set.name;
      benchmark::RegisterBenchmark(("head_read" + name).c_str(), [&](benchmark::State& state) {
        read(state, set.request, set.heads, scanner);
      });
      if (&set < &head_sets()[2]) {
        benchmark::RegisterBenchmark(("head_plain" + name).c_str(), [&](benchmark::State& state) {
          read_plain(state, set.request, set.heads, scanner);
        });
      }
      benchmark::RegisterBenchmark(("head_end" + name).c_str(),
                                   [&](benchmark::State& state) { find_end(state, set.heads, scanner); });
    }
  }
  for (const std::size_t segment : {1, 16, 536}) {
    for (const HeadSet& set : head_sets()) {
      if (!set.request) continue;
      const std::string name = "/" + std::to_string(segment) + "/" + set.name;
      benchmark::RegisterBenchmark(("head_split" + name).c_str(), [=, &set](benchmark::State& state) {
        read_stream(state, set.heads, segment);
      });
      benchmark::RegisterBenchmark(
          ("head_http_parser_split" + name).c_str(),
          [=, &set](benchmark::State& state) { http_parser_reads(state, true, set.heads, segment); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace tapline::bench
