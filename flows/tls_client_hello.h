// The server name in a TLS ClientHello.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tapline {

// Reads a ClientHello (RFC 8446 section 4.1.2; of any version from SSL 3.0 on) as its bytes come, over any
// number of segments and of records, up to the host name of its extension server_name (RFC 6066 section 3).
// Keeps nothing but that name, so that a hello may be of any size. With Encrypted Client Hello, it is the
// outer one that is read.
class ClientHelloReader {
 public:
  // Longer names than DNS has (RFC 1035 section 2.3.4) are passed over.
  static constexpr std::size_t kLongestName = 255;

  // Takes the next bytes of the client's stream, from its first on. True: the name is known, or it is known
  // that there is none, and nothing more must be given. A hello that contradicts itself, or bytes that are
  // none, have no name.
  bool read(std::string_view bytes);

  // As it was sent, which may be any bytes; empty: none. REQUIRES: read() gave true.
  std::string_view server_name() const { return {name_.data(), name_size_}; }

 private:
  // What the next number is, or with kHostName text.
  enum class Field : std::uint8_t {
    kType,
    kLength,
    kVersion,
    kSessionId,
    kCipherSuites,
    kCompressionMethods,
    kExtensions,
    kExtensionType,
    kServerName,
    kOtherExtension,
    kNameList,
    kNameType,
    kHostNameLength,
    kOtherName,
    kHostName,
    kDone
  };

  void record_header(std::uint8_t byte);
  std::size_t handshake(std::string_view bytes);
  void number_read();
  void expect(Field field, std::uint8_t width, std::uint32_t end);
  void enter(std::uint32_t& end, std::uint32_t outer);

  // Places are offsets in the handshake message, without record headers.
  std::uint32_t at_ = 0;
  std::uint32_t message_end_ = 0, extensions_end_ = 0, server_name_end_ = 0, list_end_ = 0;
  std::uint32_t skip_ = 0;         // bytes in front of the field that nobody needs
  std::uint32_t number_ = 0;       // the field, as far as it was read
  std::uint16_t record_left_ = 0;  // in the header: the length, as far as it was read
  std::uint8_t header_read_ = 0;   // bytes of the record header
  std::uint8_t width_ = 1;         // bytes of the field that are still to come
  std::uint8_t name_size_ = 0;
  Field field_ = Field::kType;
  std::array<char, kLongestName> name_;  // up to name_size_
};

}  // namespace tapline
