#include "exporters/url.h"

#include <gtest/gtest.h>

#include <string>

namespace tapline {
namespace {

struct Case {
  std::string_view method, target, host;
  TargetForm form;
  std::string_view scheme, domain;
  int port;  // -1: none
  std::string_view path;
  std::optional<std::string_view> query;
  std::string_view full;  // empty: none
};

constexpr std::optional<std::string_view> kNoQuery;

void expect_url(const Case& c) {
  SCOPED_TRACE(std::string(c.method) + " " + std::string(c.target) + " | " + std::string(c.host));
  const RequestUrl url = request_url(c.method, c.target, c.host);
  EXPECT_EQ(url.form, c.form);
  EXPECT_EQ(url.scheme, c.scheme);
  EXPECT_EQ(url.domain, c.domain);
  EXPECT_EQ(url.port ? int{*url.port} : -1, c.port);
  EXPECT_EQ(url.path, c.path);
  EXPECT_EQ(url.query, c.query);
  const std::string full =
      url.has_full() ? std::string(url.scheme) + "://" + std::string(url.authority) + std::string(url.rest)
                     : "";
  EXPECT_EQ(full, c.full);
}

TEST(RequestUrl, OriginForm) {
  constexpr auto kForm = TargetForm::kOrigin;
  for (const Case& c : {
           Case{"GET", "/", "127.0.0.1", kForm, "http", "127.0.0.1", -1, "/", kNoQuery, "http://127.0.0.1/"},
           {"GET", "/a?b=c&d", "Example.com:8080", kForm, "http", "Example.com", 8080, "/a", "b=c&d",
            "http://Example.com:8080/a?b=c&d"},
           {"GET", "/?", "h", kForm, "http", "h", -1, "/", "", "http://h/?"},
           {"GET", "/a?b?c", "h", kForm, "http", "h", -1, "/a", "b?c", "http://h/a?b?c"},
           {"GET", "/", "[2001:db8::1]:81", kForm, "http", "[2001:db8::1]", 81, "/", kNoQuery,
            "http://[2001:db8::1]:81/"},
           {"GET", "/", "[::1]", kForm, "http", "[::1]", -1, "/", kNoQuery, "http://[::1]/"},
           {"GET", "/", "::1", kForm, "http", "::1", -1, "/", kNoQuery, "http://::1/"},
           {"GET", "/x", "", kForm, "http", "", -1, "/x", kNoQuery, ""},
           {"GET", "/x", ":80", kForm, "http", "", -1, "/x", kNoQuery, ""},
           {"GET", "/x", "h:", kForm, "http", "h", -1, "/x", kNoQuery, "http://h:/x"},
           {"GET", "/x", "h:65536", kForm, "http", "h", -1, "/x", kNoQuery, "http://h:65536/x"},
           {"GET", "/x", "h:8o", kForm, "http", "h", -1, "/x", kNoQuery, "http://h:8o/x"},
           {"GET", "/x", "a b", kForm, "http", "", -1, "/x", kNoQuery, ""},
           {"GET", "/x", "a/b", kForm, "http", "", -1, "/x", kNoQuery, ""},
           {"GET", "/x", "[::1", kForm, "http", "", -1, "/x", kNoQuery, ""},
           {"GET", "/x", "[::1]y", kForm, "http", "", -1, "/x", kNoQuery, ""},
           {"GET", "/x", "u:p@h:1", kForm, "http", "h", 1, "/x", kNoQuery, "http://u:p@h:1/x"},
           {"GET", "//h2/x", "h", kForm, "http", "h", -1, "//h2/x", kNoQuery, "http://h//h2/x"},
           {"GET", "/r?u=http://x/y", "h", kForm, "http", "h", -1, "/r", "u=http://x/y",
            "http://h/r?u=http://x/y"},
           {"GET", "/\xff\x80", "h\xe4", kForm, "http", "h\xe4", -1, "/\xff\x80", kNoQuery,
            "http://h\xe4/\xff\x80"},
       }) {
    expect_url(c);
  }
}

TEST(RequestUrl, AbsoluteFormOverrulesHost) {
  constexpr auto kForm = TargetForm::kAbsolute;
  for (const Case& c : {
           Case{"GET", "http://a.example/x?y", "b.example", kForm, "http", "a.example", -1, "/x", "y",
                "http://a.example/x?y"},
           {"GET", "HTTPS://a:8443", "", kForm, "HTTPS", "a", 8443, "", kNoQuery, "HTTPS://a:8443"},
           {"GET", "http://a?q", "", kForm, "http", "a", -1, "", "q", "http://a?q"},
           {"GET", "http://u:p@[::1]:1/", "", kForm, "http", "[::1]", 1, "/", kNoQuery,
            "http://u:p@[::1]:1/"},
           {"GET", "http://a/x?y#z?", "", kForm, "http", "a", -1, "/x", "y#z?", "http://a/x?y#z?"},
           {"GET", "http://a/x#y?z", "", kForm, "http", "a", -1, "/x#y?z", kNoQuery, "http://a/x#y?z"},
           {"GET", "http:///x", "b", kForm, "http", "", -1, "/x", kNoQuery, ""},
       }) {
    expect_url(c);
  }
}

TEST(RequestUrl, AuthorityAsteriskAndTheRest) {
  for (const Case& c : {
           Case{"CONNECT", "a.example:443", "b", TargetForm::kAuthority, "", "a.example", 443, "", kNoQuery,
                ""},
           {"CONNECT", "[::1]:443", "", TargetForm::kAuthority, "", "[::1]", 443, "", kNoQuery, ""},
           {"CONNECT", "a.example", "", TargetForm::kAuthority, "", "a.example", -1, "", kNoQuery, ""},
           {"CONNECT", "/x", "b", TargetForm::kAuthority, "", "", -1, "", kNoQuery, ""},
           {"OPTIONS", "*", "h:81", TargetForm::kAsterisk, "http", "h", 81, "", kNoQuery, "http://h:81"},
           {"OPTIONS", "*", "", TargetForm::kAsterisk, "http", "", -1, "", kNoQuery, ""},
           {"GET", "index.html", "h", TargetForm::kOther, "http", "h", -1, "", kNoQuery, ""},
           {"GET", "\x01\xfe", "", TargetForm::kOther, "http", "", -1, "", kNoQuery, ""},
           {"GET", "://x", "h", TargetForm::kOther, "http", "h", -1, "", kNoQuery, ""},
           {"GET", "", "h", TargetForm::kOther, "http", "h", -1, "", kNoQuery, ""},
       }) {
    expect_url(c);
  }
}

}  // namespace
}  // namespace tapline
