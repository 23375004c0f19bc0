"""curl asks nginx, Apache and Python's http.server for all kinds of things: the records are what curl says and what
the server logs.

curl counts what it received: heads, and bodies after chunk framing. nginx and Apache count whole messages, as sent.
"""
import collections
import http.server
import os
import threading
from email.utils import formatdate
from unittest.mock import ANY

from capture import connections, dig, transactions
from lab import LabTest, curl, main, start_apache, start_nginx, start_python
from recording import Exchange, Recording, exchanges, json_lines

URL = "http://10.0.0.1"
PAGE = "<!doctype html><title>page</title>" + "<p>A paragraph.</p>" * 300
LARGE = bytes(range(256)) * 8192
CHANGED = 1_715_932_800
UNCHANGED = ["-H", "If-Modified-Since: " + formatdate(CHANGED, usegmt=True)]

# What any server of files answers: (curl's arguments, method, path, status).
ANY_SERVER = [
    ([], "GET", "/page.html", 200),
    (["-I"], "HEAD", "/page.html", 200),
    ([], "GET", "/missing?why=none", 404),
    (["-I"], "HEAD", "/missing", 404),
    (UNCHANGED, "GET", "/large.bin", 304),
    ([], "GET", "/large.bin", 200),
    ([], "GET", "/empty.bin", 200),
    (["-0"], "GET", "/page.html", 200),
]
# What nginx and Apache can beyond that.
LARGE_SERVER = [
    (["--compressed"], "GET", "/page.html", 200),  # compressed while it is sent: chunked
    (["-r", "100-299"], "GET", "/large.bin", 206),
    (["-r", "0-99,1000-1999,-5"], "GET", "/large.bin", 206),  # multipart/byteranges
    (["-r", "9999999-"], "GET", "/large.bin", 416),
    (["--path-as-is"], "GET", "/%70age.html?a=%20b", 200),
]


