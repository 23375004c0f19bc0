// From a connection's state to the events that tell its life.
#pragma once

#include "flows/connection.h"
#include "flows/flow_context.h"
#include "flows/http_conversation.h"

namespace tapline {

// What records say of which connection it is. A view into the context.
ConnectionInfo describe(FlowContext& context, const Connection& connection);

// Fills an event of `action`, at the frame time that belongs to it. `conversation` is null when no payload
// came.
ConnectionEvent make_event(const Connection& connection, const ConnectionInfo& info, ConnectionAction action,
                           const HttpConversation* conversation, const BytePool& pool,
                           CloseReason reason = CloseReason::kEnd);

}  // namespace tapline
