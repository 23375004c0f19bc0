"""Connections that fall silent: each has its closed record though nothing else comes on the wire."""
import socket
import struct

from capture import Capture, connections, dig, tapline
from frames import START_NS, Conversation, write_pcap
from lab import LabTest, main

# An attempt is over before the kernel's next try, a second later.
TIMEOUTS = ("--attempt-timeout", "700ms", "--idle-timeout", "1s", "--half-closed-timeout", "1s",
            "--close-linger", "500ms")


class Live(LabTest):
    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        self.capture = Capture(self.client.command(), "-i", "veth0", "--records", "closed", *TIMEOUTS)
        self.lab.defer(lambda: self.capture.process.poll() is None and self.capture.stop())

    def connected(self):
        with self.server.entered():
            listener = socket.create_server(("10.0.0.1", 80))
        self.lab.defer(listener.close)
        client = self.client.connect("10.0.0.1")
        self.lab.defer(client.close)
        server, _ = listener.accept()
        self.lab.defer(server.close)
        return client, server

    def closed(self):
        """The record of the first connection; the wire is silent meanwhile."""
        self.capture.wait_for_closed(1)
        record = connections(self.capture.records, "closed")[0]
        self.assertEqual(record["@timestamp"], dig(record, "event.end"))
        return record

    def test_an_established_connection(self):
        self.connected()
        record = self.closed()
        self.assertEqual((dig(record, "event.reason"), dig(record, "tcp.state")), ("timeout", "S1"))

    def test_a_half_closed_connection(self):
        client, _ = self.connected()
        client.shutdown(socket.SHUT_WR)
        record = self.closed()
        self.assertEqual((dig(record, "event.reason"), dig(record, "tcp.state"), dig(record, "tcp.teardown"),
                          dig(record, "tcp.closed_by")), ("timeout", "S2", "half", "source"))

    def test_a_reset_connection_after_its_linger(self):
        client, _ = self.connected()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        record = self.closed()
        self.assertEqual((dig(record, "event.reason"), dig(record, "tcp.state")), ("rst", "RSTO"))

    def test_an_attempt_that_nobody_answers(self):
        # The kernel knows where 10.0.0.9 is; there is nobody.
        self.client.run("ip", "neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:99", "dev", "veth0")
        with self.client.entered():
            client = socket.socket()
        self.lab.defer(client.close)
        client.setblocking(False)
        self.assertNotEqual(client.connect_ex(("10.0.0.9", 80)), 0)
        record = self.closed()
        self.assertEqual((dig(record, "event.reason"), dig(record, "tcp.state"), dig(record, "source.packets")),
                         ("timeout", "S0", 1))


class File(LabTest):
    """Packet time decides, whatever the clock says."""

    def reasons(self, gap_ns, *options):
        """Of a connection that goes on after `gap_ns` of silence: reasons of its records, in order."""
        talk = Conversation((b"\x0a\0\0\x02", 40000), (b"\x0a\0\0\x01", 80), 1000, 5000)
        talk.get("/", b"hello")
        before = len(talk.frames)
        talk.get("/", b"hello")
        talk.close()
        path = write_pcap(self.lab.path("gap.pcap"), talk.frames,
                          times=[START_NS + i * 1000 + (gap_ns if i >= before else 0)
                                 for i in range(len(talk.frames))])
        run = tapline("-r", path, "--records", "closed", *options)
        self.assertEqual((run.code, run.errors), (0, ""))
        return [dig(r, "event.reason") for r in run.records]

    def test_idle_timeout(self):
        self.assertEqual(self.reasons(3500 * 10**9), ["fin"])
        self.assertEqual(self.reasons(3700 * 10**9), ["timeout", "fin"])
        self.assertEqual(self.reasons(3700 * 10**9, "--idle-timeout", "2h"), ["fin"])
        self.assertEqual(self.reasons(2 * 10**9, "--idle-timeout", "1s"), ["timeout", "fin"])

    def test_attempts(self):
        """4,000 within a second, and room for 16: a thousand of those that go are written, or all."""
        syns = [Conversation((bytes((10, 1, number >> 8, number & 255)), 20000), (b"\x0a\0\0\x01", 80),
                             number, 0).frames[0] for number in range(4000)]
        path = write_pcap(self.lab.path("flood.pcap"), syns)
        run = tapline("-r", path, "--max-flows", "16", "--records", "closed,stats", "-v")
        closed = connections(run.records, "closed")
        self.assertEqual([dig(r, "event.reason") for r in closed], ["evicted"] * 1000 + ["end"] * 16)
        stats = [r for r in run.records if dig(r, "event.action") == "stats"][-1]
        self.assertEqual(stats["connections"], {"open": 0, "opened": 4000, "closed": 4000, "evicted": 3984,
                                                "attempts": 4000, "attempts_unwritten": 2984})
        self.assertIn("2,984 attempts", run.errors)
        run = tapline("-r", path, "--max-flows", "16", "--records", "closed", "--attempts", "all")
        self.assertEqual(len(run.records), 4000)


if __name__ == "__main__":
    main(needs=("ip",))
