"""The second scene: six connections at once load a hundred objects from nginx, which closes first.

The client goes on holding its ends for a while after the server has closed: each connection is half closed in
between, and the close takes four segments.
"""
import threading
import unittest

from capture import Capture, connections, dig, nanoseconds, transactions
from lab import DEADLINE, Lab, exchange, main, start_nginx

CONNECTIONS = 6
OBJECTS = 100
HELD_S = 0.3  # how long the client holds its ends after the server's FIN: the scene itself, not a wait for it


class Visitor(threading.Thread):
    """One connection: its share of the objects, then EOF from the server, then the client's own close."""

    def __init__(self, net, paths, everyone):
        super().__init__()
        self.net, self.paths, self.everyone = net, paths, everyone
        self.port, self.seen, self.failure = None, [], None

    def run(self):
        try:
            with self.net.connect("10.0.0.1") as connection:
                self.port = connection.getsockname()[1]
                self.everyone.wait(DEADLINE)  # all six are open before the first request
                for path in self.paths:
                    headers = [("Host", "10.0.0.1"), ("Accept-Encoding", "gzip")]
                    status, _, _, body = exchange(connection, "GET", path, headers)
                    self.seen.append((path, status, len(body)))
                assert connection.recv(1) == b"", "the server was to close first"
                threading.Event().wait(HELD_S)
        except BaseException as failure:  # told by the test, on its own thread
            self.failure = failure


class NginxScene(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab = Lab()
        cls.addClassCleanup(lab.close)
        client, server = lab.linked_namespaces()
        cls.write_site(lab)
        start_nginx(lab, server,
                    "access_log off; keepalive_timeout 400ms; gzip on; gzip_types text/css; gzip_min_length 100;")
        cls.capture = Capture(client.command(), "-i", "veth0", "-j", "1")
        everyone = threading.Barrier(CONNECTIONS)
        paths = ["/object%d.%s" % (n, cls.kind(n)) for n in range(OBJECTS)]
        paths[17] = "/missing.bin"
        cls.visitors = [Visitor(client, paths[n::CONNECTIONS], everyone) for n in range(CONNECTIONS)]
        for visitor in cls.visitors:
            visitor.start()
        for visitor in cls.visitors:
            visitor.join()
            if visitor.failure:
                raise visitor.failure
        cls.capture.wait_for_closed(CONNECTIONS)
        code = cls.capture.stop()
        assert code == 0, (code, cls.capture.error_text())
        cls.of_port = {v.port: [r for r in cls.capture.records if dig(r, "source.port") == v.port]
                        for v in cls.visitors}

    @staticmethod
    def kind(number):
        return ("css", "bin", "png")[number % 3]

    @classmethod
    def write_site(cls, lab):
        """Objects of 0 bytes to 90 kB; the style sheets go out compressed and chunked."""
        for number in range(OBJECTS):
            lab.write("site/object%d.%s" % (number, cls.kind(number)), b"abcdefg\n" * (number * number))

    def test_every_transaction_is_on_its_connection_in_order(self):
        for visitor in self.visitors:
            found = sorted(transactions(self.of_port[visitor.port]), key=lambda t: dig(t, "connection.transaction"))
            self.assertEqual([dig(t, "connection.transaction") for t in found], list(range(1, len(found) + 1)))
            self.assertEqual([(dig(t, "url.path"), dig(t, "http.response.status_code"),
                               dig(t, "http.response.body.bytes")) for t in found], visitor.seen)
            for record in found:
                self.assertIsNone(dig(record, "http.incomplete"))
        self.assertEqual(len(transactions(self.capture.records)), OBJECTS)

    def test_the_server_closes_first_and_the_client_later(self):
        for visitor in self.visitors:
            records = self.of_port[visitor.port]
            steps = connections(records)
            self.assertEqual([dig(s, "event.action") for s in steps],
                             ["opened", "established", "half-closed", "closed"])
            self.assertEqual(len({dig(r, "connection.id") for r in records}), 1)
            half_closed, closed = steps[2], steps[3]
            self.assertEqual(dig(half_closed, "tcp.closed_by"), "destination")
            self.assertEqual(dig(closed, "tcp.closed_by"), "destination")
            self.assertEqual(dig(closed, "tcp.teardown"), "four-way")
            self.assertEqual(dig(closed, "event.reason"), "fin")
            self.assertEqual(dig(closed, "connection.transactions"), len(visitor.seen))
            apart = nanoseconds(closed["@timestamp"]) - nanoseconds(half_closed["@timestamp"])
            self.assertGreaterEqual(apart, HELD_S * 1e9)
        ids = {dig(r, "connection.id") for r in self.capture.records if dig(r, "connection.id")}
        self.assertEqual(len(ids), CONNECTIONS)


if __name__ == "__main__":
    main(needs=("nginx",))
