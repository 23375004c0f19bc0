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
  EXPECT_EQ(redaction_rule(KnownHeader::kLocation), RedactionRule::kUrl);
  EXPECT_EQ(redaction_rule(KnownHeader::kContentLocation), RedactionRule::kUrl);
  EXPECT_EQ(redaction_rule(KnownHeader::kHost), RedactionRule::kAuthority);
  EXPECT_EQ(redaction_rule(KnownHeader::kOther), RedactionRule::kText);
}

Redaction hiding_queries(std::string_view names) {
  Redaction redaction;
  const auto parsed = parse_query_names(names);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (parsed.ok()) redaction.add_query_names(*parsed);
  return redaction;
}

TEST(Redaction, ListedQueryParametersOfAUrl) {
  const Redaction redaction = hiding_queries("token,api key");
  for (const Case& c : {
           Case{"/a?token=s", "/a?token=[redacted]"},
           {"/a?x=1&token=s&y=2", "/a?x=1&token=[redacted]&y=2"},
           {"/a?token=s&token=t", "/a?token=[redacted]&token=[redacted]"},
           {"/a?token=", "/a?token=[redacted]"},
           {"/a?token=&x", "/a?token=[redacted]&x"},
           {"/a?token", "/a?token"},
           {"/a?tokens=1&atoken=2&toke=3", "/a?tokens=1&atoken=2&toke=3"},
           {"/token=1?x", "/token=1?x"},
           {"/a&token=1", "/a&token=1"},
           {"/a?TOKEN=s", "/a?TOKEN=[redacted]"},
           {"http://u:p@h/?token=s", "http://u:[redacted]@h/?token=[redacted]"},
           // Encoded names.
           {"/a?%74oken=s", "/a?%74oken=[redacted]"},
           {"/a?%74%6F%6b%65%6E=s", "/a?%74%6F%6b%65%6E=[redacted]"},
           {"/a?%2574oken=s", "/a?%2574oken=[redacted]"},
           {"/a?api+key=s&api%20key=t&api key=u",
            "/a?api+key=[redacted]&api%20key=[redacted]&api key=[redacted]"},
           {"/a?api%2Bkey=s", "/a?api%2Bkey=s"},
           // Arrays.
           {"/a?token[]=s&token[x][y]=t&token%5B%5D=u",
            "/a?token[]=[redacted]&token[x][y]=[redacted]&token%5B%5D=[redacted]"},
           {"/a?token[&x=1", "/a?token[&x=1"},
           // A value ends at '&' alone; a name may begin behind more.
           {"/a?token=s;t", "/a?token=[redacted]"},
           {"/a?x;token=s;t&y", "/a?x;token=[redacted]&y"},
           {"/a?token=s?t#u/v w&x", "/a?token=[redacted]&x"},
           {"/a?x?token=s", "/a?x?token=[redacted]"},
           {"/cb#token=s&state=1", "/cb#token=[redacted]&state=1"},
           {"/cb?x#token=s", "/cb?x#token=[redacted]"},
           {"/a?token=s%26t", "/a?token=[redacted]"},
           // A URL that is a parameter of another.
           {"/a?next=%2Fb%3Ftoken%3Ds%26x%3D1&y=2", "/a?next=%2Fb%3Ftoken%3D[redacted]%26x%3D1&y=2"},
           {"/a?n=%2Fb%3Fm%3D%252Fc%253Ftoken%253Ds%2526x%26y&z",
            "/a?n=%2Fb%3Fm%3D%252Fc%253Ftoken%253D[redacted]%2526x%26y&z"},
           {"/a?x%26token=s%26t&y", "/a?x%26token=[redacted]&y"},  // the '=' is of the outer level
           // A password and a parameter that overlap.
           {"/a?token=http://u:p&q@h/&x=1", "/a?token=[redacted]@h/&x=1"},
           {"http://u:p&x@h/?token=s", "http://u:[redacted]@h/?token=[redacted]"},
           // No encoding of anything.
           {"/a?x=%&%7=1&token%=2&token=%", "/a?x=%&%7=1&token%=2&token=[redacted]"},
           {"?%25", "?%25"},
           {"?", "?"},
           {"", ""},
       }) {
    EXPECT_EQ(redacted(RedactionRule::kUrl, c.text, redaction), c.shown);
  }
  EXPECT_EQ(redacted(RedactionRule::kUrl, "/a?token=s"), "/a?token=s");
}