class Servers(LabTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        for name, content in (("page.html", PAGE), ("large.bin", LARGE), ("empty.bin", b"")):
            os.utime(self.lab.write("site/" + name, content), (CHANGED, CHANGED))

    def ask(self, requests):
        """curl's account of the requests, each with the method, path and status that it was to have."""
        told = curl(self.lab, self.client, *([*arguments, URL + path.replace("*", "/")]
                                             for arguments, _, path, _ in requests))
        for row, (_, method, path, status) in zip(told, requests):
            self.assertEqual((row["method"], row["http_code"]), (method, status), path)
            row["target"] = path
        return told

    def record(self, requests):
        """-> (curl's account, the recording)"""
        recording = Recording(self.lab, self.server, "veth0", "-j", "1")
        told = self.ask(requests)
        return told, recording.finish(sum(row["num_connects"] for row in told))

    def check_client(self, told, recording):
        """The records against curl's account."""
        expected = {}
        for row in told:
            chunked = b"chunked" in row["heads"]
            expected[row["local_port"], row["ordinal"]] = Exchange(
                row["local_port"], row["ordinal"], row["method"], row["target"], row["http_code"],
                row["size_request"], 0, ANY if chunked else row["size_header"] + row["size_download"],
                row["size_download"], outcome="failure" if row["http_code"] >= 400 else "success")
        self.assertEqual(exchanges(recording.live), [expected[place] for place in sorted(expected)])
        heads = {(row["local_port"], row["ordinal"]): row["heads"] for row in told}
        for record in transactions(recording.live):
            place = dig(record, "source.port"), dig(record, "connection.transaction")
            received = heads[place].decode().split("\r\n")
            self.assertEqual(["%s: %s" % tuple(header) for header in dig(record, "http.response.headers")],
                             received[1:-2])
            self.assertTrue(received[0].endswith(" %d %s" % (dig(record, "http.response.status_code"),
                                                             dig(record, "http.response.reason"))), received[0])

    def check_server(self, log, recording):
        """The records against nginx's or Apache's log."""
        logged = sorted((line["port"], line["ordinal"], line["method"], line["target"], line["status"],
                         line["received"], line["sent"]) for line in log)
        self.assertEqual([(e.port, e.ordinal, e.method, e.target, e.status, e.request, e.response)
                          for e in exchanges(recording.live)], logged)

    def check_sums(self, recording):
        """A connection carried what its transactions add up to."""
        found = exchanges(recording.live)
        for closed in connections(recording.live, "closed"):
            own = [e for e in found if e.port == dig(closed, "source.port")]
            self.assertEqual((dig(closed, "connection.transactions"), dig(closed, "source.bytes"),
                              dig(closed, "destination.bytes")),
                             (len(own), sum(e.request for e in own), sum(e.response for e in own)))

    def test_nginx(self):
        log = self.lab.path("access.log")
        start_nginx(self.lab, self.server, NGINX_LOG % log + " gzip on; gzip_types text/html; gzip_min_length 100;")
        requests = LARGE_SERVER + ANY_SERVER
        told, recording = self.record(requests)
        self.check_client(told, recording)
        self.check_server(json_lines(log, len(requests)), recording)
        self.check_sums(recording)

    def test_apache(self):
        log = self.lab.path("access.log")
        start_apache(self.lab, self.server, APACHE_LOG % log)
        requests = [(["-X", "OPTIONS", "--request-target", "*"], "OPTIONS", "*", 200), *LARGE_SERVER, *ANY_SERVER]
        told, recording = self.record(requests)
        self.check_client(told, recording)
        logged, places = json_lines(log, len(requests)), collections.Counter()
        received = {(e.port, e.ordinal): e.request for e in exchanges(recording.live)}
        for line in logged:
            line["method"], line["target"], _ = line["line"].split()
            places[line["port"]] += 1
            line["ordinal"] = places[line["port"]]
            # mod_logio counts the first byte of the next request twice when Apache peeks at it before it logs.
            place = line["port"], line["ordinal"]
            self.assertIn(line["received"] - received.get(place, 0), (0, 1), line)
            line["received"] = received[place]
        self.check_server(logged, recording)
        self.check_sums(recording)

    def test_python_http_server(self):
        self.python_http_server("HTTP/1.1")

    def test_python_http_server_that_closes_after_each_response(self):
        self.python_http_server("HTTP/1.0")

    def python_http_server(self, version):
        class Files(http.server.SimpleHTTPRequestHandler):
            protocol_version = version

            def __init__(self, *arguments):
                super().__init__(*arguments, directory=site)

        site = self.lab.path("site")
        log = start_python(self.lab, self.server, Files)
        told, recording = self.record(ANY_SERVER)
        self.check_client(told, recording)
        self.check_sums(recording)
        self.assertEqual([(e.port, "%s %s" % (e.method, e.target), e.status) for e in exchanges(recording.live)],
                         [(port, line.rpartition(" ")[0], status)
                          for port, line, status in sorted(log, key=lambda entry: entry[0])])

    def pipeline(self):
        """Sixty requests in one write, and then all responses: the records are what went over the wire, in order."""
        sent = []
        for number in range(60):
            method, path = (("GET", "/page.html"), ("HEAD", "/large.bin"), ("GET", "/missing?n=%d" % number),
                            ("GET", "/empty.bin"), ("PUT", "/new?n=%d" % number))[number % 5]
            head = "%s %s HTTP/1.1\r\nHost: 10.0.0.1\r\n" % (method, path)
            head += "Content-Length: 10000\r\n" if method == "PUT" else ""
            head += "Connection: close\r\n\r\n" if number == 59 else "\r\n"
            sent.append((method, path, head.encode(), b"p" * 10000 if method == "PUT" else b""))
        recording = Recording(self.lab, self.server, "veth0", "-j", "1")
        with self.client.connect("10.0.0.1") as connection, connection.makefile("rb") as file:
            port = connection.getsockname()[1]
            writer = threading.Thread(target=connection.sendall, args=(b"".join(h + b for _, _, h, b in sent),))
            writer.start()
            expected = []
            for ordinal, (method, path, head, body) in enumerate(sent, 1):
                status, response_head, response_body = self.read_response(file, method)
                expected.append(Exchange(port, ordinal, method, path, status, len(head) + len(body), len(body),
                                         response_head + response_body, response_body,
                                         outcome="failure" if status >= 400 else "success"))
            writer.join()
            self.assertEqual(file.read(), b"")
        recording.finish(1)
        self.assertEqual(exchanges(recording.live), expected)
        self.check_sums(recording)
        return recording

    @staticmethod
    def read_response(file, method):
        """-> (status, bytes of the head, bytes of the body)"""
        lines = list(iter(file.readline, b"\r\n"))
        sizes = [int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length:")]
        body = file.read(sizes[0]) if sizes and method != "HEAD" else b""
        return int(lines[0].split()[1]), sum(map(len, lines)) + 2, len(body)

    def test_nginx_pipelined(self):
        log = self.lab.path("access.log")
        os.chmod(self.lab.path("site"), 0o777)
        start_nginx(self.lab, self.server, NGINX_LOG % log, "dav_methods PUT;")
        recording = self.pipeline()
        self.check_server(json_lines(log, 60), recording)

    def test_apache_pipelined(self):
        log = self.lab.path("access.log")
        start_apache(self.lab, self.server, APACHE_LOG % log)
        recording = self.pipeline()
        self.assertEqual([(line["port"], line["line"].split()[0], line["status"], line["sent"])
                          for line in json_lines(log, 60)],
                         [(e.port, e.method, e.status, e.response) for e in exchanges(recording.live)])


NGINX_LOG = ("""log_format exchange escape=json '{"port":$remote_port,"ordinal":$connection_requests,"""
             """"method":"$request_method","target":"$request_uri","status":$status,"received":$request_length,"""
             """"sent":$bytes_sent}'; access_log %s exchange;""")
APACHE_LOG = """
LogFormat '{"port":%%{remote}p,"line":"%%r","status":%%>s,"received":%%I,"sent":%%O}' exchange
CustomLog %s exchange
"""

if __name__ == "__main__":
    main(needs=("nginx", "apache2", "curl", "tcpdump", "tshark"))
