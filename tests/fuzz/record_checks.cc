#include "tests/fuzz/record_checks.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "tests/fuzz/check.h"

namespace tapline::fuzz {
namespace {

using Json = nlohmann::json;

struct Life {
  int last_step = -1;
  std::set<std::uint64_t> numbers, early;  // of transactions, and of those told as requests before
};

// JSON allows a name twice in an object; our readers would lose one of the two.
Json parse(const std::string& line) {
  std::vector<std::set<std::string>> names;
  const auto watch = [&names](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key) FUZZ_CHECK(names.back().insert(value.get<std::string>()).second);
    return true;
  };
  Json json = Json::parse(line, watch, false);
  FUZZ_CHECK(!json.is_discarded());
  return json;
}

void check_values(const Json& value) {
  if (value.is_structured()) {
    for (const Json& item : value) check_values(item);
    return;
  }
  FUZZ_CHECK(value.is_string() || value.is_boolean() || value.is_number_unsigned());
}

// 2022-10-23T13:46:42.145850123Z
void check_time(const Json& value) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
  const auto& text = value.get_ref<const std::string&>();
  const auto fits = [](char c, char shape) { return shape == 'd' ? c >= '0' && c <= '9' : c == shape; };
  FUZZ_CHECK(std::equal(text.begin(), text.end(), kShape.begin(), kShape.end(), fits));
}

void check_common(const Json& record) {
  check_time(record.at("@timestamp"));
  for (const char* side : {"source", "destination"}) {
    FUZZ_CHECK(!record.at(side).at("ip").get_ref<const std::string&>().empty());
    FUZZ_CHECK(record.at(side).at("port").get<std::uint64_t>() < 65536);
  }
  const auto& type = record.at("network").at("type").get_ref<const std::string&>();
  FUZZ_CHECK(type == "ipv4" || type == "ipv6");
  FUZZ_CHECK(record.at("network").at("transport") == "tcp");
  FUZZ_CHECK(record.at("network").at("community_id").get_ref<const std::string&>().starts_with("1:"));
  FUZZ_CHECK(record.at("connection").at("id").get_ref<const std::string&>().size() == 26);
  FUZZ_CHECK(record.value("encoding", "latin1") == "latin1");
}

void check_message(const Json& message) {
  FUZZ_CHECK(message.at("body").at("bytes").get<std::uint64_t>() <= message.at("bytes").get<std::uint64_t>());
  if (!message.contains("headers")) return;
  for (const Json& field : message.at("headers")) {
    FUZZ_CHECK(field.size() == 2 && field[0].is_string() && field[1].is_string());
  }
}

// A record of a request alone, before that of its transaction.
void check_request(const Json& record, Life& life) {
  const auto number = record.at("connection").at("transaction").get<std::uint64_t>();
  FUZZ_CHECK(record.at("event").at("action") == "request");
  FUZZ_CHECK(!life.numbers.contains(number) && life.early.insert(number).second);
  FUZZ_CHECK(record.at("http").contains("request") && !record.at("http").contains("response"));
}

void check_transaction(const Json& record, Life& life) {
  const Json& http = record.at("http");
  const bool request = http.contains("request"), response = http.contains("response");
  FUZZ_CHECK(request || response);
  FUZZ_CHECK(record.at("network").at("protocol") == "http");
  FUZZ_CHECK(life.numbers.insert(record.at("connection").at("transaction").get<std::uint64_t>()).second);
  if (request) {
    check_message(http.at("request"));
    FUZZ_CHECK(!http.at("request").at("method").get_ref<const std::string&>().empty());
    if (record.contains("url"))
      FUZZ_CHECK(!record.at("url").at("original").get_ref<const std::string&>().empty());
  }
  // Interim responses alone make a response without a message.
  if (response && http.at("response").contains("bytes")) check_message(http.at("response"));
  const Json incomplete = http.value("incomplete", Json::array());
  const auto misses = [&incomplete](const char* what) {
    return std::find(incomplete.begin(), incomplete.end(), what) != incomplete.end();
  };
  FUZZ_CHECK(request != misses("request"));
  FUZZ_CHECK(!response || http.at("response").contains("interim") || !misses("response"));
  FUZZ_CHECK(!http.contains("gap") || http.at("gap").at("bytes").get<std::uint64_t>() > 0);
}

void check_step(const Json& record, Life& life, bool all_kept) {
  constexpr std::array<std::string_view, 4> kSteps = {"opened", "established", "half-closed", "closed"};
  const Json& event = record.at("event");
  const auto step = std::find(kSteps.begin(), kSteps.end(), event.at("action").get_ref<const std::string&>());
  FUZZ_CHECK(step != kSteps.end());
  const int number = static_cast<int>(step - kSteps.begin());
  FUZZ_CHECK(number > life.last_step);
  if (number == 1 || number == 2) FUZZ_CHECK(life.last_step >= 0);  // opened came first
  life.last_step = number;
  if (*step != "closed") return;
  check_time(event.at("start"));
  check_time(event.at("end"));
  FUZZ_CHECK(event.at("start").get_ref<const std::string&>() <=
             event.at("end").get_ref<const std::string&>());
  const auto transactions = record.at("connection").at("transactions").get<std::uint64_t>();
  FUZZ_CHECK(transactions >= life.numbers.size());
  if (all_kept) {
    FUZZ_CHECK(transactions == life.numbers.size());
    FUZZ_CHECK(std::includes(life.numbers.begin(), life.numbers.end(), life.early.begin(), life.early.end()));
  }
  if (!life.numbers.empty()) FUZZ_CHECK(*life.numbers.rbegin() <= transactions);
}

}  // namespace

RecordCounts check_records(const std::vector<std::string>& lines, bool all_kept) {
  std::map<std::string, Life> lives;
  RecordCounts counts;
  for (const std::string& line : lines) {
    FUZZ_CHECK(!line.empty() && line.find('\n') == line.size() - 1);
    const Json record = parse(line);
    check_values(record);
    check_common(record);
    Life& life = lives[record.at("connection").at("id").get<std::string>()];
    FUZZ_CHECK(life.last_step < 3);  // not closed
    const auto& dataset = record.at("event").at("dataset").get_ref<const std::string&>();
    const auto& action = record.at("event").at("action").get_ref<const std::string&>();
    if (dataset == "tapline.http" && action != "transaction") {
      check_request(record, life);
    } else if (dataset == "tapline.http") {
      check_transaction(record, life);
      ++counts.transactions;
    } else {
      FUZZ_CHECK(dataset == "tapline.connection");
      check_step(record, life, all_kept);
      counts.closed += life.last_step == 3 ? 1 : 0;
    }
  }
  for (const auto& [id, life] : lives) FUZZ_CHECK(life.last_step == 3);
  return counts;
}

void check_text_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    FUZZ_CHECK(!line.empty() && line.back() == '\n');
    const auto obeyed = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    FUZZ_CHECK(std::none_of(line.begin(), line.end() - 1, obeyed));
    FUZZ_CHECK(!nlohmann::json(line).dump(-1, ' ', false, nlohmann::json::error_handler_t::strict).empty());
  }
}

}  // namespace tapline::fuzz