TEST(Redaction, ListedQueryParametersElsewhere) {
  const Redaction redaction = hiding_queries("token");
  EXPECT_EQ(redacted(RedactionRule::kQuery, "token=s&x=1", redaction), "token=[redacted]&x=1");
  EXPECT_EQ(redacted(RedactionRule::kQuery, "x;token=s", redaction), "x;token=[redacted]");
  EXPECT_EQ(redacted(RedactionRule::kAuthority, "h?token=s", redaction), "h?token=[redacted]");
  for (const Case& c : {
           Case{"bot (+http://h/?token=s) token=1", "bot (+http://h/?token=[redacted] token=1"},
           {"</a?token=s>; token=1, </b?token=t>", "</a?token=[redacted]>; token=1, </b?token=[redacted]>"},
           {"{\"url\":\"/a?token=s\",\"x\":\"&token=1\"}",
            "{\"url\":\"/a?token=[redacted]\",\"x\":\"&token=1\"}"},
           {"0; url=/a?token=s\tx", "0; url=/a?token=[redacted]\tx"},
           {"text/html;token=1", "text/html;token=1"},
           {"/a?x&token[ ]=1", "/a?x&token[ ]=1"},
       }) {
    EXPECT_EQ(redacted(RedactionRule::kText, c.text, redaction), c.shown);
  }
  // Not in what is no URL.
  EXPECT_EQ(redacted(RedactionRule::kSetCookie, "a=1; Path=/?token=1", redaction),
            "a=[redacted]; Path=/?token=1");
}

TEST(Redaction, QueryNamesMayBeEncodedInTheListToo) {
  EXPECT_EQ(redacted(RedactionRule::kUrl, "?user[pw]=s&a,b=t", hiding_queries("user%5Bpw%5D,a%2Cb")),
            "?user[pw]=[redacted]&a,b=[redacted]");
  for (const char* wrong : {"", "a,", ",a", "a,,b", "a=1", "a&b", "?a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(parse_query_names(wrong).status())) << wrong;
  }
}

// The value of each listed parameter is gone, however its name is encoded and whatever stands around it.
TEST(Redaction, NoListedValueIsShownWhateverStandsAround) {
  std::mt19937 random(6);
  const Redaction redaction = hiding_queries("token");
  constexpr std::string_view kAround = "ab:/@;= ?#&%[]+25";
  const auto around = [&](std::string_view but) {
    std::string text(random() % 12, ' ');
    for (char& c : text) {
      do c = kAround[random() % kAround.size()];
      while (but.find(c) != but.npos);
    }
    return text;
  };
  constexpr char kHex[] = "0123456789ABCDEF";
  for (int round = 0; round < 100'000; ++round) {
    std::string name;
    for (const char c : std::string_view("token")) {
      if (random() % 2 == 0) {
        name += c;
      } else {
        name.append("%").append(random() % 4 == 0 ? "25" : "");
        name += {kHex[c >> 4 & 15], kHex[c & 15]};
      }
    }
    const std::string text = "/" + around("") + "?" + around("&;") + (random() % 2 == 0 ? "&" : ";") + name +
                             "=" + around("&") + "XYZZY" + around("&");
    const std::string shown = redacted(RedactionRule::kUrl, text, redaction);
    ASSERT_EQ(shown.find("XYZZY"), std::string::npos) << text << " -> " << shown;
  }
}

TEST(Redaction, PiecesMakeUpTheTextWhateverItIs) {
  std::mt19937 random(5);
  constexpr std::string_view kAlphabet = "aa:/@;== \r\n?#&&%2563D[]\"";
  const Redaction redaction = hiding_queries("a,aa");
  for (int round = 0; round < 200'000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = kAlphabet[random() % kAlphabet.size()];
    for (const auto rule : {RedactionRule::kNone, RedactionRule::kUrl, RedactionRule::kQuery,
                            RedactionRule::kText, RedactionRule::kAuthority, RedactionRule::kCredentials,
                            RedactionRule::kCookie, RedactionRule::kSetCookie}) {
      std::string whole;
      const auto append = [&](std::string_view piece) { whole += piece; };
      redaction.for_each_piece(rule, text, append, append);
      ASSERT_EQ(whole, text);
    }
  }
}

}  // namespace
}  // namespace tapline
