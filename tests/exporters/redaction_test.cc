#include "exporters/redaction.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tapline {
namespace {

std::string redacted(RedactionRule rule, std::string_view text, const Redaction& redaction = {}) {
  std::string shown;
  redaction.for_each_piece(
      rule, text, [&](std::string_view kept) { shown += kept; },
      [&](std::string_view secret) { shown += redaction.mark(secret, false).view(); });
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

std::string hash_of(std::string_view key, std::string_view text, bool folded = false) {
  const std::array digits = KeyedHash(key).of(text, folded);
  return {digits.begin(), digits.end()};
}

TEST(KeyedHash, IsTheBeginningOfTheStandardsHmac) {
  // RFC 4231 sections 4.2 to 4.8: keys shorter and longer than a block of the hash.
  EXPECT_EQ(hash_of(std::string(20, '\x0b'), "Hi There"), "b0344c61d8db3853");
  EXPECT_EQ(hash_of("Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e");
  EXPECT_EQ(hash_of(std::string(20, '\xaa'), std::string(50, '\xdd')), "773ea91e36800e46");
  EXPECT_EQ(hash_of(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f");
  // Python: hmac.new(b"k", b"", "sha256").hexdigest()[:16]
  EXPECT_EQ(hash_of("k", ""), "8bb990c40a7d61cb");
}

TEST(KeyedHash, EachByteOfTheKeyCounts) {
  EXPECT_NE(hash_of("key", "secret"), hash_of("key\n", "secret"));
  EXPECT_NE(hash_of("key", "secret"), hash_of("key2", "secret"));
  EXPECT_NE(hash_of("key", "secret"), hash_of(std::string_view("key\0x", 5), "secret"));
}

TEST(KeyedHash, AFoldedSecretHashesAsItIsShown) {
  EXPECT_EQ(hash_of("key", "one\r\n two \n\tthree", true), hash_of("key", "one two three"));
  EXPECT_NE(hash_of("key", "one\r\n two", false), hash_of("key", "one two"));
}

TEST(Redaction, WithAKeyEveryFormShowsAHashInstead) {
  const Redaction redaction = Redaction::keyed(KeyedHash("0123456789abcdef"));
  const std::string mark = "[hmac:" + hash_of("0123456789abcdef", "hunter2") + "]";
  const std::string empty = "[hmac:" + hash_of("0123456789abcdef", "") + "]";
  ASSERT_EQ(mark.size(), 6u + 16 + 1);
  const auto shown = [&](RedactionRule rule, std::string_view text) {
    return redacted(rule, text, redaction);
  };
  EXPECT_EQ(shown(RedactionRule::kCredentials, "Basic hunter2"), "Basic " + mark);
  EXPECT_EQ(shown(RedactionRule::kCredentials, "hunter2"), mark);
  EXPECT_EQ(shown(RedactionRule::kCookie, "sid=hunter2; hunter2; x="),
            "sid=" + mark + "; " + mark + "; x=" + empty);
  EXPECT_EQ(shown(RedactionRule::kSetCookie, "sid=hunter2; Path=/"), "sid=" + mark + "; Path=/");
  EXPECT_EQ(shown(RedactionRule::kUrl, "http://u:hunter2@h/"), "http://u:" + mark + "@h/");
  EXPECT_EQ(shown(RedactionRule::kAuthority, "u:hunter2@h"), "u:" + mark + "@h");
  EXPECT_EQ(shown(RedactionRule::kNone, "hunter2"), "hunter2");
}

TEST(Redaction, OffHidesNothing) {
  for (const auto rule : {RedactionRule::kUrl, RedactionRule::kAuthority, RedactionRule::kCredentials,
                          RedactionRule::kCookie, RedactionRule::kSetCookie}) {
    EXPECT_EQ(redacted(rule, "a://u:p@h b=c", Redaction::off()), "a://u:p@h b=c");
  }
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
      Redaction().for_each_piece(rule, text, append, append);
      ASSERT_EQ(whole, text);
    }
  }
}

}  // namespace
}  // namespace tapline
