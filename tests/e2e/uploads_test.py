"""Uploads: Expect: 100-continue accepted and refused, bodies whole, chunked and broken off.

curl waits for the server's word before it sends the body. When that word is a final status, it sends none and closes:
of such a request nothing is missing. Of one whose body was broken off, the rest is.
"""
import http.server
import os
from unittest.mock import ANY

from capture import connections, dig
from lab import LabTest, curl, main, start_apache, start_nginx, start_python
from recording import Exchange, Recording, exchanges, json_lines

URL = "http://10.0.0.1"
PAGE = "<!doctype html><title>Thank you</title>"
CONTINUE = len("HTTP/1.1 100 Continue\r\n\r\n")  # nginx, Apache and curl count it in with the response
EXPECT = ["-H", "Expect: 100-continue"]
NO_EXPECT = ["-H", "Expect:"]
SMALL, LARGE = 3_000_000, 50_000_000


class Uploads(LabTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        self.lab.write("site/page.html", PAGE)
        os.chmod(self.lab.path("site"), 0o777)  # for nginx to store what is put
        self.small = self.lab.write("small", b"0123456789" * (SMALL // 10))
        self.large = self.lab.write("large", b"")
        os.truncate(self.large, LARGE)

    def record(self, *transfers):
        recording = Recording(self.lab, self.server, "veth0", "-j", "1")
        told = curl(self.lab, self.client, *transfers)
        return told, recording.finish(sum(row["num_connects"] for row in told))

    def check_client(self, told, recording, outcomes):
        """The records against curl's account; `outcomes`: of each, what record fields have to be besides."""
        expected = [Exchange(row["local_port"], row["ordinal"], row["method"], row["url_effective"][len(URL):],
                             row["http_code"], ANY, row["size_upload"],
                             row["size_header"] + row["size_download"] - CONTINUE * len(outcome.get("interim") or ()),
                             row["size_download"])._replace(**outcome)
                    for row, outcome in zip(told, outcomes)]
        self.assertEqual(sorted(exchanges(recording.live), key=lambda e: e.target), expected)

    def check_log(self, log, recording):
        """... and against nginx's or Apache's log."""
        logged = {line["target"]: line for line in json_lines(log, len(exchanges(recording.live)))}
        for e in exchanges(recording.live):
            self.assertEqual(logged[e.target], {
                "port": e.port, "target": e.target, "status": e.status, "received": ANY,
                "sent": e.response + CONTINUE * len(e.interim or ())})
            # nginx does not count a body that it throws away; Apache counts twice a byte that it peeked at.
            self.assertIn(logged[e.target]["received"] - e.request, (-e.request_body, 0, 1))

    def test_accepted_and_stored_by_nginx(self):
        log = self.lab.path("access.log")
        start_nginx(self.lab, self.server, """
log_format upload escape=json '{"port":$remote_port,"target":"$request_uri","status":$status,'
    '"received":$request_length,"sent":$bytes_sent}';
access_log %s upload; client_max_body_size 10m;""" % log, "dav_methods PUT;")
        told, recording = self.record(["-T", self.small, *EXPECT, URL + "/a"],
                                      ["-T", self.small, *NO_EXPECT, URL + "/b"],
                                      ["-T", self.small, "-H", "Transfer-Encoding: chunked", *EXPECT, URL + "/c"],
                                      ["-T", self.large, *EXPECT, URL + "/d"],
                                      ["-T", self.large, *NO_EXPECT, URL + "/e"])
        self.assertEqual([row["http_code"] for row in told], [201, 201, 201, 413, 413])
        self.check_client(told, recording, (
            {"interim": [100], "request": told[0]["size_request"] + SMALL, "request_body": SMALL},
            {"request": told[1]["size_request"] + SMALL, "request_body": SMALL},
            # curl counts the chunks' framing in.
            {"interim": [100], "request": told[2]["size_request"] + told[2]["size_upload"], "request_body": SMALL},
            # Told that it is too large before a byte of it was sent, and while it was being sent.
            {"outcome": "failure", "request": told[3]["size_request"], "request_body": 0},
            {"outcome": "failure", "request": told[4]["size_request"] + told[4]["size_upload"],
             "incomplete": ["request_body"]}))
        self.check_log(log, recording)
        self.assertLess(told[4]["size_upload"], LARGE)
        for name in "abc":
            self.assertEqual(os.path.getsize(self.lab.path("site/" + name)), SMALL)

    def test_accepted_by_apache_and_refused_for_want_of_a_password(self):
        log = self.lab.path("access.log")
        start_apache(self.lab, self.server, """
LogFormat '{"port":%%{remote}p,"target":"%%U","status":%%>s,"received":%%I,"sent":%%O}' upload
CustomLog %s upload
<Location /private>
AuthType Basic
AuthName "private"
AuthBasicProvider file
AuthUserFile %s
Require valid-user
</Location>
""" % (log, self.lab.write("users", "")), ("auth_basic", "authn_core", "authn_file", "authz_user"))
        told, recording = self.record(["-X", "POST", "-T", self.small, *EXPECT, URL + "/page.html"],
                                      ["-X", "POST", "-T", self.small, *EXPECT, URL + "/private"])
        self.assertEqual([row["http_code"] for row in told], [200, 401])
        self.check_client(told, recording, (
            {"interim": [100], "request": told[0]["size_request"] + SMALL, "request_body": SMALL},
            {"outcome": "failure", "request": told[1]["size_request"], "request_body": 0}))
        self.check_log(log, recording)

    def test_refused_with_417_and_sent_again_without_asking(self):
        class Refuses(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_expect_100(self):
                self.send_error(417)
                return False

            def do_PUT(self):
                size = int(self.headers["Content-Length"])
                stored.append(len(self.rfile.read(size)))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

        stored = []
        log = start_python(self.lab, self.server, Refuses)
        # What curl does after a 417 depends on its version, so it is told.
        told, recording = self.record(["-T", self.small, *EXPECT, URL + "/a"],
                                      ["-T", self.small, *NO_EXPECT, URL + "/b"])
        self.assertEqual([row["http_code"] for row in told], [417, 201])
        self.check_client(told, recording, (
            {"outcome": "failure", "request": told[0]["size_request"], "request_body": 0},
            {"request": told[1]["size_request"] + SMALL, "request_body": SMALL}))
        self.assertEqual(stored, [SMALL])
        self.assertEqual([(e.port, e.status) for e in sorted(exchanges(recording.live), key=lambda e: e.target)],
                         [(port, status) for port, _, status in log])
        self.assertEqual({dig(c, "event.reason") for c in connections(recording.live, "closed")}, {"fin"})


if __name__ == "__main__":
    main(needs=("nginx", "apache2", "curl", "tcpdump", "tshark"))
