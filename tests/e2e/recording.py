"""One traffic read twice: by tapline live, and by tapline from what tcpdump saved meanwhile."""
import collections
import copy
import json
import os
import signal
import time

from capture import Capture, connections, dig, nanoseconds, tapline, transactions
from frames import FIN, RST
from lab import Tcpdump, await_condition, tshark

# Live and from tcpdump's file, each frame is stamped twice, and a busy machine may do other things in between.
TOLERANCE_NS = 50_000_000
STAMPED = ("@timestamp", "start", "end", "duration", "request", "wait", "response", "syn_ack", "ack", "round_trip",
           "min", "max")
STEPS = ("transaction", "opened", "established", "half-closed", "closed")


def assert_alike(live, file, tolerance_ns=TOLERANCE_NS, where=""):
    """The same record, but for the stamps and what is derived from them."""
    if isinstance(live, dict) and isinstance(file, dict):
        assert list(live) == list(file), "%s: live %s, file %s" % (where, list(live), list(file))
        for key, value in live.items():
            stamped = key in STAMPED and not isinstance(value, dict)
            (assert_near if stamped else assert_alike)(value, file[key], tolerance_ns, where + "." + key)
    else:
        assert live == file, "%s: live %r, file %r" % (where, live, file)


def assert_near(live, file, tolerance_ns, where):
    pair = (live, file) if isinstance(live, int) else (nanoseconds(live), nanoseconds(file))
    assert abs(pair[0] - pair[1]) <= tolerance_ns, "%s: live %s, file %s" % (where, live, file)


def of_connections(records):
    """{(client's address and port, server's port, which of that tuple's connections): its records in order}"""
    ids, found = {}, {}
    for record in sorted(records, key=lambda r: (STEPS.index(dig(r, "event.action")),
                                                 dig(r, "connection.transaction") or 0)):
        ends = dig(record, "source.ip"), dig(record, "source.port"), dig(record, "destination.port")
        same_ends = ids.setdefault(ends, [])
        if dig(record, "connection.id") not in same_ends:
            same_ends.append(dig(record, "connection.id"))
        found.setdefault((*ends, same_ends.index(dig(record, "connection.id"))), []).append(record)
    return found


def without_what_one_reader_knows(record):
    """The id is made of the first stamp; the connection's number is the file's, the interface's name the live
    run's; and frames of several CPUs may come in another order to tapline than to tcpdump."""
    record = copy.deepcopy(record)
    record.pop("observer", None)
    for name in ("id", "number"):
        record["connection"].pop(name, None)
    for side in ("request", "response"):
        (dig(record, "http." + side) or {}).pop("packet", None)
    return record


def without_what_elision_gives_up(record):
    """What the contract's row `elided` names."""
    record = copy.deepcopy(record)
    for side in ("source", "destination"):
        figures = dig(record, "tcp." + side) or {}
        for name in ("retransmits", "out_of_order", "duplicate_acks", "zero_windows", "rtt", "elided"):
            figures.pop(name, None)
    if dig(record, "tcp.history"):
        record["tcp"]["history"] = "".join(c for c in record["tcp"]["history"] if c not in "twgTWG")
    return record


