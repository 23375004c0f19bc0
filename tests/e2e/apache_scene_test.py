"""The first scene: one keep-alive connection to Apache over loopback, seen live, from a file, and by tshark.

Three readers of the same traffic have to agree: tapline live, tapline over what tcpdump saved meanwhile, and
tshark over that file.
"""
import copy
import os
import unittest
from email.utils import formatdate

from capture import Capture, connections, dig, nanoseconds, tapline, transactions
from lab import Lab, Tcpdump, exchange, main, start_apache, tshark
from recording import assert_alike

PAGE = "<!doctype html><title>It works</title>" + "<p>It works, and it compresses well.</p>" * 40
LOGO_CHANGED = 1_715_932_800
LOGO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
BROWSER = [("Host", "127.0.0.1"), ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"), ("Accept", "*/*"),
           ("Accept-Language", "en-US,en;q=0.5"), ("Accept-Encoding", "gzip, deflate"),
           ("Connection", "keep-alive")]
OPTIONS = ("-j", "1", "--elide-bodies", "off", "--headers", "all")
FIN, SYN, ACK = 1, 2, 16

# Live and from the file, each frame is stamped twice; what is derived from stamps may differ by this much.
TOLERANCE_NS = 1_000_000


def window_scale(receive_buffer):
    """The shift count that Linux announces for this buffer size."""
    with open("/proc/sys/net/core/rmem_max", encoding="ascii") as file:
        space = max(receive_buffer, int(file.read()))
    scale = 0
    while space > 65535 and scale < 14:
        space, scale = space >> 1, scale + 1
    return scale


def teardown(segments):
    """What tapline has to call the close of these tshark frames, and who began it: (teardown, closed_by)."""
    client = segments[0]["tcp.srcport"]
    fins = [s for s in segments if int(s["tcp.flags"][0], 16) & FIN]
    first = fins[0]
    acknowledges = int(first["tcp.seq_raw"][0]) + int(first["tcp.len"][0]) + 1
    answer = next(s for s in segments[segments.index(first) + 1:] if s["tcp.srcport"] != first["tcp.srcport"] and
                  int(s["tcp.ack_raw"][0]) == acknowledges)
    return ("three-way" if answer is fins[1] else "four-way",
            "source" if first["tcp.srcport"] == client else "destination")


class ApacheScene(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab = Lab()
        cls.addClassCleanup(lab.close)
        net = lab.namespace("apache")
        # The defaults of Linux; this machine may have others.
        net.sysctl("net.ipv4.tcp_rmem", "4096 131072 6291456")
        net.sysctl("net.ipv4.tcp_timestamps", "1")
        net.sysctl("net.ipv4.tcp_sack", "1")
        lab.write("site/index.html", PAGE)
        os.utime(lab.write("site/logo.png", LOGO), (LOGO_CHANGED, LOGO_CHANGED))
        start_apache(lab, net)
        saved = lab.path("scene.pcap")
        dump = Tcpdump(net, "lo", saved, "tcp port 80")
        capture = Capture(net.command(), "-i", "lo", *OPTIONS)
        cls.load_page(net)
        capture.wait_for_closed(1)
        code = capture.stop()
        assert code == 0, (code, capture.error_text())
        cls.live = capture.records
        ends = connections(cls.live, "closed")[0]
        dump.stop(ends["source"]["packets"] + ends["destination"]["packets"])
        again = tapline("-r", saved, *OPTIONS)
        assert (again.code, again.errors) == (0, ""), (again.code, again.errors)
        cls.file = again.records
        cls.segments = tshark(saved, [
            "frame.number", "frame.time_epoch", "tcp.srcport", "tcp.seq_raw", "tcp.ack_raw", "tcp.len",
            "tcp.flags", "tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.options.sack_perm",
            "tcp.options.timestamp.tsval", "tcp.window_size_value", "tcp.completeness", "http.request.method",
            "http.request.full_uri", "http.request.version", "http.request.line", "http.response.code",
            "http.response.phrase", "http.response.line", "http.content_length", "http.request_in"])

    @classmethod
    def load_page(cls, net):
        """What a browser asks, and what it was told: cls.asked, cls.told."""
        conditional = [("If-Modified-Since", formatdate(LOGO_CHANGED, usegmt=True))]
        cls.asked = [("/", BROWSER), ("/logo.png", BROWSER + conditional), ("/favicon.ico", BROWSER)]
        with net.connect("127.0.0.1") as connection:
            cls.told = [exchange(connection, "GET", path, headers) for path, headers in cls.asked]
            cls.client_port = connection.getsockname()[1]

    def for_each_reader(self, check):
        for name, records in (("live", self.live), ("file", self.file)):
            with self.subTest(reader=name):
                check(records)

    def test_transactions_are_what_the_client_asked_and_was_told(self):
        self.assertEqual([status for status, _, _, _ in self.told], [200, 304, 404])

        def check(records):
            found = transactions(records)
            self.assertEqual([dig(t, "connection.transaction") for t in found], [1, 2, 3])
            for record, (path, headers), (status, reason, told, body) in zip(found, self.asked, self.told):
                self.assertEqual(dig(record, "http.request.method"), "GET")
                self.assertEqual(dig(record, "url.full"), "http://127.0.0.1" + path)
                self.assertEqual(dig(record, "http.version"), "1.1")
                self.assertEqual(dig(record, "http.request.headers"), [list(h) for h in headers])
                self.assertEqual(dig(record, "http.response.status_code"), status)
                self.assertEqual(dig(record, "http.response.reason"), reason)
                self.assertEqual(dig(record, "http.response.headers"), [list(h) for h in told])
                self.assertEqual(dig(record, "http.response.body.bytes"), len(body))
                self.assertIsNone(dig(record, "http.incomplete"))
            encoded, unchanged, missing = (dict(told) for _, _, told, _ in self.told)
            self.assertEqual(encoded["Content-Encoding"], "gzip")
            self.assertEqual(dig(found[0], "http.response.content_encoding"), "gzip")
            self.assertEqual(int(encoded["Content-Length"]), dig(found[0], "http.response.body.bytes"))
            self.assertNotIn("Content-Length", unchanged)
            self.assertEqual(int(missing["Content-Length"]), dig(found[2], "http.response.body.bytes"))

        self.for_each_reader(check)

    def test_transactions_are_what_tshark_reads(self):
        requests = [s for s in self.segments if s["http.request.method"]]
        responses = [s for s in self.segments if s["http.response.code"]]
        self.assertEqual([s["http.request_in"] for s in responses], [s["frame.number"] for s in requests])

        def check(records):
            found = transactions(records)
            self.assertEqual(len(found), len(requests))
            for record, request, response in zip(found, requests, responses):
                self.assertEqual([dig(record, "http.request.method")], request["http.request.method"])
                self.assertEqual([dig(record, "url.full")], request["http.request.full_uri"])
                self.assertEqual(["HTTP/" + dig(record, "http.version")], request["http.request.version"])
                self.assertEqual([str(dig(record, "http.response.status_code"))], response["http.response.code"])
                self.assertEqual([dig(record, "http.response.reason")], response["http.response.phrase"])
                self.assertEqual([dig(record, "http.request.packet")], [int(n) for n in request["frame.number"]])
                self.assertEqual([dig(record, "http.response.packet")], [int(n) for n in response["frame.number"]])
                for side, lines in (("request", request["http.request.line"]),
                                    ("response", response["http.response.line"])):
                    # tshark leaves the line's end on, some versions as the letters \r\n.
                    lines = [line.replace("\\r\\n", "").rstrip() for line in lines]
                    self.assertEqual(["%s: %s" % tuple(h) for h in dig(record, "http.%s.headers" % side)], lines)
                if response["http.content_length"]:
                    self.assertEqual([str(dig(record, "http.response.body.bytes"))], response["http.content_length"])

        self.for_each_reader(check)

    def test_times_are_those_of_the_frames(self):
        stamps = {int(s["frame.number"][0]): int(s["frame.time_epoch"][0].replace(".", "")) for s in self.segments}
        for records, tolerance in ((self.live, TOLERANCE_NS), (self.file, 0)):
            for record in transactions(records):
                asked = stamps[dig(record, "http.request.packet")]
                told = stamps[dig(record, "http.response.packet")]
                self.assertLessEqual(abs(nanoseconds(record["@timestamp"]) - asked), tolerance)
                self.assertLessEqual(abs(dig(record, "timing.wait") - (told - asked)), tolerance)
            closed = connections(records, "closed")[0]
            for field, expected in (("start", min(stamps.values())), ("end", max(stamps.values()))):
                self.assertLessEqual(abs(nanoseconds(closed["event"][field]) - expected), tolerance)
            handshake = closed["tcp"]["handshake"]
            self.assertLessEqual(abs(handshake["syn_ack"] - (stamps[2] - stamps[1])), tolerance)
            self.assertLessEqual(abs(handshake["ack"] - (stamps[3] - stamps[2])), tolerance)
            self.assertEqual(handshake["round_trip"], handshake["syn_ack"] + handshake["ack"])

    def test_the_handshake(self):
        flags = [int(s["tcp.flags"][0], 16) for s in self.segments[:3]]
        self.assertEqual(flags, [SYN, SYN | ACK, ACK])

        def check(records):
            closed = connections(records, "closed")[0]
            for side, syn in (("source", self.segments[0]), ("destination", self.segments[1])):
                announced = closed["tcp"][side]
                self.assertEqual([announced["isn"]], [int(n) for n in syn["tcp.seq_raw"]])
                self.assertEqual([announced["window"]], [int(n) for n in syn["tcp.window_size_value"]])
                self.assertEqual([announced["mss"]], [int(n) for n in syn["tcp.options.mss_val"]])
                self.assertEqual([announced["window_scale"]], [int(n) for n in syn["tcp.options.wscale.shift"]])
                self.assertEqual(announced["sack_permitted"], bool(syn["tcp.options.sack_perm"]))
                self.assertEqual(announced["timestamps"], bool(syn["tcp.options.timestamp.tsval"]))
                self.assertEqual(announced["mss"], 65495)
                self.assertEqual(announced["window_scale"], window_scale(6291456))  # 7
                self.assertIs(announced["sack_permitted"], True)
                self.assertIs(announced["timestamps"], True)

        self.for_each_reader(check)

    def test_the_steps_of_the_connection(self):
        how, who = teardown(self.segments)
        self.assertEqual(who, "source")  # the client of this scene closes first

        def check(records):
            steps = connections(records)
            self.assertEqual([dig(s, "event.action") for s in steps],
                             ["opened", "established", "half-closed", "closed"])
            self.assertEqual(len({dig(r, "connection.id") for r in records}), 1)
            half_closed, closed = steps[2], steps[3]
            self.assertEqual(dig(half_closed, "tcp.closed_by"), who)
            self.assertEqual(dig(closed, "tcp.closed_by"), who)
            self.assertEqual(dig(closed, "tcp.teardown"), how)
            self.assertEqual(dig(closed, "event.reason"), "fin")
            self.assertEqual(dig(closed, "connection.transactions"), 3)
            self.assertEqual(dig(closed, "source.port"), self.client_port)
            self.assertEqual([str(dig(closed, "tcp.completeness"))], self.segments[-1]["tcp.completeness"])
            for side, port in (("source", self.client_port), ("destination", 80)):
                sent = [s for s in self.segments if s["tcp.srcport"] == [str(port)]]
                self.assertEqual(closed[side]["packets"], len(sent))
                self.assertEqual(closed[side]["bytes"], sum(int(s["tcp.len"][0]) for s in sent))

        self.for_each_reader(check)

    def test_live_and_file_give_the_same_records(self):
        self.assertEqual(len(self.live), len(self.file))
        for live, file in zip(copy.deepcopy(self.live), copy.deepcopy(self.file)):
            # The id is made of the first stamp; the number and the interface's name are known to one only.
            for path in (("connection", "id"), ("connection", "number")):
                live.get(path[0], {}).pop(path[1], None)
                file.get(path[0], {}).pop(path[1], None)
            self.assertEqual(live.pop("observer"), {"ingress": {"interface": {"name": "lo"}}})
            assert_alike(live, file, TOLERANCE_NS)


if __name__ == "__main__":
    main(needs=("apache2", "tcpdump", "tshark"))
