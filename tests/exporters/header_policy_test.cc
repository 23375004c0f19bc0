#include "exporters/header_policy.h"

#include <gtest/gtest.h>

#include <string>

#include "exporters/record_set.h"

namespace tapline {
namespace {

HeaderPolicy policy_of(std::string_view value) {
  auto policy = parse_header_policy(value);
  EXPECT_TRUE(policy.ok()) << value;
  return policy.ok() ? *std::move(policy) : HeaderPolicy::none();
}

TEST(HeaderPolicy, NoneAndAll) {
  EXPECT_FALSE(policy_of("none").lists_headers());
  EXPECT_FALSE(policy_of("none").selects("Host"));
  EXPECT_TRUE(policy_of("all").lists_headers());
  EXPECT_TRUE(policy_of("all").selects("Host"));
  EXPECT_TRUE(policy_of("all").selects(""));
  EXPECT_TRUE(policy_of("all").selects("\xff"));
}

TEST(HeaderPolicy, CommonIsTheContractsList) {
  const HeaderPolicy common = policy_of("common");
  for (const char* name : {"Host",
                           "Content-Type",
                           "Content-Length",
                           "Content-Encoding",
                           "Transfer-Encoding",
                           "Connection",
                           "Upgrade",
                           "Location",
                           "Server",
                           "Date",
                           "Last-Modified",
                           "ETag",
                           "Cache-Control",
                           "Accept",
                           "Accept-Language",
                           "Accept-Encoding",
                           "Range",
                           "Content-Range",
                           "Origin",
                           "Via",
                           "X-Forwarded-For",
                           "Forwarded",
                           "X-Request-Id"}) {
    EXPECT_TRUE(common.selects(name)) << name;
  }
  for (const char* name :
       {"Cookie", "Set-Cookie", "Authorization", "User-Agent", "Referer", "Hos", "Hosts", "", "Vary"}) {
    EXPECT_FALSE(common.selects(name)) << name;
  }
}

TEST(HeaderPolicy, ListedNamesInAnyCase) {
  const std::string longer(100, 'x');
  const HeaderPolicy policy = policy_of("x-trace,ETag," + longer);
  EXPECT_TRUE(policy.lists_headers());
  EXPECT_TRUE(policy.selects("X-Trace"));
  EXPECT_TRUE(policy.selects("etag"));
  EXPECT_TRUE(policy.selects(std::string(100, 'X')));
  EXPECT_FALSE(policy.selects(std::string(99, 'x')));
  EXPECT_FALSE(policy.selects("Host"));
  EXPECT_FALSE(policy.selects("x\rtrace"));  // '\r' is '-' with one bit (0x20) less
}

TEST(HeaderPolicy, WhatCannotBeANameIsRefusedByName) {
  struct Case {
    const char* value;
    const char* named;
  };
  for (const Case& c : {Case{"", "''"},
                        {"Host,", "''"},
                        {"Host,,ETag", "''"},
                        {"Ho st", "'Ho st'"},
                        {"Host: x", "'Host: x'"},
                        {"Host,all", "'all'"},
                        {"none,Host", "'none'"},
                        {"common,X-Trace", "'common'"},
                        {"H\xc3\xb6st", "'H\xc3\xb6st'"}}) {
    const auto policy = parse_header_policy(c.value);
    ASSERT_FALSE(policy.ok()) << c.value;
    EXPECT_TRUE(absl::IsInvalidArgument(policy.status()));
    EXPECT_NE(std::string(policy.status().message()).find(c.named), std::string::npos) << policy.status();
  }
}

TEST(RecordSet, NamesOfTheContract) {
  auto set = parse_record_set("http,connection");
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(*set, RecordSet::defaults());
  EXPECT_FALSE(set->has(RecordKind::kStats));

  EXPECT_FALSE(set->has(RecordKind::kRequest));

  set = parse_record_set("request");
  ASSERT_TRUE(set.ok());
  EXPECT_TRUE(set->has(RecordKind::kRequest));
  EXPECT_FALSE(set->has(RecordKind::kHttp));
  EXPECT_FALSE(set->has(RecordKind::kPacket));

  set = parse_record_set("packet");
  ASSERT_TRUE(set.ok());
  EXPECT_TRUE(set->has(RecordKind::kPacket));

  set = parse_record_set("half-closed,stats");
  ASSERT_TRUE(set.ok());
  EXPECT_TRUE(set->has(ConnectionAction::kHalfClosed));
  EXPECT_TRUE(set->has(RecordKind::kStats));
  EXPECT_FALSE(set->has(RecordKind::kHttp));
  for (const auto action :
       {ConnectionAction::kOpened, ConnectionAction::kEstablished, ConnectionAction::kClosed}) {
    EXPECT_FALSE(set->has(action));
  }
  for (const auto& [name, action] : {std::pair{"opened", ConnectionAction::kOpened},
                                     {"established", ConnectionAction::kEstablished},
                                     {"closed", ConnectionAction::kClosed}}) {
    ASSERT_TRUE(parse_record_set(name).ok());
    EXPECT_TRUE(parse_record_set(name)->has(action));
  }
}

TEST(RecordSet, WhatIsNoRecordIsNamed) {
  struct Case {
    const char* list;
    const char* named;
  };
  for (const Case& c : {Case{"", "''"},
                        {"http,", "''"},
                        {"http,conn", "'conn'"},
                        {"HTTP", "'HTTP'"},
                        {"packets", "'packets'"}}) {
    const auto set = parse_record_set(c.list);
    ASSERT_FALSE(set.ok()) << c.list;
    EXPECT_TRUE(absl::IsInvalidArgument(set.status()));
    EXPECT_NE(std::string(set.status().message()).find(c.named), std::string::npos) << set.status();
  }
}

}  // namespace
}  // namespace tapline
