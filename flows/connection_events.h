// From a connection's state to the events that tell its life.
#pragma once

#include "flows/connection.h"
#include "flows/flow_context.h"
#include "flows/http_conversation.h"

namespace tapline {

// What records say of which connection it is. A view into the context.
ConnectionInfo describe(FlowContext& context, const Connection& connection);

// An event of `action`; its time is to be set. `conversation` is null when no payload came.
ConnectionEvent make_event(FlowContext& context, const Connection& connection, const ConnectionInfo& info,
                           ConnectionAction action, const HttpConversation* conversation);

// The event of its end, with its time: that of the frame which ended it, or its last. A view into the
// context. REQUIRES: the roles are known.
ConnectionEvent make_closed_event(FlowContext& context, const Connection& connection,
                                  const ConnectionInfo& info, const HttpConversation* conversation,
                                  CloseReason reason);

}  // namespace tapline
