// What it costs, by tapline-micro's encode_ecs_http: see bench/README.md. The strings of a record are many
// and short (a header's name, a header's value), so what counts is not bytes in a loop but branches that are
// mispredicted because lengths differ. With AVX-512 a string of up to 64 bytes is one masked load and one
// store; the others choose by size between pairs of moves that overlap.
#include "exporters/plain_text.h"

#include <array>
#include <cstdint>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace tapline {
namespace {

constexpr std::array<bool, 256> plain_bytes() {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\' && c != '@';
  return plain;
}
constexpr std::array<bool, 256> kPlain = plain_bytes();

constexpr std::size_t kLineMarks = 9;  // ["","],

bool is_plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

// Copies text of which some is not plain, and puts a backslash in front of '"' and '\\'; null where another
// byte is not plain. Without a branch a byte; writes up to twice the text's size.
char* copy_quotes(char* p, std::string_view text) {
  bool others = false;
  for (const char c : text) {
    const bool quote = c == '"' || c == '\\';
    others |= !quote && !is_plain(c);
    *p = '\\';
    p += quote;
    *p++ = c;
  }
  return others ? nullptr : p;
}

// Of one to three bytes: first, middle and last are all of them.
bool copy_few(char* p, std::string_view text) {
  const std::size_t n = text.size();
  const char first = text[0], middle = text[n / 2], last = text[n - 1];
  p[0] = first;
  p[n / 2] = middle;
  p[n - 1] = last;
  return is_plain(first) && is_plain(middle) && is_plain(last);
}

template <typename Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

template <typename Word>
void store(char* to, Word word) {
  std::memcpy(to, &word, sizeof word);
}

// The halves of up to twice their size, which overlap; in one word.
template <typename Half>
std::uint64_t copy_halves(char* p, std::string_view text, std::uint64_t& second) {
  const Half a = load<Half>(text.data()), b = load<Half>(text.data() + text.size() - sizeof(Half));
  store(p, a);
  store(p + text.size() - sizeof(Half), b);
  second = b;
  return a;
}

// Words of eight bytes: for processors whose vectors are not used here.
struct Words {
  static constexpr std::uint64_t repeat(std::uint64_t byte) { return byte * 0x0101010101010101u; }

  // The high bit of each byte that is not plain, and perhaps of one next to such a byte: in the subtractions
  // it comes up when the byte was below the subtrahend, in the addition for 0x7f, in x itself above that.
  static std::uint64_t alarm(std::uint64_t x) {
    const auto equals = [x](char c) { return (x ^ repeat(static_cast<unsigned char>(c))) - repeat(1); };
    return ((x - repeat(0x20)) | equals('"') | equals('\\') | equals('@') | (x + repeat(1)) | x) &
           repeat(0x80);
  }

  static char* copy(char* p, std::string_view text) {
    const std::size_t n = text.size();
    std::uint64_t alarms = 0;
    if (n >= 8) {
      for (std::size_t i = 0; i + 8 <= n; i += 8) {
        const auto word = load<std::uint64_t>(text.data() + i);
        store(p + i, word);
        alarms |= alarm(word);
      }
      const auto last = load<std::uint64_t>(text.data() + n - 8);
      store(p + n - 8, last);
      alarms |= alarm(last);
    } else if (n >= 4) {
      std::uint64_t second;
      const std::uint64_t first = copy_halves<std::uint32_t>(p, text, second);
      alarms = alarm(first | second << 32);
    } else if (n > 0 && !copy_few(p, text)) {
      return nullptr;
    }
    return alarms == 0 ? p + n : nullptr;
  }
};

#ifdef __x86_64__

// Every x86-64 processor has SSE2.
struct Sse2 {
  // Of each byte that is not plain, all bits.
  static __m128i alarm(__m128i x) {
    const auto equals = [x](char c) { return _mm_cmpeq_epi8(x, _mm_set1_epi8(c)); };
    const __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));  // signed: and from 0x80 on
    return _mm_or_si128(_mm_or_si128(low, equals(0x7f)),
                        _mm_or_si128(_mm_or_si128(equals('"'), equals('\\')), equals('@')));
  }
  static __m128i load_vector(const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
  static void store_vector(char* to, __m128i vector) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), vector);
  }

  static char* copy(char* p, std::string_view text) {
    const std::size_t n = text.size();
    __m128i alarms;
    if (n >= 16) {
      const __m128i last = load_vector(text.data() + n - 16);
      alarms = alarm(last);
      for (std::size_t i = 0; i + 16 <= n; i += 16) {
        const __m128i vector = load_vector(text.data() + i);
        store_vector(p + i, vector);
        alarms = _mm_or_si128(alarms, alarm(vector));
      }
      store_vector(p + n - 16, last);
    } else if (n >= 8) {
      std::uint64_t second;
      const std::uint64_t first = copy_halves<std::uint64_t>(p, text, second);
      alarms = alarm(_mm_set_epi64x(static_cast<long long>(second), static_cast<long long>(first)));
    } else if (n >= 4) {
      std::uint64_t second;
      const std::uint64_t first = copy_halves<std::uint32_t>(p, text, second);
      alarms = alarm(_mm_set1_epi64x(static_cast<long long>(first | second << 32)));
    } else {
      return n == 0 || copy_few(p, text) ? p + n : nullptr;
    }
    return _mm_movemask_epi8(alarms) == 0 ? p + n : nullptr;
  }
};

