"""What records say and what they hide: early records, redaction and its keyed hashes, strings of any bytes."""
import base64
import hmac
import os
import random
import shutil
import socket

from capture import TAPLINE, Capture, dig, tapline, transactions
from frames import Conversation, write_pcap
from lab import LabTest, in_ci, main
from loss_test import captured

KEY = b"0123456789abcdef0123456789abcdef\n"
PASSWORD, SESSION, TOKEN = "hunter2pass", "s3ss10n-0f-4l1ce", "t0k3n.f0r.4ll"
BASIC = base64.b64encode(("alice:" + PASSWORD).encode()).decode()
SECRETS = [PASSWORD, SESSION, TOKEN, BASIC]


def mark(secret, key=KEY):
    return "[hmac:%s]" % hmac.new(key, secret.encode(), "sha256").hexdigest()[:16]


def talk(number, *pairs):
    """The frames of one connection: each pair a request and its response, as text with plain line ends."""
    conversation = Conversation((bytes((10, 1, 0, number)), 20000 + number), (b"\x0a\0\0\x01", 80), 1000 * number, 7)
    for pair in pairs:
        for side, lines in zip(("client", "server"), pair):
            conversation.data(side, lines.replace("\n", "\r\n").encode())
    conversation.close()
    return conversation.frames


def secret_frames():
    """Two connections on which the secrets travel in every way that is known."""
    login = """GET http://alice:{0}@h.test/login?x=1&%74oken={2}&y=2 HTTP/1.1
Host: h.test
Authorization: Basic {3}
Proxy-Authorization: Basic {3}

""", """HTTP/1.1 302 Found
Set-Cookie: sid={1}; Path=/; HttpOnly
Location: http://alice:{0}@h.test/in?token={2}
Content-Location: /in#token={2}&state=1
Link: </in?token={2}>; rel=next
Content-Length: 0

"""
    follow = """POST /in?token={2} HTTP/1.1
Host: alice:{0}@h.test
Cookie: theme=dark; sid={1}
Authorization: Bearer
 {2}
Referer: http://h.test/login?x=1&token={2}
User-Agent: bot (+http://alice:{0}@h.test/?token={2} )
Content-Length: 2

ok""", """HTTP/1.1 200 OK
Content-Length: 2

ok"""
    login, follow = ([text.format(PASSWORD, SESSION, TOKEN, BASIC) for text in pair] for pair in (login, follow))
    return talk(1, login, follow) + talk(2, follow)


def values_of(record, side, name):
    return [value for found, value in dig(record, "http.%s.headers" % side) if found == name]


