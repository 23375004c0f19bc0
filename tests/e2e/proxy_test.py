"""curl goes through tinyproxy, captured on the proxy's port: absolute-form requests, and CONNECT with what follows it.

The origin is nginx, over HTTP and TLS, in the proxy's own namespace: its connections are not on the wire.
"""
import re
from unittest.mock import ANY

from capture import connections, dig, transactions
from lab import LabTest, curl, main, run, start_nginx, start_tinyproxy
from recording import Exchange, Recording, exchanges, json_lines

PROXY = ["-x", "http://10.0.0.1:8888"]
PAGE = "<!doctype html><title>page</title>" + "<p>A paragraph.</p>" * 2000


class Proxy(LabTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.client, server = self.lab.linked_namespaces()
        self.lab.write("site/page.html", PAGE)
        self.origin_log, key, certificate = (self.lab.path(name) for name in ("access.log", "key.pem", "cert.pem"))
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", "/CN=origin.test", "-days", "2", "-keyout", key, "-out", certificate)
        start_nginx(self.lab, server, """
log_format origin escape=json '{"line":"$request","status":$status,"sent":$bytes_sent,"body":$body_bytes_sent}';
access_log %s origin; ssl_certificate %s; ssl_certificate_key %s;""" %
                    (self.origin_log, certificate, key), "listen 443 ssl;")
        self.proxy_log = start_tinyproxy(self.lab, server, "10.0.0.1", (80, 443, 81))
        self.recording = Recording(self.lab, server, "veth0", "-j", "1", ports="8888")

    def go(self, *transfers):
        """curl's account of the transfers, and the records. Each has a curl of its own: tinyproxy closes every
        connection without saying so before, and a curl that wants to use it once more is sometimes quicker."""
        told = [row for transfer in transfers for row in curl(self.lab, self.client, [*PROXY, *transfer])]
        self.recording.finish(len(transfers))
        self.assertEqual([row["num_connects"] for row in told], [1] * len(transfers))
        self.closed = {dig(c, "source.port"): c for c in connections(self.recording.live, "closed")}
        by_port = {e.port: e for e in exchanges(self.recording.live)}
        self.assertEqual(len(exchanges(self.recording.live)), len(transfers))
        found = [by_port[row["local_port"]] for row in told]
        with open(self.proxy_log, encoding="utf-8") as log:
            requests = re.findall(r"Request \(file descriptor \d+\): (\S+) (\S+) HTTP", log.read())
        self.assertEqual([(e.method, e.target) for e in found], requests)
        return told, found

    def test_absolute_form(self):
        told, found = self.go(["http://10.0.0.1/page.html"], ["-I", "http://10.0.0.1/page.html"],
                              ["http://10.0.0.1/missing"], ["http://10.0.0.1:81/nobody/listens"])
        for row, e in zip(told, found):
            self.assertEqual(e, Exchange(
                row["local_port"], 1, row["method"], row["url_effective"], row["http_code"], row["size_request"], 0,
                row["size_header"] + row["size_download"], row["size_download"],
                outcome="success" if row["http_code"] < 400 else "failure"))
        # The last one is the proxy's own answer; the others come from the origin, with another head.
        logged = json_lines(self.origin_log, 3)
        self.assertEqual([row["http_code"] for row in told], [line["status"] for line in logged] + [500])
        self.assertEqual([e.response_body for e in found[:3]], [line["body"] for line in logged])
        of_port = {dig(t, "source.port"): t for t in transactions(self.recording.live)}
        for e in found:
            self.assertEqual((dig(of_port[e.port], "url.full"), dig(of_port[e.port], "url.domain")),
                             (e.target, "10.0.0.1"))

    def test_connect(self):
        """To HTTP and to TLS: one transaction, and the bytes after it count for the connection alone."""
        told, found = self.go(["--proxytunnel", "http://10.0.0.1/page.html"], ["-k", "https://10.0.0.1/page.html"])
        logged = json_lines(self.origin_log, 2)
        for row, e, target, line in zip(told, found, ("10.0.0.1:80", "10.0.0.1:443"), logged):
            self.assertEqual((row["http_connect"], row["http_code"], row["size_download"]), (200, 200, len(PAGE)))
            self.assertEqual((line["status"], line["body"]), (200, len(PAGE)))
            head = row["heads"].split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            self.assertEqual(e, Exchange(row["local_port"], 1, "CONNECT", target, 200, e.request, 0, len(head), 0,
                                         upgrade="tunnel"))
            self.assertEqual(dig(self.closed[e.port], "connection.transactions"), 1)
            inside = (dig(self.closed[e.port], "source.bytes") - e.request,
                      dig(self.closed[e.port], "destination.bytes") - e.response)
            asked = row["size_request"] - e.request  # by curl's count, what it sent to the origin
            if target.endswith(":80"):
                self.assertEqual(inside, (asked, line["sent"]))
            else:  # with a handshake
                self.assertGreater(inside[0], asked)
                self.assertGreater(inside[1], line["sent"])

    def test_connect_refused(self):
        """By rule, and for want of a listener: no tunnel. curl reads no body then and may reset the connection."""
        told, found = self.go(["-k", "https://10.0.0.1:9/"], ["-k", "https://10.0.0.1:81/"])
        self.assertEqual([row["http_connect"] for row in told], [403, 500])
        for row, e, target in zip(told, found, ("10.0.0.1:9", "10.0.0.1:81")):
            self.assertEqual(e, Exchange(row["local_port"], 1, "CONNECT", target, row["http_connect"],
                                         row["size_request"], 0, ANY, ANY, None, ANY, None, "failure"))
            self.assertEqual(e.response - e.response_body, row["size_header"])
            self.assertEqual(e.response, dig(self.closed[e.port], "destination.bytes"))


if __name__ == "__main__":
    main(needs=("tinyproxy", "nginx", "openssl", "curl", "tcpdump", "tshark"))