// VBMI: Intel's processors since Ice Lake, AMD's since Zen 4. Those before it have AVX-512 and pay for it
// with their clock.
#define TAPLINE_AVX512 __attribute__((target("avx512bw,avx512vbmi,bmi,bmi2")))

// 0 for what is plain, the high bit for the rest of ASCII.
alignas(64) constexpr std::array<std::uint8_t, 128> kAlarms = [] {
  std::array<std::uint8_t, 128> alarms{};
  for (std::size_t c = 0; c < alarms.size(); ++c) alarms[c] = kPlain[c] ? 0 : 0x80;
  return alarms;
}();

struct Avx512 {
  // A table of 128 bytes, looked up by the low seven bits; the eighth is itself an alarm.
  TAPLINE_AVX512 static __mmask64 alarm(__m512i x) {
    const __m512i low = _mm512_load_si512(kAlarms.data()), high = _mm512_load_si512(kAlarms.data() + 64);
    return _mm512_movepi8_mask(_mm512_or_si512(x, _mm512_permutex2var_epi8(low, x, high)));
  }

  // The mask of a vector's first n bytes, n <= 64. A masked load does not touch what its mask leaves out.
  TAPLINE_AVX512 static __mmask64 first(std::size_t n) {
    return _bzhi_u64(~std::uint64_t{0}, static_cast<unsigned>(n));
  }

  TAPLINE_AVX512 static char* copy(char* p, std::string_view text) {
    const char* from = text.data();
    std::size_t n = text.size();
    __mmask64 alarms = 0;
    for (; n > 64; n -= 64, from += 64, p += 64) {
      const __m512i x = _mm512_loadu_si512(from);
      _mm512_storeu_si512(p, x);
      alarms |= alarm(x);
    }
    const __mmask64 mask = first(n);
    const __m512i x = _mm512_maskz_loadu_epi8(mask, from);
    _mm512_storeu_si512(p, x);
    alarms |= alarm(x) & mask;
    return alarms == 0 ? p + n : nullptr;
  }

