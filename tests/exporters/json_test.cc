#include "exporters/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "exporters/append.h"
#include "exporters/plain_text.h"
#include "exporters/utf8.h"
#include "tests/exporters/exact_output.h"

namespace tapline {
namespace {

using nlohmann::json;

// One record {"s": text}, as a line.
std::string line_of(std::string_view text, bool latin1, std::size_t spare = 0) {
  ExactOutput out(spare);
  JsonWriter writer(out);
  writer.set_latin1(latin1);
  writer.begin_object();
  writer.key("s");
  writer.string(text);
  writer.end_line();
  return out.line();
}

// What a reader of a latin1 record does: each code point is a byte.
std::string bytes_from_code_points(std::string_view utf8) {
  std::string bytes;
  while (!utf8.empty()) {
    const Utf8Character character = first_utf8(utf8);
    EXPECT_GT(character.length, 0u);
    EXPECT_LT(character.code, 0x100u);
    bytes.push_back(static_cast<char>(character.code));
    utf8.remove_prefix(character.length);
  }
  return bytes;
}

void expect_latin1_round_trip(const std::string& bytes) {
  const std::string line = line_of(bytes, true);
  ASSERT_EQ(line.back(), '\n');
  EXPECT_EQ(bytes_from_code_points(json::parse(line)["s"].get<std::string>()), bytes);
  for (const char c : std::string_view(line).substr(0, line.size() - 1)) {
    EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << line;
  }
}

TEST(JsonText, EachByteComesBackAsLatin1WhereverItStands) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t before = 0; before < 10; ++before) {
      expect_latin1_round_trip(std::string(before, 'a') + static_cast<char>(byte) + "0123456789");
    }
  }
}

TEST(JsonText, RandomBytesComeBackAsLatin1) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 2000; size += 1 + size / 7) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    expect_latin1_round_trip(bytes);
  }
}

TEST(JsonText, Utf8ComesBackAsItIs) {
  std::mt19937 random(2);
  const std::string alphabet[] = {"a",        "\"",       "\\", "\n", "\x7f", "\xc2\x80",
                                  "\xc2\x9f", "\xc2\xa0", "é",  "→",  "😀",    "plain text"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < round; ++i) text += alphabet[random() % std::size(alphabet)];
    ASSERT_TRUE(is_utf8(text));
    EXPECT_EQ(json::parse(line_of(text, false))["s"].get<std::string>(), text);
  }
}

TEST(JsonText, AControlCharacterOfTwoBytesIsEscapedAcrossAnyBoundary) {
  // Text goes out in pieces; the character must not be torn at any of their ends.
  for (std::size_t before = 0; before < 600; ++before) {
    EXPECT_EQ(line_of(std::string(before, 'x') + "\xc2\x85z", false),
              "{\"s\":\"" + std::string(before, 'x') + "\\u0085z\"}\n");
  }
}

TEST(JsonText, EscapesAreTheContracts) {
  EXPECT_EQ(line_of(std::string_view("\0\x1f\"\\/\x7f\n", 7), false),
            "{\"s\":\"\\u0000\\u001f\\\"\\\\/\\u007f\\u000a\"}\n");
  EXPECT_EQ(line_of("\x80\x9f\xa0\xff", true), "{\"s\":\"\\u0080\\u009f\xc2\xa0\xc3\xbf\"}\n");
  EXPECT_EQ(line_of("é→", false), "{\"s\":\"é→\"}\n");
  EXPECT_EQ(line_of("", false), "{\"s\":\"\"}\n");
}

TEST(JsonText, RoomToSpareChangesNothing) {
  const std::string text(5000, '\x01');
  EXPECT_EQ(line_of(text, false, 4096), line_of(text, false));
}

TEST(AppendNumber, AgreesWithTheLibraryAtEveryLength) {
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> numbers = {0, UINT64_MAX};
  for (std::uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
    for (const std::uint64_t number : {power - 1, power, power + 1, 10 * power - 1})
      numbers.push_back(number);
  }
  for (unsigned i = 0; i < 20'000; ++i) numbers.push_back(random() >> (i % 64));
  for (const std::uint64_t number : numbers) {
    const auto room = std::make_unique<char[]>(kMaxDigits);
    EXPECT_EQ(std::string(room.get(), append_number(room.get(), number)), std::to_string(number));
  }
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '@'; }

// In memory that begins and ends with it, for the sanitizer to see who reads more.
struct Bytes {
  explicit Bytes(std::string_view text) : size(text.size()), data(std::make_unique<char[]>(size)) {
    std::copy(text.begin(), text.end(), data.get());
  }
  std::string_view view() const { return {data.get(), size}; }
  std::size_t size;
  std::unique_ptr<char[]> data;
};

TEST(PlainText, EveryImplementationSeesEachByteThatIsNotPlainWhereverItStands) {
  const std::string alphabet =
      "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'()*+,-./:;<=>?[]^_`{|}~";
  for (const PlainText& plain : all_plain_texts()) {
    for (std::size_t size = 0; size < 140; ++size) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += alphabet[(i + size) % alphabet.size()];
      const auto room = std::make_unique<char[]>(size + kCopyRoom);
      const auto copied = [&](const Bytes& bytes) {
        char* end = plain.copy(room.get(), bytes.view());
        return end == nullptr ? "not plain" : std::string(room.get(), end);
      };
      ASSERT_EQ(copied(Bytes(text)), text) << plain.name;
      for (std::size_t at = 0; at < size; ++at) {
        Bytes bytes(text);
        for (int byte = 0; byte < 256; ++byte) {
          bytes.data[at] = static_cast<char>(byte);
          const bool expected = is_plain(bytes.data[at]);
          ASSERT_EQ(copied(bytes) == bytes.view(), expected)
              << plain.name << ' ' << size << ' ' << at << ' ' << byte;
        }
      }
    }
  }
}