class Recording:
    """Runs from construction to finish(); then `live` and `file` are the records, which were found alike."""

    def __init__(self, lab, namespace, interface, *options, ports="80"):
        self.path = lab.path("traffic-%s.pcap" % ports)
        self.options = ("-p", ports, "--headers", "all", *options)
        self.since = time.time_ns()
        self.capture = Capture(namespace.command(), "-i", interface, *self.options)
        lab.defer(self._end)
        self._dump = Tcpdump(namespace, interface, self.path,
                             " or ".join("tcp port " + port for port in ports.split(",")))
        lab.defer(self._dump.end)

    def _end(self):
        if self.capture.process.returncode is None:
            self.capture.stop(signal.SIGKILL)

    def finish(self, closed):
        """Ends it after so many connections have closed, and looks at all that does not depend on the scene."""
        self.capture.wait_for_closed(closed)
        code = self.capture.stop()
        assert code == 0, (code, self.capture.error_text())
        self.until = time.time_ns()
        self.live = self.capture.records
        self._dump.stop(sum(dig(c, "source.packets") + dig(c, "destination.packets")
                            for c in connections(self.live, "closed")))
        again = tapline("-r", self.path, *self.options)
        assert (again.code, again.errors) == (0, ""), (again.code, again.errors)
        self.file = again.records
        live, file = of_connections(self.live), of_connections(self.file)
        assert live.keys() == file.keys(), (live.keys(), file.keys())
        for key in live:
            assert len(live[key]) == len(file[key]), (key, live[key], file[key])
            for one, other in zip(live[key], file[key]):
                one, other = without_what_one_reader_knows(one), without_what_one_reader_knows(other)
                if dig(one, "tcp.source.elided") or dig(one, "tcp.destination.elided"):
                    one, other = without_what_elision_gives_up(one), without_what_elision_gives_up(other)
                assert_alike(one, other, where="%s %s" % (key, dig(one, "event.action")))
        self.check_times()
        self.check_with_tshark()
        return self

    def check_times(self):
        """Every time lies within the run, transactions are in the order of their requests, the parts add up."""
        for records in of_connections(self.live).values():
            latest = self.since
            for record in transactions(records):
                at, parts = nanoseconds(record["@timestamp"]), dig(record, "timing") or {}
                assert latest <= at <= self.until, record
                assert all(part >= 0 for part in parts.values()), record
                # All three, unless the response began before its request ended.
                assert len(parts) < 3 or sum(parts.values()) == dig(record, "event.duration"), record
                latest = at

    def check_with_tshark(self):
        """Each connection's frames, bytes and end against tshark's reading of the file."""
        streams = collections.defaultdict(list)
        fields = ["tcp.stream", "tcp.srcport", "tcp.seq", "tcp.len", "tcp.flags", "tcp.completeness"]
        for segment in tshark(self.path, fields, "-2"):  # in one pass, a frame's completeness is without itself
            streams[segment["tcp.stream"][0]].append({name: int(value[0], 0) for name, value in segment.items()})
        found = {dig(c, "connection.number"): c for c in connections(self.file, "closed")}
        for stream, segments in streams.items():
            closed, client = found.pop(int(stream) + 1), segments[0]["tcp.srcport"]
            assert dig(closed, "source.port") == client, (closed, segments[0])
            for side, own in (("source", True), ("destination", False)):
                sent = [s for s in segments if (s["tcp.srcport"] == client) == own]
                assert dig(closed, side + ".packets") == len(sent), (side, closed)
                once, end = 0, 0
                # A busy machine makes the kernel send again what it takes for lost.
                for s in sorted(sent, key=lambda s: s["tcp.seq"]):
                    once += max(0, s["tcp.seq"] + s["tcp.len"] - max(end, s["tcp.seq"]))
                    end = max(end, s["tcp.seq"] + s["tcp.len"])
                assert dig(closed, side + ".bytes") == once, (side, once, closed)
                again = sum(s["tcp.len"] for s in sent) - once
                assert (dig(closed, "tcp.%s.retransmits.bytes" % side) or 0) == again, (side, again, closed)
            assert dig(closed, "tcp.completeness") == segments[-1]["tcp.completeness"], closed
            first = next(s for s in segments if s["tcp.flags"] & (FIN | RST))
            assert dig(closed, "tcp.closed_by") == ("source" if first["tcp.srcport"] == client else
                                                    "destination"), closed
            reset = any(s["tcp.flags"] & RST for s in segments)
            assert dig(closed, "event.reason") == ("rst" if reset else "fin"), closed
        assert not found, "connections that tshark does not know: %s" % found


# A transaction as both sides of a test give it: from a record, and from what client and server say. The sizes are
# those of whole messages and of their bodies; `interim`, `incomplete` and `upgrade` are None where there are none.
Exchange = collections.namedtuple("Exchange", (
    "port", "ordinal", "method", "target", "status", "request", "request_body", "response", "response_body",
    "interim", "incomplete", "upgrade", "outcome"), defaults=(None, None, None, "success"))


def exchanges(records):
    """The transactions of records, ordered by the client's port and their place on the connection."""
    paths = ("source.port", "connection.transaction", "http.request.method", "url.original",
             "http.response.status_code", "http.request.bytes", "http.request.body.bytes", "http.response.bytes",
             "http.response.body.bytes", "http.response.interim", "http.incomplete", "http.upgrade", "event.outcome")
    return sorted((Exchange(*(dig(record, path) for path in paths)) for record in transactions(records)),
                  key=lambda exchange: exchange[:2])


def json_lines(path, count):
    """The log of a server, once it holds so many lines."""
    def lines():
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            found = [json.loads(line) for line in file if line.endswith("\n")]
        return found if len(found) >= count else None
    return await_condition(lines, "%d lines in %s" % (count, path))