  // Goes on where copy() of up to 64 bytes has left off at `alarms`: puts a backslash in front of '"' and
  // '\\', null where another byte is not plain. Writes less than twice the text's size and kCopyRoom bytes.
  TAPLINE_AVX512 static char* escape_quotes(char* p, std::string_view text, __m512i x, __mmask64 alarms) {
    const __mmask64 quotes =
        _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('"')) | _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\\'));
    if ((alarms & ~quotes) != 0) return nullptr;
    for (; alarms != 0; alarms = _blsr_u64(alarms)) {
      const std::size_t at = _tzcnt_u64(alarms);
      p[at] = '\\';
      ++p;
      _mm512_storeu_si512(p + at, _mm512_maskz_loadu_epi8(first(text.size() - at), text.data() + at));
    }
    return p + text.size();
  }

  TAPLINE_AVX512 static char* copy_value(char* p, const char* limit, std::string_view value) {
    if (value.size() > 64) {
      char* const end = copy(p, value);
      if (end != nullptr || static_cast<std::size_t>(limit - p) < 2 * value.size() + kCopyRoom) return end;
      return copy_quotes(p, value);
    }
    const __mmask64 mask = first(value.size());
    const __m512i x = _mm512_maskz_loadu_epi8(mask, value.data());
    _mm512_storeu_si512(p, x);
    const __mmask64 alarms = alarm(x) & mask;
    if (alarms == 0) return p + value.size();
    if (static_cast<std::size_t>(limit - p) < 2 * value.size() + kCopyRoom) return nullptr;
    return escape_quotes(p, value, x, alarms);
  }

  TAPLINE_AVX512 static CopiedLines copy_lines(char* p, const char* limit,
                                               std::span<const MessageScan::Line> lines) {
    std::size_t count = 0;
    for (const MessageScan::Line& line : lines) {
      const HeaderField& field = *line.field;
      const std::size_t size = field.name.size() + field.value.size() + kLineMarks + kCopyRoom;
      if (!line.plain || static_cast<std::size_t>(limit - p) < size) break;
      std::memcpy(p, "[\"", 2);
      if (field.known == KnownHeader::kOther) {
        if (copy(p + 2, field.name) == nullptr) break;
      } else {  // a name that is known is plain, and shorter than a vector
        _mm512_storeu_si512(p + 2, _mm512_maskz_loadu_epi8(first(field.name.size()), field.name.data()));
      }
      p += 2 + field.name.size();
      std::memcpy(p, "\",\"", 4);
      char* const end = copy_value(p + 3, limit - 3, field.value);
      if (end == nullptr) return {p - 2 - field.name.size(), count};
      std::memcpy(end, "\"],", 4);
      p = end + 3;
      ++count;
    }
    return {p, count};
  }
};

#endif  // __x86_64__

template <typename Vector>
CopiedLines copy_lines(char* p, const char* limit, std::span<const MessageScan::Line> lines) {
  std::size_t count = 0;
  for (const MessageScan::Line& line : lines) {
    const std::string_view name = line.field->name, value = line.field->value;
    const std::size_t size = name.size() + value.size() + kLineMarks + kCopyRoom;
    if (!line.plain || static_cast<std::size_t>(limit - p) < size) break;
    std::memcpy(p, "[\"", 2);
    char* end = Vector::copy(p + 2, name);
    if (end == nullptr) break;
    std::memcpy(end, "\",\"", 3);
    char* const begin = end + 3;
    end = Vector::copy(begin, value);
    if (end == nullptr && static_cast<std::size_t>(limit - p) >= size + value.size()) {
      end = copy_quotes(begin, value);  // an entity tag
    }
    if (end == nullptr) break;
    std::memcpy(end, "\"],", 3);
    p = end + 3;
    ++count;
  }
  return {p, count};
}

#ifdef __x86_64__

// Avx512::copy_lines with all that it calls in it.
TAPLINE_AVX512 __attribute__((flatten)) CopiedLines copy_lines_avx512(
    char* p, const char* limit, std::span<const MessageScan::Line> lines) {
  return Avx512::copy_lines(p, limit, lines);
}

// The fastest first.
constexpr std::array<PlainText, 3> kAll = {{
    {"avx512", Avx512::copy, copy_lines_avx512},
    {"sse2", Sse2::copy, copy_lines<Sse2>},
    {"words", Words::copy, copy_lines<Words>},
}};

std::span<const PlainText> available() {
  const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
                      __builtin_cpu_supports("bmi2");
  return std::span(kAll).subspan(avx512 ? 0 : 1);
}

#else

constexpr std::array<PlainText, 1> kAll = {{{"words", Words::copy, copy_lines<Words>}}};

std::span<const PlainText> available() { return kAll; }

#endif

}  // namespace

const PlainText& plain_text() { return available().front(); }

std::span<const PlainText> all_plain_texts() { return available(); }

}  // namespace tapline
