"""Responses that take their time, and connections that stop being HTTP: server-sent events, WebSocket, HTTP/2.

nginx stands before an application of Python's http.server, as it does in the field, and logs what it sends.
"""
import struct

import websocket
from application import Application, EVENTS, NGINX_SERVER, PAUSE_S, STREAM
from capture import connections, dig, transactions
from lab import LabTest, curl, main, start_apache, start_nginx, start_python
from recording import Exchange, Recording, exchanges, json_lines

NGINX_HTTP = """
log_format stream escape=json '{"port":$remote_port,"target":"$request_uri","status":$status,'
    '"received":$request_length,"sent":$bytes_sent}';
access_log %s stream;"""


class Streams(LabTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        self.log = self.lab.path("access.log")

    def start(self):
        start_python(self.lab, self.server, Application, port=8080)
        start_nginx(self.lab, self.server, NGINX_HTTP % self.log, NGINX_SERVER)

    def test_events(self):
        """In chunks from nginx, and until the connection closes from the application."""
        self.start()
        recording = Recording(self.lab, self.server, "veth0", "-j", "1", ports="80,8080")
        chunked, closed = curl(self.lab, self.client, ["http://10.0.0.1/events"], ["http://10.0.0.1:8080/events"])
        recording.finish(2)
        logged, = json_lines(self.log, 1)
        found = {dig(t, "destination.port"): t for t in transactions(recording.live)}
        for port, told in ((80, chunked), (8080, closed)):
            record = found[port]
            self.assertEqual((told["http_code"], told["size_download"]), (200, len(b"".join(STREAM))))
            self.assertEqual((dig(record, "source.port"), dig(record, "http.response.status_code"),
                              dig(record, "http.response.body.bytes"), dig(record, "http.response.mime_type"),
                              dig(record, "http.incomplete"), dig(record, "event.outcome")),
                             (told["local_port"], 200, len(b"".join(STREAM)), "text/event-stream", None, "success"))
            self.assertEqual(dig(record, "http.request.bytes"), told["size_request"])
            self.assertGreaterEqual(dig(record, "timing.response"), (EVENTS - 1) * PAUSE_S * 1e9)
        self.assertIn(b"Transfer-Encoding: chunked", chunked["heads"])
        self.assertEqual(dig(found[80], "http.response.bytes"), logged["sent"])
        self.assertEqual(dig(found[8080], "http.response.bytes"), closed["size_header"] + len(b"".join(STREAM)))

    def test_web_socket(self):
        """A session over nginx: after the 101, its frames count for the connection alone."""
        self.start()
        recording = Recording(self.lab, self.server, "veth0", "-j", "1")
        key, mask = "dGhlIHNhbXBsZSBub25jZQ==", b"\x12\x34\x56\x78"
        request = ("GET /echo HTTP/1.1\r\nHost: 10.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % key).encode()
        # What looks like a message of HTTP is none any more.
        messages = [b"hello", b"GET /not/a/request HTTP/1.1\r\nHost: quoted\r\n\r\n", b"x" * 300, b"y" * 100_000]
        sent, received, heads = len(request), 0, []
        with self.client.connect("10.0.0.1") as connection, connection.makefile("rb") as file:
            connection.sendall(request)
            while not heads or heads[-1] != b"\r\n":
                heads.append(file.readline())
            self.assertIn(b"Sec-WebSocket-Accept: %s\r\n" % websocket.accept(key).encode(), heads)
            for opcode, message in [*((websocket.TEXT, m) for m in messages),
                                    (websocket.CLOSE, struct.pack("!H", 1000))]:
                framed = websocket.frame(opcode, message, mask)
                connection.sendall(framed)
                sent += len(framed)
                opcode_back, echo, size = websocket.read_frame(file)
                self.assertEqual((opcode_back, echo), (opcode, message))
                received += size
            self.assertEqual(file.read(), b"")  # the server closes
        recording.finish(1)
        head = sum(map(len, heads))
        found, = exchanges(recording.live)
        self.assertEqual((found.target, found.status, found.upgrade, found.request, found.request_body, found.response,
                          found.response_body, found.incomplete, found.outcome),
                         ("/echo", 101, "websocket", len(request), 0, head, 0, None, "success"))
        closed, = connections(recording.live, "closed")
        self.assertEqual((dig(closed, "connection.transactions"), dig(closed, "source.bytes"),
                          dig(closed, "destination.bytes"), dig(closed, "event.reason")),
                         (1, sent, head + received, "fin"))
        logged, = json_lines(self.log, 1)
        self.assertEqual((logged["status"], logged["sent"], logged["received"]), (101, head + received, len(request)))

    def test_upgrade_to_http2(self):
        """curl asks Apache for h2c: the upgrade is recorded, the answer comes in HTTP/2."""
        self.lab.write("site/page.html", "<!doctype html>")
        start_apache(self.lab, self.server, """
Protocols h2c http/1.1
H2Upgrade on
LogFormat '{"protocol":"%%H","status":%%>s}' protocol
CustomLog %s protocol
""" % self.log, ("http2",))
        recording = Recording(self.lab, self.server, "veth0", "-j", "1")
        told, = curl(self.lab, self.client, ["--http2", "http://10.0.0.1/page.html"])
        self.assertEqual((told["http_code"], told["http_version"], told["body"]), (200, "2", b"<!doctype html>"))
        recording.finish(1)
        self.assertEqual({(line["protocol"], line["status"]) for line in json_lines(self.log, 2)},
                         {("HTTP/1.1", 101), ("HTTP/2.0", 200)})
        found, = exchanges(recording.live)
        head = told["heads"].split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.assertEqual(found, Exchange(told["local_port"], 1, "GET", "/page.html", 101, told["size_request"], 0,
                                         len(head), 0, upgrade="h2c"))


if __name__ == "__main__":
    main(needs=("nginx", "apache2", "curl", "tcpdump", "tshark"))
