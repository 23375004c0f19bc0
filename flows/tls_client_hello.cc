#include "flows/tls_client_hello.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tapline {

bool ClientHelloReader::read(std::string_view bytes) {
  constexpr std::uint8_t kHeader = 5;  // type, version, length
  while (!bytes.empty() && field_ != Field::kDone) {
    if (header_read_ < kHeader) {
      record_header(static_cast<std::uint8_t>(bytes.front()));
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t n = handshake(bytes.substr(0, record_left_));
    bytes.remove_prefix(n);
    record_left_ = static_cast<std::uint16_t>(record_left_ - n);
    if (record_left_ == 0) header_read_ = 0;
  }
  return field_ == Field::kDone;
}

// RFC 8446 section 5.1: between the parts of a handshake message there are no other records, and none of
// them is empty.
void ClientHelloReader::record_header(std::uint8_t byte) {
  constexpr std::uint16_t kLargest = 1u << 14;
  switch (header_read_++) {
    case 0:
      if (byte != 0x16) field_ = Field::kDone;
      return;
    case 1:
      if (byte != 3) field_ = Field::kDone;
      return;
    case 2:
      return;
    case 3:
      record_left_ = byte;
      return;
    default:
      record_left_ = static_cast<std::uint16_t>(record_left_ << 8 | byte);
      if (record_left_ == 0 || record_left_ > kLargest) field_ = Field::kDone;
  }
}

// Takes some of the bytes, which are not empty, and gives how many.
std::size_t ClientHelloReader::handshake(std::string_view bytes) {
  std::size_t n = 1;
  if (skip_ > 0) {
    n = std::min<std::size_t>(skip_, bytes.size());
    skip_ -= static_cast<std::uint32_t>(n);
  } else if (field_ == Field::kHostName) {
    n = std::min<std::size_t>(width_, bytes.size());
    std::memcpy(name_.data() + name_size_, bytes.data(), n);
    name_size_ = static_cast<std::uint8_t>(name_size_ + n);
    width_ = static_cast<std::uint8_t>(width_ - n);
    if (width_ == 0) field_ = Field::kDone;
  } else {
    number_ = number_ << 8 | static_cast<std::uint8_t>(bytes.front());
    --width_;
  }
  at_ += static_cast<std::uint32_t>(n);
  if (width_ == 0 && field_ != Field::kDone) number_read();
  return n;
}

// The next number has `width` bytes, behind those to be skipped; where `end` leaves no room for it, nothing
// more follows.
void ClientHelloReader::expect(Field field, std::uint8_t width, std::uint32_t end) {
  field_ = at_ + skip_ + width <= end ? field : Field::kDone;
  width_ = width;
  number_ = 0;
}

// What the number that was read is the length of ends at `end`, which must not lie behind `outer`.
void ClientHelloReader::enter(std::uint32_t& end, std::uint32_t outer) {
  end = at_ + number_ <= outer ? at_ + number_ : 0;
}

void ClientHelloReader::number_read() {
  constexpr std::uint32_t kNoEnd = std::numeric_limits<std::uint32_t>::max();
  switch (field_) {
    case Field::kType:
      return expect(Field::kLength, 3, number_ == 1 ? kNoEnd : 0);
    case Field::kLength:
      enter(message_end_, kNoEnd);
      return expect(Field::kVersion, 2, message_end_);
    case Field::kVersion:
      skip_ = 32;  // the random
      return expect(Field::kSessionId, 1, number_ >> 8 == 3 ? message_end_ : 0);
    case Field::kSessionId:
      skip_ = number_;
      return expect(Field::kCipherSuites, 2, message_end_);
    case Field::kCipherSuites:
      skip_ = number_;
      return expect(Field::kCompressionMethods, 1, message_end_);
    case Field::kCompressionMethods:
      skip_ = number_;
      return expect(Field::kExtensions, 2, message_end_);
    case Field::kExtensions:
      enter(extensions_end_, message_end_);
      return expect(Field::kExtensionType, 2, extensions_end_);
    case Field::kExtensionType:
      return expect(number_ == 0 ? Field::kServerName : Field::kOtherExtension, 2, extensions_end_);
    case Field::kOtherExtension:
      skip_ = number_;
      return expect(Field::kExtensionType, 2, extensions_end_);
    case Field::kServerName:
      enter(server_name_end_, extensions_end_);
      return expect(Field::kNameList, 2, server_name_end_);
    case Field::kNameList:
      enter(list_end_, server_name_end_);
      return expect(Field::kNameType, 1, list_end_);
    case Field::kNameType:
      return expect(number_ == 0 ? Field::kHostNameLength : Field::kOtherName, 2, list_end_);
    case Field::kOtherName:
      skip_ = number_;
      return expect(Field::kNameType, 1, list_end_);
    case Field::kHostNameLength:
      if (number_ == 0 || number_ > kLongestName) return expect(Field::kDone, 0, 0);
      return expect(Field::kHostName, static_cast<std::uint8_t>(number_), list_end_);
    case Field::kHostName:
    case Field::kDone:
      return;
  }
}

}  // namespace tapline
