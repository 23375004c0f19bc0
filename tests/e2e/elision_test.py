"""Body elision against real traffic: two captures of one interface, with and without it, see the same frames. Their
records have to be equal but for what the contract gives up (its row `elided`). Each capture stamps frames itself, so
times differ a little; tests/flows shows that they are equal where the stamps are.
"""
import http.server
import shutil
import subprocess
import unittest

from browser_test import FLAGS, PIXEL
from capture import Capture, connections, dig, tapline, transactions
from lab import DEADLINE, LabTest, curl, main, run, start_nginx, start_python
from recording import assert_alike, without_what_elision_gives_up, without_what_one_reader_knows

MIB = 1 << 20


class Chunks(http.server.BaseHTTPRequestHandler):
    """GET /N: chunks of 1 MiB, N of them. PUT: takes the body."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(self.path[1:])):
            self.wfile.write(b"%x\r\n" % MIB + bytes(MIB) + b"\r\n")
        self.wfile.write(b"0\r\nX-Trailer: yes\r\n\r\n")

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, MIB)))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


def comparable(records):
    """{what a record is of: the record without what may differ}; ports are used for one connection each"""
    found = {}
    for record in transactions(records) + connections(records):
        key = (dig(record, "source.port"), dig(record, "event.action"), dig(record, "connection.transaction") or 0)
        assert key not in found, "two records of %s" % (key,)
        found[key] = without_what_elision_gives_up(without_what_one_reader_knows(record))
    return found


class Elision(LabTest):
    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()

    def frames_of_one_mtu(self):
        for namespace in (self.client, self.server):
            namespace.run("ethtool", "-K", "veth0", "gro", "off", "gso", "off", "tso", "off")

    def capture(self, scene, workers=1):
        """Runs scene() in front of both captures. Returns the records of the eliding one."""
        options = ["-i", "veth0", "-j", str(workers), "--headers", "all", "--records", "http,connection,stats",
                   "--ring-size", "512MiB", "--close-linger", "100ms"]
        both = [Capture(self.server.command(), *options, "--elide-bodies", how) for how in ("on", "off")]
        try:
            scene()
            for capture in both:
                capture.wait_for_closed(self.client.active_opens())
        finally:
            codes = [capture.stop() for capture in both]
        self.assertEqual(codes, [0, 0], both[0].error_text())
        for capture in both:
            self.assertEqual(dig(capture.records[-1], "dropped.packets"), 0)
        eliding = both[0].records
        self.elided = dig(eliding[-1], "elided.bytes")
        told = sum(dig(record, "tcp.%s.elided.bytes" % side) or 0 for side in ("source", "destination")
                   for record in connections(eliding, "closed"))
        self.assertEqual(told, self.elided)
        self.assertEqual(dig(both[1].records[-1], "elided.packets"), 0)
        self.assertFalse(any(dig(record, "http.response.packet") for record in eliding))
        got, expected = (comparable(capture.records) for capture in both)
        self.assertEqual(sorted(got), sorted(expected))
        for key, record in expected.items():
            assert_alike(got[key], record, where=str(key))
        return eliding

    def download(self, sizes):
        """Over one connection, in this order; then something small."""
        self.lab.write("site/small.html", "small")
        for size in sizes:
            run("truncate", "-s", str(size), self.lab.path("site/%d.bin" % size))
        start_nginx(self.lab, self.server, "access_log off; sendfile on; keepalive_requests 10000;")
        paths = ["%d.bin" % size for size in sizes] + ["small.html"]

        def scene():
            transfers = curl(self.lab, self.client, *[["-o", "/dev/null", "http://10.0.0.1/" + p] for p in paths])
            self.assertEqual([t["ordinal"] for t in transfers], list(range(1, len(paths) + 1)))
        records = self.capture(scene)
        bodies = {dig(t, "connection.transaction"): dig(t, "http.response.body.bytes") for t in transactions(records)}
        self.assertEqual([bodies[n] for n in sorted(bodies)], [*sizes, len("small")])
        for record in transactions(records):
            self.assertIsNone(dig(record, "http.incomplete"))
        return records

    def test_large_downloads_and_the_next_request(self):
        """A GiB, in the largest frames that the kernel makes, whose last one reaches across the end of the body."""
        self.download([MIB, 1 << 30, 64 * MIB])
        self.assertGreater(self.elided, 900 * MIB)

    def test_downloads_in_frames_of_one_mtu(self):
        self.frames_of_one_mtu()
        records = self.download([MIB, 256 * MIB, 16 * MIB])
        self.assertGreater(self.elided, 200 * MIB)
        # And nearly all that acknowledges it.
        client = dig(connections(records, "closed")[0], "tcp.source.elided.packets")
        self.assertGreater(client, 1000)

    def test_loss_and_retransmission(self):
        self.frames_of_one_mtu()
        # A queue that is too short.
        self.server.run("tc", "qdisc", "add", "dev", "veth0", "root", "tbf", "rate", "800mbit", "burst", "32kb", "limit",
                        "100kb")
        self.download([8 * MIB] * 6)
        self.assertGreater(self.elided, MIB)

    def test_chunks_and_uploads(self):
        start_python(self.lab, self.server, Chunks)
        upload = self.lab.write("upload", bytes(40 * MIB))

        def scene():
            curl(self.lab, self.client, ["-o", "/dev/null", "http://10.0.0.1/30"], ["-T", upload, "http://10.0.0.1/"],
                 ["-o", "/dev/null", "http://10.0.0.1/2"])
        records = self.capture(scene)
        ended = sorted(transactions(records), key=lambda t: dig(t, "connection.transaction"))
        self.assertEqual([dig(t, "http.response.body.bytes") for t in ended], [30 * MIB, 0, 2 * MIB])
        self.assertEqual(dig(ended[1], "http.request.body.bytes"), 40 * MIB)
        self.assertIn(["X-Trailer", "yes"], dig(ended[2], "http.response.headers"))
        self.assertGreater(self.elided, 0)

    def test_wrk_on_two_workers(self):
        self.lab.write("site/a.bin", bytes(300000))
        start_nginx(self.lab, self.server, "access_log off; keepalive_requests 20;")

        def scene():
            subprocess.run(self.client.command("wrk", "-t", "1", "-c", "8", "-d", "1s", "http://10.0.0.1/a.bin"),
                           stdout=subprocess.DEVNULL, timeout=DEADLINE, check=True)
        self.capture(scene, workers=2)

    @unittest.skipUnless(shutil.which("chromium"), "needs chromium")
    def test_a_page_with_large_pictures(self):
        """As Chromium loads it, over its six connections."""
        pictures = ["picture%d.png" % n for n in range(12)]
        for number, name in enumerate(pictures):
            self.lab.write("site/" + name, PIXEL + bytes(number * 2 * MIB))
        self.lab.write("site/page.html", "<!doctype html><title>pictures</title><link rel=icon href=data:,>" +
                       "".join("<img src=%s>" % name for name in pictures))
        start_nginx(self.lab, self.server, "access_log off;")

        def scene():
            subprocess.run(self.client.command("chromium", *FLAGS, "--user-data-dir=" + self.lab.path("profile"),
                                               "--dump-dom", "http://10.0.0.1/page.html"),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=2 * DEADLINE, check=True)
        records = self.capture(scene)
        self.assertEqual(sorted(dig(t, "url.path") for t in transactions(records)),
                         sorted("/" + name for name in pictures + ["page.html"]))
        self.assertGreater(self.elided, 20 * MIB)


class CommandLine(unittest.TestCase):
    def test_what_needs_whole_frames_refuses_it(self):
        for other in (["-w", "file"], ["--records", "packet"], ["--dedup", "1ms"], ["-r", "file"]):
            done = tapline("--elide-bodies", "on", *other)
            self.assertEqual(done.code, 2)
            self.assertIn("--elide-bodies on", done.errors)


if __name__ == "__main__":
    main(needs=("nginx", "wrk", "tc", "ethtool"))