class Redaction(LabTest):
    def setUp(self):
        super().setUp()
        self.capture = write_pcap(self.lab.path("secrets.pcap"), secret_frames())
        self.key = self.lab.write("key", KEY)
        os.chmod(self.key, 0o600)

    def records(self, *arguments):
        done = tapline("-r", self.capture, "--headers", "all", "--records", "http,request,connection,packet", *arguments)
        self.assertEqual(done.code, 0, done.errors)
        return done

    def test_no_secret_reaches_the_output_in_any_format(self):
        for key in ([], ["--redact-key", self.key]):
            for form in ("ecs", "text"):
                with self.subTest(key=key, form=form):
                    output = self.records("-f", form, "--redact-query", "token", *key).output.decode()
                    self.assertEqual([s for s in SECRETS if s in output], [])
                    self.assertEqual(output.count("hmac:") > 0, bool(key))
                    self.assertEqual(output.count("[redacted]") > 0, not key)
        shown = self.records("--no-redact").output.decode()
        self.assertEqual([s for s in SECRETS if s not in shown], [])  # they were there to be hidden

    def test_hashes_stand_where_the_secrets_stood_and_join(self):
        found = self.records("--redact-key", self.key, "--redact-query", "token").records
        login, follow, other = transactions(found)
        self.assertEqual(dig(login, "url.original"), "http://alice:%s@h.test/login?x=1&%%74oken=%s&y=2" %
                         (mark(PASSWORD), mark(TOKEN)))
        self.assertEqual(dig(login, "url.full"), dig(login, "url.original"))
        self.assertEqual(dig(login, "url.query"), "x=1&%%74oken=%s&y=2" % mark(TOKEN))
        self.assertEqual(values_of(login, "request", "Authorization"), ["Basic " + mark(BASIC)])
        self.assertEqual(values_of(login, "request", "Proxy-Authorization"), ["Basic " + mark(BASIC)])
        self.assertEqual(values_of(login, "response", "Set-Cookie"), ["sid=%s; Path=/; HttpOnly" % mark(SESSION)])
        self.assertEqual(values_of(login, "response", "Location"),
                         ["http://alice:%s@h.test/in?token=%s" % (mark(PASSWORD), mark(TOKEN))])
        self.assertEqual(values_of(login, "response", "Content-Location"), ["/in#token=%s&state=1" % mark(TOKEN)])
        self.assertEqual(values_of(login, "response", "Link"), ["</in?token=%s>; rel=next" % mark(TOKEN)])
        for record in (follow, other):
            self.assertEqual(values_of(record, "request", "Cookie"), ["theme=%s; sid=%s" % (mark("dark"), mark(SESSION))])
            self.assertEqual(values_of(record, "request", "Authorization"), ["Bearer " + mark(TOKEN)])
            self.assertEqual(dig(record, "http.request.referrer"), "http://h.test/login?x=1&token=" + mark(TOKEN))
        self.assertNotEqual(dig(follow, "connection.id"), dig(other, "connection.id"))

    def test_another_key_gives_other_hashes_and_the_same_key_the_same(self):
        other = self.lab.write("other", b"another key, long enough")
        first, again, different = (self.records("--redact-key", key).output for key in (self.key, self.key, other))
        self.assertEqual(first, again)
        self.assertNotEqual(first, different)
        self.assertIn(mark(SESSION, b"another key, long enough").encode(), different)

    def refused(self, words, *arguments):
        done = tapline("-r", self.capture, *arguments)
        self.assertEqual((done.code, done.output), (2, b""), done.errors)
        for word in words:
            self.assertIn(word, done.errors)

    def test_what_is_no_key_is_refused(self):
        self.refused(["empty", "is empty", "make one: "], "--redact-key", self.lab.write("empty", b""))
        self.refused(["nowhere", "No such file", "make one: "], "--redact-key", self.lab.path("nowhere"))
        self.refused([self.lab.dir, "Is a directory"], "--redact-key", self.lab.dir)
        self.refused(["--no-redact and --redact-key exclude"], "--redact-key", self.key, "--no-redact")
        self.refused(["--no-redact and --redact-query exclude"], "--redact-query", "token", "--no-redact")
        self.refused(["'' is no name"], "--redact-query", "token,,x")

    def test_a_key_that_the_user_may_not_read(self):
        program = shutil.copy(TAPLINE, self.lab.path("tapline"))
        done = tapline("-r", self.capture, "--redact-key", self.key, program=program, prefix=[
            "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--bounding-set=-all"])
        self.assertEqual((done.code, done.output), (2, b""), done.errors)
        self.assertIn("Permission denied", done.errors)

    def test_a_key_that_everybody_can_read_is_warned_of(self):
        os.chmod(self.key, 0o644)
        self.assertIn("everybody can read the key in " + self.key, self.records("-v", "--redact-key", self.key).errors)
        os.chmod(self.key, 0o600)
        self.assertNotIn("warning", self.records("-v", "--redact-key", self.key).errors)


class EarlyRecords(LabTest):
    def test_a_request_is_told_while_its_response_is_still_awaited(self):
        """Live, as root who becomes nobody: the key, which only root can read, was read before that."""
        client, server = self.lab.linked_namespaces()
        key = self.lab.write("key", KEY)
        os.chmod(key, 0o600)
        with server.entered():
            listener = socket.create_server(("10.0.0.1", 80))
        self.addCleanup(listener.close)
        capture = Capture(client.command(), "-i", "veth0", "--records", "http,request", "--headers", "all",
                          "--redact-key", key)
        try:
            with client.connect("10.0.0.1") as asking:
                asking.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\nCookie: sid=%s\r\n\r\n" % SESSION.encode())
                answering, _ = listener.accept()
                with answering:
                    capture.wait_for(lambda records: len(records) == 1, "the early record")
                    early = capture.records[0]
                    self.assertEqual(dig(early, "event.action"), "request")
                    self.assertIn(["Cookie", "sid=" + mark(SESSION)], dig(early, "http.request.headers"))
                    for unknown in ("http.response", "event.duration", "event.outcome"):
                        self.assertIsNone(dig(early, unknown))
                    answering.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                    capture.wait_for(transactions, "the transaction")
        finally:
            code = capture.stop()
        self.assertEqual(code, 0, capture.error_text())
        self.assertEqual(len(capture.records), 2)
        self.assertEqual(capture.records[1]["connection"], early["connection"])
        self.assertEqual(dig(capture.records[1], "http.request"), dig(early, "http.request"))

    def test_under_loss_too_each_has_one_transaction_which_comes_later(self):
        frames, _, _ = captured(20, 0.05, 11)
        done = tapline("-r", write_pcap(self.lab.path("loss.pcap"), frames, step_ns=20000), "--headers", "all",
                       "--records", "http,request")
        self.assertEqual(done.code, 0, done.errors)
        early, told = {}, set()
        for record in done.records:
            name = (dig(record, "connection.id"), dig(record, "connection.transaction"))
            if dig(record, "event.action") == "request":
                self.assertNotIn(name, early)
                self.assertNotIn(name, told)
                early[name] = record
            else:
                told.add(name)
                self.assertEqual(name in early, dig(record, "http.request") is not None, record)
                for same in ("url", "http.request.headers", "http.request.method"):
                    self.assertEqual(dig(record, same), dig(early.get(name, {}), same))
        self.assertGreater(len(early), 500)
        self.assertEqual(early.keys() - told, set())

    def test_alone_and_as_text(self):
        path = write_pcap(self.lab.path("one.pcap"), secret_frames())
        done = tapline("-r", path, "--records", "request")
        self.assertEqual([dig(r, "event.action") for r in done.records], ["request"] * 3)
        # The body of the second is still to come.
        self.assertEqual([dig(r, "http.request.body.bytes") for r in done.records], [0, None, None])
        lines = tapline("-r", path, "--records", "request", "-f", "text").output.decode().splitlines()
        self.assertEqual([line.split()[2:4] for line in lines], [["GET", "..."], ["POST", "..."], ["POST", "..."]])


