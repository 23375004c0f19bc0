// Appends JSON to a line, in place: no document, no temporary strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "exporters/line_output.h"

namespace tapline {

// Puts the commas where they belong; that brackets match, and that an object's values have keys, is the
// caller's business. Not thread-safe.
class JsonWriter {
 public:
  // `out` must outlive the writer.
  explicit JsonWriter(LineOutput& out) : out_(out) {}

  // How string() takes bytes: as UTF-8 (the default), or each as the code point of its value.
  void set_latin1(bool on) { latin1_ = on; }
  bool latin1() const { return latin1_; }

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  // `name` must need no escapes.
  template <std::size_t N>
  void key(const char (&name)[N]) {
    char* p = separate(N + 3);
    *p++ = '"';
    std::memcpy(p, name, N - 1);
    p += N - 1;
    *p++ = '"';
    *p++ = ':';
    out_.advance(p);
    comma_ = false;
  }
  // Like key(), for names that are not literals.
  void key_name(std::string_view name);

  void number(std::uint64_t value);
  void boolean(bool value);
  // A string of our own, which needs no escapes.
  void plain_string(std::string_view text);
  // A string of any bytes. Escapes what must be: '"', '\\', U+0000 to U+001F, U+007F to U+009F.
  // REQUIRES, unless latin1(): `bytes` is valid UTF-8.
  void string(std::string_view bytes) {
    open('"');
    text(bytes);
    close('"');
  }

  // A string that `write(char*)` puts there: it gets room for `room` bytes, writes what needs no escapes, and
  // returns the end.
  template <typename Write>
  void string_of(std::size_t room, Write write) {
    char* p = separate(room + 3);
    *p++ = '"';
    p = write(p);
    *p++ = '"';
    out_.advance(p);
    comma_ = true;
  }

  template <std::size_t N>
  void field(const char (&name)[N], std::uint64_t value) {
    key(name);
    number(value);
  }
  template <std::size_t N>
  void field(const char (&name)[N], std::string_view plain) {
    key(name);
    plain_string(plain);
  }

  // Ends the record's outermost object, and the line.
  void end_line();

 private:
  // Room for `n` bytes, the comma (if one is due) already written into it.
  char* separate(std::size_t n) {
    char* p = out_.need(n);
    *p = ',';
    return p + comma_;
  }
  void text(std::string_view bytes);
  void open(char bracket) {
    char* p = separate(2);
    *p++ = bracket;
    out_.advance(p);
    comma_ = false;
  }
  void close(char bracket) {
    char* p = out_.need(1);
    *p++ = bracket;
    out_.advance(p);
    comma_ = true;
  }

  LineOutput& out_;
  bool comma_ = false;  // the next key or value follows another
  bool latin1_ = false;
};

}  // namespace tapline
