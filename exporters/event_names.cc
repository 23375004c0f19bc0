#include "exporters/event_names.h"

namespace tapline {

std::string_view name_of(AppProtocol protocol) {
  switch (protocol) {
    case AppProtocol::kUnknown:
      return {};
    case AppProtocol::kHttp:
      return "http";
    case AppProtocol::kTls:
      return "tls";
    case AppProtocol::kHttp2:
      return "http2";
    case AppProtocol::kSsh:
      return "ssh";
    case AppProtocol::kSmtp:
      return "smtp";
    case AppProtocol::kFtp:
      return "ftp";
    case AppProtocol::kRtsp:
      return "rtsp";
    case AppProtocol::kSip:
      return "sip";
    case AppProtocol::kMysql:
      return "mysql";
    case AppProtocol::kPostgresql:
      return "postgresql";
    case AppProtocol::kRedis:
      return "redis";
    case AppProtocol::kMqtt:
      return "mqtt";
    case AppProtocol::kBittorrent:
      return "bittorrent";
    case AppProtocol::kRdp:
      return "rdp";
  }
  return {};
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSuccess:
      return "success";
    case Outcome::kFailure:
      return "failure";
    case Outcome::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view name_of(ConnectionAction action) {
  switch (action) {
    case ConnectionAction::kOpened:
      return "opened";
    case ConnectionAction::kEstablished:
      return "established";
    case ConnectionAction::kHalfClosed:
      return "half-closed";
    case ConnectionAction::kClosed:
      return "closed";
  }
  return {};
}

std::string_view name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::kFin:
      return "fin";
    case CloseReason::kRst:
      return "rst";
    case CloseReason::kTimeout:
      return "timeout";
    case CloseReason::kEvicted:
      return "evicted";
    case CloseReason::kReused:
      return "reused";
    case CloseReason::kEnd:
      return "end";
    case CloseReason::kShutdown:
      return "shutdown";
  }
  return {};
}

std::string_view name_of(Teardown teardown) {
  switch (teardown) {
    case Teardown::kNone:
      return "none";
    case Teardown::kHalf:
      return "half";
    case Teardown::kFourWay:
      return "four-way";
    case Teardown::kThreeWay:
      return "three-way";
    case Teardown::kSimultaneous:
      return "simultaneous";
    case Teardown::kReset:
      return "reset";
  }
  return {};
}

}  // namespace tapline