TEST(PlainText, EveryImplementationCopiesHeaderLinesUpToTheFirstThatNeedsMore) {
  std::mt19937 random(4);
  for (const PlainText& plain : all_plain_texts()) {
    for (int round = 0; round < 2000; ++round) {
      std::vector<HeaderField> fields;
      std::vector<std::string> texts;
      for (int i = 0; i < 8; ++i) {
        for (std::size_t size : {random() % 20, random() % 100}) {
          std::string& text = texts.emplace_back(size, 'x');
          if (size == 0 || random() % 8 != 0) continue;
          for (auto marks = random() % 3 + 1; marks > 0; --marks)
            text[random() % size] = "\"\\\"\x80"[random() % 4];
        }
        if (random() % 2 == 0) texts[texts.size() - 2] = "Content-Type";  // known as plain
      }
      for (std::size_t i = 0; i < texts.size(); i += 2) fields.emplace_back(texts[i], texts[i + 1]);
      std::vector<MessageScan::Line> lines;
      for (const HeaderField& field : fields)
        lines.push_back({&field, RedactionRule::kText, random() % 16 != 0});
      // Room for some of them; what is written behind it, the sanitizer sees.
      const std::size_t size = random() % 1200;
      const auto room = std::make_unique<char[]>(size);
      const CopiedLines copied = plain.copy_lines(room.get(), room.get() + size, lines);
      std::string expected;
      const auto all = [](const std::string& text, auto test) {
        return std::all_of(text.begin(), text.end(), test);
      };
      const auto is_quote = [](char c) { return c == '"' || c == '\\'; };
      const auto copiable = [&](char c) { return is_plain(c) || is_quote(c); };
      for (std::size_t i = 0; i < copied.count; ++i) {
        EXPECT_TRUE(lines[i].plain);
        EXPECT_TRUE(all(texts[2 * i], is_plain));
        EXPECT_TRUE(all(texts[2 * i + 1], copiable));
        expected += "[\"" + texts[2 * i] + "\",\"";
        for (const char c : texts[2 * i + 1]) expected += (is_quote(c) ? "\\" : "") + std::string(1, c);
        expected += "\"],";
      }
      ASSERT_EQ(std::string(room.get(), copied.end), expected) << plain.name;
      if (copied.count == lines.size()) continue;
      // It had a reason to stop.
      const std::string &name = texts[2 * copied.count], &value = texts[2 * copied.count + 1];
      EXPECT_TRUE(!lines[copied.count].plain || !all(name, is_plain) || !all(value, copiable) ||
                  size - expected.size() < name.size() + 2 * value.size() + 9 + kCopyRoom);
    }
  }
}

TEST(JsonWriter, CommasStandBetweenMembersAndElements) {
  ExactOutput out;
  JsonWriter writer(out);
  for (int i = 0; i < 2; ++i) {  // the second line must not begin with a comma
    writer.begin_object();
    writer.key("a");
    writer.begin_array();
    writer.number(0);
    writer.number(UINT64_MAX);
    writer.begin_array();
    writer.end_array();
    writer.begin_object();
    writer.end_object();
    writer.boolean(true);
    writer.boolean(false);
    writer.end_array();
    writer.field("b", "x");
    writer.key_name("c");
    writer.begin_object();
    writer.field("d", 7);
    writer.end_object();
    writer.end_line();
  }
  const std::string line = R"({"a":[0,18446744073709551615,[],{},true,false],"b":"x","c":{"d":7}})"
                           "\n";
  EXPECT_EQ(out.lines(), (std::vector<std::string>{line, line}));
}

TEST(Utf8, EveryTwoByteSequenceAndTheEdgesOfLongerOnes) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const std::string pair{static_cast<char>(a), static_cast<char>(b)};
      const bool ascii = a < 0x80 && b < 0x80;
      const bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
      EXPECT_EQ(is_utf8(pair), ascii || two) << a << ' ' << b;
    }
  }
  struct Case {
    const char* bytes;
    bool valid;
  };
  for (const Case& c : {Case{"\xe0\xa0\x80", true},
                        {"\xe0\x9f\xbf", false},
                        {"\xed\x9f\xbf", true},
                        {"\xed\xa0\x80", false},
                        {"\xee\x80\x80", true},
                        {"\xef\xbf\xbf", true},
                        {"\xf0\x90\x80\x80", true},
                        {"\xf0\x8f\xbf\xbf", false},
                        {"\xf4\x8f\xbf\xbf", true},
                        {"\xf4\x90\x80\x80", false},
                        {"\xf5\x80\x80\x80", false},
                        {"\xe2\x82", false},
                        {"\xf0\x9f\x98", false},
                        {"12345678\xc3", false},
                        {"12345678\xc3\xa9"
                         "12345678",
                         true},
                        {"", true}}) {
    EXPECT_EQ(is_utf8(c.bytes), c.valid) << json(c.bytes).dump(-1, ' ', true, json::error_handler_t::replace);
  }
}

}  // namespace
}  // namespace tapline
