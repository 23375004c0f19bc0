// What becomes of a direction that speaks no HTTP/1.x: it is named, and read no further than that takes.
#include <cstring>

#include "flows/exchange.h"
#include "flows/protocol.h"
#include "flows/tls_client_hello.h"

namespace tapline {

// `bytes` are all that there is of the stream's start.
void Exchange::name_protocol(std::string_view bytes) {
  if (conversation_.http_seen_ || connection_.protocol != AppProtocol::kUnknown) return;
  const Side from = response_ ? Side::kServer : Side::kClient;
  connection_.protocol = protocol_of(bytes, from).value_or(AppProtocol::kUnknown);
}

// On a connection where no HTTP was met. The other direction is judged by its own first bytes: what an HTTP
// server does not understand it answers in HTTP.
Foreign Exchange::other_protocol(std::string_view bytes, bool searching) {
  if (connection_.protocol == AppProtocol::kUnknown && searching) {
    // In the middle of a stream only encrypted records are told from a body that quotes something.
    if (!is_tls_segment(bytes)) return Foreign::kSearch;
    connection_.protocol = AppProtocol::kTls;
  }
  if (connection_.protocol == AppProtocol::kUnknown) {
    const auto found = protocol_of(bytes, response_ ? Side::kServer : Side::kClient);
    if (!found) return Foreign::kMoreNeeded;
    connection_.protocol = *found;
  }
  return connection_.protocol == AppProtocol::kTls && !response_ ? read_hello(bytes) : Foreign::kNotHttp;
}

// The next bytes of what may be a ClientHello. Mostly the first are all.
Foreign Exchange::read_hello(std::string_view bytes) {
  BytePool::Handle& kept = conversation_.hello_;
  if (kept == BytePool::kNull) {
    ClientHelloReader reader;
    if (reader.read(bytes)) {
      keep_server_name(reader.server_name());
      return Foreign::kNotHttp;
    }
    kept = context_.pool.allocate(sizeof(ClientHelloReader));
    if (kept == BytePool::kNull) {
      ++context_.counters.reassembly_refused;
      return Foreign::kNotHttp;
    }
    new (context_.pool.at(kept)) ClientHelloReader(reader);
    return Foreign::kReadOn;
  }
  auto& reader = *reinterpret_cast<ClientHelloReader*>(context_.pool.at(kept));
  if (!reader.read(bytes)) return Foreign::kReadOn;
  keep_server_name(reader.server_name());
  return Foreign::kNotHttp;
}

void Exchange::keep_server_name(std::string_view name) {
  if (name.empty() || conversation_.server_name_ != BytePool::kNull) return;
  conversation_.server_name_ = context_.pool.allocate(name.size());
  if (conversation_.server_name_ == BytePool::kNull) {
    ++context_.counters.reassembly_refused;
    return;
  }
  conversation_.server_name_size_ = static_cast<std::uint8_t>(name.size());
  std::memcpy(context_.pool.at(conversation_.server_name_), name.data(), name.size());
}

}  // namespace tapline