def wire_bytes(record, text):
    """A string of a record -> the bytes that were on the wire, by the rule in exporters/README.md."""
    return text.encode("latin-1" if record.get("encoding") == "latin1" else "utf-8")


class Strings(LabTest):
    """Every byte comes back, by one rule."""

    def exchange(self, values):
        """The records of transactions that carry each value in the target, in header values and in the reason."""
        frames = []
        for number, value in enumerate(values):
            conversation = Conversation((bytes((10, 1, number >> 8, number & 255)), 20000), (b"\x0a\0\0\x01", 80), 1, 7)
            target = b"/" + value.replace(b" ", b"+").replace(b"\t", b"+") + b"."
            conversation.data("client", b"GET %s HTTP/1.1\r\nHost: h\r\nX-Value: <%s>\r\nUser-Agent: <%s>\r\n\r\n" %
                              (target, value, value))
            conversation.data("server", b"HTTP/1.1 200 <%s>\r\nX-Value: <%s>\r\nContent-Length: 0\r\n\r\n" %
                              (value, value))
            conversation.close()
            frames += conversation.frames
        done = tapline("-r", write_pcap(self.lab.path("strings.pcap"), frames), "--headers", "X-Value",
                       "--records", "http")
        self.assertEqual(done.code, 0, done.errors)
        # Control characters are escaped, all of them: Python's parser would not mind some.
        for line in done.output.decode("utf-8").split("\n"):
            self.assertFalse(any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in line), line)
        self.assertEqual(len(done.records), len(values))
        return zip(values, done.records)

    def check(self, values):
        for value, record in self.exchange(values):
            framed = b"<" + value + b">"
            target = b"/" + value.replace(b" ", b"+").replace(b"\t", b"+") + b"."
            strings = [(dig(record, "url.original"), target), (dig(record, "url.full"), b"http://h" + target),
                       (dig(record, "user_agent.original"), framed), (dig(record, "http.response.reason"), framed),
                       (dig(record, "http.request.headers")[0][1], framed),
                       (dig(record, "http.response.headers")[0][1], framed)]
            for text, sent in strings:
                self.assertEqual(wire_bytes(record, text), sent, record)
            try:
                value.decode("utf-8")
                self.assertNotIn("encoding", record)
            except UnicodeDecodeError:
                self.assertEqual(record["encoding"], "latin1")

    def test_each_byte(self):
        # CR and LF end lines: no value holds them.
        self.check([bytes((byte,)) for byte in range(256) if byte not in b"\r\n"])

    def test_random_bytes_and_random_text(self):
        seed = int.from_bytes(os.urandom(4), "big") if in_ci() else 1
        print("seed %d" % seed)
        dice = random.Random(seed)
        values = []
        for _ in range(200):
            values.append(bytes(dice.choice([b for b in range(256) if b not in b"\r\n"])
                                for _ in range(dice.randrange(60))))
            values.append("".join(chr(dice.choice((dice.randrange(32, 127), dice.randrange(0x80, 0xd800),
                                                   dice.randrange(0xe000, 0x110000))))
                                  for _ in range(dice.randrange(30))).encode("utf-8"))
        self.check(values)


if __name__ == "__main__":
    main(needs=("setpriv",))
