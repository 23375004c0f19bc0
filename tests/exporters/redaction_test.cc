#include "exporters/redaction.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tapline {
namespace {

std::string redacted(RedactionRule rule, std::string_view text) {
  std::string shown;
  for_each_piece(
      rule, text, [&](std::string_view kept) { shown += kept; },
      [&](std::string_view) { shown += kRedacted; });
  return shown;
}

struct Case {
  std::string_view text, shown;
};

TEST(Redaction, CredentialsKeepTheirScheme) {
  for (const Case& c : {
           Case{"Basic dXNlcjpwYXNz", "Basic [redacted]"},
           {"Bearer  a.b.c d", "Bearer  [redacted]"},
           {"Digest username=\"u\", realm=\"r\"", "Digest [redacted]"},
           {"dXNlcjpwYXNz", "[redacted]"},
           {"Basic\r\n dXNlcjpwYXNz", "Basic\r\n [redacted]"},
           {"Basic\tdXNl", "Basic\t[redacted]"},
           {"", ""},
       }) {
    EXPECT_EQ(redacted(RedactionRule::kCredentials, c.text), c.shown);
  }
}

TEST(Redaction, CookiesKeepTheirNames) {
  for (const Case& c : {
           Case{"sid=1; theme=dark", "sid=[redacted]; theme=[redacted]"},
           {"sid=1;theme=dark;", "sid=[redacted];theme=[redacted];"},
           {"sid=a=b==; x=\"q r\"", "sid=[redacted]; x=[redacted]"},
           {"sid=", "sid=[redacted]"},
           {"sid=; b=", "sid=[redacted]; b=[redacted]"},
           {"secret", "[redacted]"},
           {"secret; a=1", "[redacted]; a=[redacted]"},
           {"=secret", "=[redacted]"},
           {" ; ;; a=1", " ; ;; a=[redacted]"},
           {"a=1;\r\n b=2", "a=[redacted];\r\n b=[redacted]"},
           {"a=\"x;y=z\"", "a=[redacted];y=[redacted]"},
           {"", ""},
           {";", ";"},
       }) {
    EXPECT_EQ(redacted(RedactionRule::kCookie, c.text), c.shown);
  }
}

TEST(Redaction, SetCookieKeepsNameAndAttributes) {
  for (const Case& c : {
           Case{"sid=1; Path=/; HttpOnly", "sid=[redacted]; Path=/; HttpOnly"},
           {"sid=1", "sid=[redacted]"},
           {"sid=; Max-Age=0", "sid=[redacted]; Max-Age=0"},
           {"secret; Secure", "[redacted]; Secure"},
           {"a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
            "a=[redacted]; Expires=Wed, 21 Oct 2015 07:28:00 GMT"},
           {"", ""},
       }) {
    EXPECT_EQ(redacted(RedactionRule::kSetCookie, c.text), c.shown);
  }
}

TEST(Redaction, PasswordsInUrlsWhereverTheyStand) {
  for (const Case& c : {
           Case{"http://user:secret@host/", "http://user:[redacted]@host/"},
           {"http://user:secret@host:8080/a?b#c", "http://user:[redacted]@host:8080/a?b#c"},
           {"http://user:@host/", "http://user:[redacted]@host/"},
           {"http://:secret@host", "http://:[redacted]@host"},
           {"http://user:se@cr:et@host/", "http://user:[redacted]@host/"},
           {"http://user@host/", "http://user@host/"},
           {"http://host:80/", "http://host:80/"},
           {"http://host/a:b@c", "http://host/a:b@c"},
           {"http://host?a:b@c", "http://host?a:b@c"},
           {"http://[::1]:80/", "http://[::1]:80/"},
           {"http://u:p@[::1]:80/", "http://u:[redacted]@[::1]:80/"},
           {"/login?next=http://u:p@h/&x=ftp://v:q@i",
            "/login?next=http://u:[redacted]@h/&x=ftp://v:[redacted]@i"},
           {"<http://u:p@h/a>; rel=next, <http://v:q@i/b>",
            "<http://u:[redacted]@h/a>; rel=next, <http://v:[redacted]@i/b>"},
           {"Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"},
           {"://", "://"},
           {"", ""},
       }) {
    EXPECT_EQ(redacted(RedactionRule::kUrl, c.text), c.shown);
  }
}

TEST(Redaction, PasswordsInAnAuthorityAlone) {
  EXPECT_EQ(redacted(RedactionRule::kAuthority, "user:secret@host:443"), "user:[redacted]@host:443");
  EXPECT_EQ(redacted(RedactionRule::kAuthority, "host:443"), "host:443");
  EXPECT_EQ(redacted(RedactionRule::kAuthority, "[::1]:443"), "[::1]:443");
  EXPECT_EQ(redacted(RedactionRule::kAuthority, ""), "");
}

TEST(Redaction, RuleOfEachHeader) {
  EXPECT_EQ(redaction_rule(KnownHeader::kAuthorization), RedactionRule::kCredentials);
  EXPECT_EQ(redaction_rule(KnownHeader::kProxyAuthorization), RedactionRule::kCredentials);
  EXPECT_EQ(redaction_rule(KnownHeader::kCookie), RedactionRule::kCookie);
  EXPECT_EQ(redaction_rule(KnownHeader::kSetCookie), RedactionRule::kSetCookie);
  EXPECT_EQ(redaction_rule(KnownHeader::kReferer), RedactionRule::kUrl);
  EXPECT_EQ(redaction_rule(KnownHeader::kOther), RedactionRule::kUrl);
}

TEST(Redaction, PiecesMakeUpTheTextWhateverItIs) {
  std::mt19937 random(5);
  constexpr std::string_view kAlphabet = "a:/@;= \r\n?[]\"";
  for (int round = 0; round < 200'000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = kAlphabet[random() % kAlphabet.size()];
    for (const auto rule : {RedactionRule::kNone, RedactionRule::kUrl, RedactionRule::kAuthority,
                            RedactionRule::kCredentials, RedactionRule::kCookie, RedactionRule::kSetCookie}) {
      std::string whole;
      const auto append = [&](std::string_view piece) { whole += piece; };
      for_each_piece(rule, text, append, append);
      ASSERT_EQ(whole, text);
    }
  }
}

}  // namespace
}  // namespace tapline
