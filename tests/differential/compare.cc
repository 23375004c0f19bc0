#include "tests/differential/compare.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/differential/classes.h"
#include "tests/differential/strict.h"

namespace tapline::test {
namespace {

constexpr std::array<std::string_view, 11> kWhatNames = {
    "fewer messages", "more messages", "method",   "target", "version", "status",
    "reason",         "headers",       "trailers", "body",   "complete"};

std::string show(const Message* message) {
  if (message == nullptr) return "none";
  std::string out = message->method + " " + message->target + " " + std::to_string(message->status) + " " +
                    message->reason + " " + message->version + " body " + std::to_string(message->body) +
                    (message->complete ? "" : " incomplete");
  for (const auto& [name, value] : message->headers) out.append(" {" + name + "=" + value + "}");
  for (const auto& [name, value] : message->trailers) out.append(" trailer {" + name + "=" + value + "}");
  return out;
}

std::vector<What> differing(Peer peer, const Message* ours, const Message* theirs) {
  if (theirs == nullptr) return {What::kFewer};
  if (ours == nullptr) return {What::kMore};
  std::vector<What> out;
  const auto note = [&out](bool same, What what) {
    if (!same) out.push_back(what);
  };
  note(ours->method == theirs->method, What::kMethod);
  note(ours->target == theirs->target, What::kTarget);
  note(ours->version == theirs->version, What::kVersion);
  note(ours->status == theirs->status, What::kStatus);
  note(ours->reason == theirs->reason, What::kReason);
  if (peer == Peer::kHttpParser) {
    note(ours->headers == theirs->headers, What::kHeaders);
    note(ours->trailers == theirs->trailers, What::kTrailers);
  } else {
    note(merged(*ours) == merged(*theirs), What::kHeaders);
  }
  note(ours->body == theirs->body, What::kBody);
  note(ours->complete == theirs->complete, What::kComplete);
  return out;
}

// Behind a 101, and a 2xx to CONNECT, nothing is HTTP: what was sent ahead of it is not compared.
void cut_behind_tunnel(Reading& ours, Reading& theirs) {
  const auto& responses = ours.responses.messages;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const int status = responses[i].status;
    const bool connect = i < ours.requests.messages.size() && ours.requests.messages[i].method == "CONNECT";
    if (status != 101 && !(connect && status >= 200 && status < 300)) continue;
    for (Direction* direction : {&ours.requests, &ours.responses, &theirs.requests, &theirs.responses}) {
      direction->messages.resize(std::min(direction->messages.size(), i + 1));
    }
    return;
  }
}

const Message* at(const Direction& direction, std::size_t i) {
  return i < direction.messages.size() ? &direction.messages[i] : nullptr;
}

// As far as the two agree on where messages begin and end, in `agreed`; whether a difference changes that.
bool moves_on(What what) {
  return what != What::kFewer && what != What::kMore && what != What::kBody && what != What::kComplete &&
         what != What::kStatus && what != What::kMethod;
}

// The rule that the exchange breaks in its `i`th request or response, or before.
std::string_view broken_rule(const Flaws& flaws, std::size_t i) {
  for (const auto& flaw : {flaws.requests, flaws.responses}) {
    if (flaw && flaw->message <= i) return flaw->rule;
  }
  return {};
}

}  // namespace

std::string compare(Peer peer, const Exchange& exchange, Reading ours, Reading theirs, bool lenient,
                    ClassCounts& counts) {
  const std::string name = peer == Peer::kHttpParser ? "http-parser" : "libhtp";
  const Flaws flaws = lenient ? find_flaws(exchange) : Flaws();
  cut_behind_tunnel(ours, theirs);
  // A response is framed by its request: where the requests differ, responses are not compared.
  std::size_t answered = std::max(ours.responses.messages.size(), theirs.responses.messages.size());
  for (const bool request : {true, false}) {
    const Direction& own = request ? ours.requests : ours.responses;
    const Direction& other = request ? theirs.requests : theirs.responses;
    const std::size_t n = std::max(own.messages.size(), other.messages.size());
    bool agreed = true;
    for (std::size_t i = 0; agreed && i < (request ? n : std::min(n, answered)); ++i) {
      const Message *x = at(own, i), *y = at(other, i);
      for (const What what : differing(peer, x, y)) {
        const Difference difference{
            peer, request, what, x, y, at(own, i + 1), other, i + 1 >= other.messages.size(), exchange};
        const Class* why = class_of(difference);
        // libhtp counts bytes that are no message as more of the body before them.
        const bool more = peer == Peer::kLibhtp && what == What::kBody && y->body > x->body;
        const std::string_view rule =
            why == nullptr && lenient ? broken_rule(flaws, more ? i + 1 : i) : std::string_view();
        if (!rule.empty()) {
          ++counts[name + ": not well-formed: " + std::string(rule)];
          agreed = false;
          break;
        }
        if (why == nullptr) {
          return name + (request ? " request " : " response ") +
                 std::string(kWhatNames[static_cast<std::size_t>(what)]) + ":\n  ours   " + show(x) +
                 "\n  theirs " + show(y) + "\n  stopped " + other.stopped;
        }
        ++counts[name_of(*why)];
        agreed = agreed && !why->apart && moves_on(what);
      }
      if (request && !agreed) answered = i;
    }
  }
  return {};
}

}  // namespace tapline::test
