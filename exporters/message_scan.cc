#include "exporters/message_scan.h"

namespace tapline {
namespace {

void keep_first(const HeaderField*& place, const HeaderField& field) {
  if (place == nullptr) place = &field;
}

}  // namespace

void MessageScan::clear() {
  listed.clear();
  host = user_agent = referer = content_type = content_encoding = x_forwarded_for = forwarded = nullptr;
}

void MessageScan::read(const MessageView& message, const HeaderPolicy& policy) {
  clear();
  for (const HeaderField& field : message.headers) {
    switch (field.known) {
      case KnownHeader::kHost:
        keep_first(host, field);
        break;
      case KnownHeader::kUserAgent:
        keep_first(user_agent, field);
        break;
      case KnownHeader::kReferer:
        keep_first(referer, field);
        break;
      case KnownHeader::kContentType:
        keep_first(content_type, field);
        break;
      case KnownHeader::kContentEncoding:
        keep_first(content_encoding, field);
        break;
      case KnownHeader::kXForwardedFor:
        keep_first(x_forwarded_for, field);
        break;
      case KnownHeader::kForwarded:
        keep_first(forwarded, field);
        break;
      default:
        break;
    }
    if (policy.selects(field.name)) listed.push_back({&field, field.known});
  }
  for (const HeaderField& field : message.trailers) {
    if (policy.selects(field.name)) listed.push_back({&field, field.known});
  }
}

std::string_view MessageScan::mime_type() const {
  constexpr std::string_view kBlank = " \t\r\n";
  std::string_view type = value_of(content_type);
  type = type.substr(0, type.find(';'));
  const std::size_t begin = type.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return type.substr(begin, type.find_last_not_of(kBlank) - begin + 1);
}

const HeaderField* find_header(const MessageView& message, KnownHeader kind) {
  for (const HeaderField& field : message.headers) {
    if (field.known == kind) return &field;
  }
  return nullptr;
}

}  // namespace tapline
