#include "exporters/header_names.h"

#include <algorithm>

namespace tapline {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

KnownHeader if_equal(std::string_view name, std::string_view expected, KnownHeader header) {
  return equal_ignoring_case(name, expected) ? header : KnownHeader::kOther;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return x == y || lower(x) == lower(y); });
}

KnownHeader known_header(std::string_view name) {
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
  switch (name.size()) {
    case 4:
      return if_equal(name, "host", KnownHeader::kHost);
    case 6:
      return if_equal(name, "cookie", KnownHeader::kCookie);
    case 7:
      return if_equal(name, "referer", KnownHeader::kReferer);
    case 8:
      return if_equal(name, "location", KnownHeader::kLocation);
    case 9:
      return if_equal(name, "forwarded", KnownHeader::kForwarded);
    case 10:
      return lower(name[0]) == 's' ? if_equal(name, "set-cookie", KnownHeader::kSetCookie)
                                   : if_equal(name, "user-agent", KnownHeader::kUserAgent);
    case 12:
      return if_equal(name, "content-type", KnownHeader::kContentType);
    case 13:
      return if_equal(name, "authorization", KnownHeader::kAuthorization);
    case 15:
      return if_equal(name, "x-forwarded-for", KnownHeader::kXForwardedFor);
    case 16:
      return lower(name[8]) == 'e' ? if_equal(name, "content-encoding", KnownHeader::kContentEncoding)
                                   : if_equal(name, "content-location", KnownHeader::kContentLocation);
    case 19:
      return if_equal(name, "proxy-authorization", KnownHeader::kProxyAuthorization);
    default:
      return KnownHeader::kOther;
  }
}

}  // namespace tapline
