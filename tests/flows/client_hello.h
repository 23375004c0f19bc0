// Builds TLS ClientHellos, whole and wrong ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tapline::test {

// A big-endian number of `width` bytes.
inline std::string number(std::size_t value, std::size_t width) {
  std::string out;
  while (width-- > 0) out += static_cast<char>(value >> (8 * width) & 0xff);
  return out;
}

// Behind its length, which lies by `off`.
inline std::string with_length(std::string_view bytes, std::size_t width, std::size_t off = 0) {
  return number(bytes.size() + off, width).append(bytes);
}

inline std::string extension(std::size_t type, std::string_view data, std::size_t off = 0) {
  return number(type, 2) + with_length(data, 2, off);
}

// One entry of a server name list; type 0 is a host name (RFC 6066 section 3).
inline std::string name_entry(std::string_view name, std::size_t type = 0, std::size_t off = 0) {
  return number(type, 1) + with_length(name, 2, off);
}
inline std::string server_name_extension(std::string_view entries, std::size_t list_off = 0,
                                         std::size_t off = 0) {
  return extension(0, with_length(entries, 2, list_off), off);
}
inline std::string server_name_of(std::string_view name) { return server_name_extension(name_entry(name)); }

// What real clients put around it: GREASE (RFC 8701), groups, versions, a key share. Browsers shuffle them.
inline std::string usual_extensions(std::string_view server_name, std::size_t key_share = 36) {
  return extension(0x1a1a, "") + extension(51, std::string(key_share, 'k')) + std::string(server_name) +
         extension(10, with_length(std::string("\x3a\x3a\0\x1d", 4), 2)) +
         extension(43, "\x04\x03\x04\x03\x03") + extension(0x8a8a, std::string(1, '\0'));
}

// The handshake message. Without `extensions`, the field is not there at all, as old clients leave it out.
inline std::string hello_message(const std::optional<std::string>& extensions, std::size_t extensions_off = 0,
                                 std::size_t message_off = 0, std::uint8_t type = 1) {
  std::string body = "\x03\x03" + std::string(32, 'r') + with_length(std::string(32, 's'), 1) +
                     with_length(std::string("\x2a\x2a\x13\x01\x13\x02\x13\x03", 8), 2) +
                     with_length(std::string(1, '\0'), 1);
  if (extensions) body += with_length(*extensions, 2, extensions_off);
  return number(type, 1) + with_length(body, 3, message_off);
}

// As TLS records of at most `fragment` bytes.
inline std::string records(std::string_view message, std::size_t fragment = 1u << 14) {
  std::string out;
  for (; !message.empty(); message.remove_prefix(std::min(fragment, message.size()))) {
    out += "\x16\x03\x01" + with_length(message.substr(0, fragment), 2);
  }
  return out;
}

inline std::string client_hello(std::string_view name, std::size_t key_share = 36) {
  return records(hello_message(usual_extensions(server_name_of(name), key_share)));
}

}  // namespace tapline::test
