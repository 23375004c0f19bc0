"""`tapline ladder`: the two page loads as diagrams, checked against tshark's reading of the same files, and what a
user sees of wrong input."""
import os
import re
import subprocess
import threading
import unittest
import xml.etree.ElementTree
from email.utils import formatdate

from capture import TAPLINE, connections, dig, tapline
from frames import Conversation, crowd, write_pcap
from lab import DEADLINE, Lab, LabTest, Tcpdump, await_condition, exchange, main, start_apache, start_nginx, tshark

ARROW = re.compile(r"^ *(-?\d+\.\d{6}) +(?:\+\S+ \S+ +)?(\S*) *│(.*)│ ?(\S*)$")
NUMBERS = re.compile(r"(\S+) seq (\d+)(?: \((\d+)\))?(?: ack (\d+))?(?: len (\d+))?")


class Diagram:
    """A diagram taken apart: `facts` by name; `arrows`, each (seconds, from the client?, label, state of the client,
    of the server), a state empty where it does not change; `between`, the words on the lines between the arrows."""

    def __init__(self, text):
        self.facts, self.arrows, self.between = {}, [], []
        self.lines = text.splitlines()
        for line in self.lines[1:self.lines.index("")]:
            name, _, fact = line.partition(" ")
            self.facts[name] = fact.strip()
        for line in self.lines:
            arrow = ARROW.match(line)
            if arrow:
                inside = arrow[3]
                assert inside.endswith("►") != inside.startswith("◄"), line
                self.arrows.append((float(arrow[1]), inside.endswith("►"), inside.strip("◄►─ "), arrow[2], arrow[4]))
            elif line.count("│") == 2:
                self.between.append(line.split("│")[1].strip("┄ "))

    def states(self, side):
        return [arrow[3 + side] for arrow in self.arrows if arrow[3 + side]]


def ladder(*arguments, columns="120"):
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    if columns:
        environment["COLUMNS"] = columns
    return tapline("ladder", *arguments, env=environment)


def picture_texts(svg):
    """The texts of a picture that XML's own parser takes."""
    root = xml.etree.ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
    for element in root.iter():
        assert "href" not in "".join(element.attrib) and not element.tag.endswith("script"), element.tag
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


class PageLoads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.apache, cls.apache_port = cls.load_from_apache()
        cls.nginx, cls.nginx_port = cls.load_from_nginx()

    @classmethod
    def record(cls, namespace, interface, name, load):
        """The capture of one connection that `load` makes; and the port that it returns."""
        path = cls.lab.path(name)
        dump = Tcpdump(namespace, interface, path, "tcp port 80")
        port = load()
        # CLOSED is where the client begins, and where the last segment of the close takes one end.
        await_condition(lambda: tapline("ladder", "-r", path).output.count(b"CLOSED") == 2, "the close in " + path)
        dump.stop(dump.frames())
        return path, port

    @classmethod
    def load_from_apache(cls):
        net = cls.lab.namespace("apache")
        changed = 1_715_932_800
        cls.lab.write("site/index.html", "<!doctype html><title>It works</title>" + "<p>It works.</p>" * 40)
        os.utime(cls.lab.write("site/logo.png", b"\x89PNG\r\n\x1a\n" + bytes(2048)), (changed, changed))
        start_apache(cls.lab, net)

        def load():
            host = [("Host", "127.0.0.1")]
            with net.connect("127.0.0.1") as connection:
                exchange(connection, "GET", "/", host)
                exchange(connection, "GET", "/logo.png",
                         host + [("If-Modified-Since", formatdate(changed, usegmt=True))])
                exchange(connection, "GET", "/favicon.ico", host)
                return connection.getsockname()[1]
        return cls.record(net, "lo", "apache.pcap", load)

    @classmethod
    def load_from_nginx(cls):
        client, server = cls.lab.linked_namespaces()
        for number in range(4):
            cls.lab.write("site/object%d.css" % number, b"abcdefg\n" * (number * 2000))
        start_nginx(cls.lab, server, "access_log off; keepalive_timeout 200ms;")

        def load():
            with client.connect("10.0.0.1") as connection:
                for number in range(4):
                    exchange(connection, "GET", "/object%d.css" % number, [("Host", "10.0.0.1")])
                assert connection.recv(1) == b"", "the server was to close first"
                threading.Event().wait(0.1)  # the scene itself: so long the connection is half closed
                return connection.getsockname()[1]
        return cls.record(client, "veth0", "nginx.pcap", load)

    def draw(self, *arguments):
        done = ladder(*arguments)
        self.assertEqual((done.code, done.errors), (0, ""))
        return Diagram(done.output.decode())

    def test_every_segment_is_as_tshark_reads_it(self):
        for path in (self.apache, self.nginx):
            with self.subTest(path=path):
                arrows = self.draw("-r", path, "--all").arrows
                frames = tshark(path, ["frame.time_relative", "tcp.dstport", "tcp.flags", "tcp.seq", "tcp.seq_raw",
                                       "tcp.ack", "tcp.len"])
                self.assertEqual(len(arrows), len(frames))
                for (seconds, from_client, label, _, _), frame in zip(arrows, frames):
                    flags, sequence, raw, acknowledgment, length = NUMBERS.fullmatch(label).groups()
                    bits = sum(1 << ("FIN", "SYN", "RST", "PSH", "ACK").index(flag) for flag in flags.split("+"))
                    self.assertEqual(bits, int(frame["tcp.flags"][0], 16), label)
                    self.assertEqual(from_client, frame["tcp.dstport"] == ["80"], label)
                    self.assertEqual([sequence], frame["tcp.seq"], label)
                    self.assertEqual([length or "0"], frame["tcp.len"], label)
                    self.assertLess(abs(seconds - float(frame["frame.time_relative"][0])), 2e-6, label)
                    if "ACK" in flags:
                        self.assertEqual([acknowledgment], frame["tcp.ack"], label)
                    if "SYN" in flags:
                        self.assertEqual([raw], frame["tcp.seq_raw"], label)

    def test_the_page_load_from_apache(self):
        diagram = self.draw("-r", self.apache)
        start_lines = [words for words in diagram.between if "HTTP/1.1" in words]
        self.assertEqual(start_lines, ["GET / HTTP/1.1", "HTTP/1.1 200 OK",
                                       "GET /logo.png HTTP/1.1", "HTTP/1.1 304 Not Modified",
                                       "GET /favicon.ico HTTP/1.1", "HTTP/1.1 404 Not Found"])
        self.assertRegex(diagram.facts["size"], r"3 transactions \(http\)$")
        self.assertRegex(diagram.facts["handshake"], r"^\S+ \S+: SYN\+ACK after .* ACK after ")
        closed = connections(tapline("-r", self.apache).records, "closed")[0]
        how = dig(closed, "tcp.teardown")
        self.assertEqual(dig(closed, "tcp.closed_by"), "source")
        self.assertRegex(diagram.facts["close"], "^fin, %s, by client" % how)
        self.assertIn(dig(closed, "connection.id"), diagram.lines[0])
        # A FIN that acknowledges the other one makes FIN_WAIT_2 pass in no time.
        self.assertEqual([s for s in diagram.states(0) if s != "FIN_WAIT_2"],
                         ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "TIME_WAIT"])
        self.assertEqual("FIN_WAIT_2" in diagram.states(0), how == "four-way")
        self.assertEqual(diagram.states(1), ["SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"])
        ends = "client 127.0.0.1:%d" % self.apache_port, "server 127.0.0.1:80"
        self.assertTrue(any(all(end in line for end in ends) for line in diagram.lines), diagram.lines)

    def test_the_page_load_from_nginx(self):
        diagram = self.draw("-r", self.nginx)
        self.assertEqual([words for words in diagram.between if words.startswith("GET")],
                         ["GET /object%d.css HTTP/1.1" % number for number in range(4)])
        half = [re.fullmatch(r"half-closed for (\d+) ms", words) for words in diagram.between if "half" in words]
        self.assertEqual(len(half), 1, diagram.between)
        self.assertGreaterEqual(int(half[0][1]), 100)
        self.assertEqual(diagram.facts["close"], "fin, four-way, by server (FIN, ACK, FIN, ACK)")
        self.assertEqual(diagram.states(0), ["SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"])
        self.assertEqual(diagram.states(1), ["SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"])

    def test_the_pictures_say_what_the_text_says(self):
        for path in (self.apache, self.nginx):
            with self.subTest(path=path):
                diagram = self.draw("-r", path)
                done = ladder("-r", path, "--svg")
                self.assertEqual((done.code, done.errors), (0, ""))
                texts = picture_texts(done.output)
                for words in [arrow[2] for arrow in diagram.arrows] + list(diagram.facts.values()) + \
                        diagram.states(0) + diagram.states(1) + [w for w in diagram.between if w]:
                    self.assertIn(words, texts)

    def test_piped_it_has_eighty_columns(self):
        done = ladder("-r", self.apache, columns=None)
        widest = max(len(line) for line in done.output.decode().splitlines())
        self.assertLessEqual(widest, 80)
        self.assertGreater(widest, 70)


class Choice(LabTest):
    def setUp(self):
        super().setUp()
        self.path = write_pcap(self.lab.path("crowd.pcap"), crowd(connections=5, gets=4))

    def refused(self, code, words, *arguments, **options):
        done = tapline("ladder", *arguments, **options)
        self.assertEqual((done.code, done.output), (code, b""), done.errors)
        for word in words:
            self.assertIn(word, done.errors)

    def test_without_a_choice_the_connections_are_listed(self):
        closed = sorted(connections(tapline("-r", self.path).records, "closed"),
                        key=lambda c: dig(c, "connection.number"))
        done = ladder("-r", self.path)
        self.assertEqual((done.code, done.errors), (0, ""))
        heading, *rows = done.output.decode().splitlines()
        self.assertTrue(heading.startswith("number  start "), heading)
        self.assertEqual(len(rows), 5)
        for row, record in zip(rows, closed):
            number, at, client, server, protocol, transactions, identity, how = row.split(maxsplit=7)
            self.assertEqual((int(number), identity, int(transactions), protocol),
                             (dig(record, "connection.number"), dig(record, "connection.id"), 4, "http"))
            self.assertIn(at, record["event"]["start"])
            self.assertEqual(client, "%s:%d" % (dig(record, "source.ip"), dig(record, "source.port")))
            self.assertEqual(server, "%s:%d" % (dig(record, "destination.ip"), dig(record, "destination.port")))
            self.assertTrue(how.startswith("fin, three-way, by client" if dig(record, "event.reason") == "fin" else
                                           "open at the end"), how)

    def test_by_number_and_by_id_it_is_the_same_connection(self):
        by_number = [ladder("-r", self.path, "--connection", str(number)) for number in range(1, 6)]
        for number, drawn in enumerate(by_number, 1):
            identity = drawn.output.decode().splitlines()[0].split()[-1]
            self.assertEqual(ladder("-r", self.path, "--connection", identity).output, drawn.output)
            self.assertTrue(drawn.output.startswith(b"connection %d " % number))
        self.assertEqual(len({drawn.output for drawn in by_number}), 5)

    def test_what_is_not_there(self):
        self.refused(2, ["connection 6", "5 connections"], "-r", self.path, "--connection", "6")
        self.refused(2, ["a" * 26, "5 connections"], "-r", self.path, "--connection", "a" * 26)
        self.refused(2, ["no connection on port 81"], "-r", self.path, "--connection", "1", "-p", "81")
        self.refused(2, ["--svg", "5 connections"], "-r", self.path, "--svg")

    def test_a_wrong_command_line(self):
        self.refused(2, ["-r FILE"])
        self.refused(2, ["'x'", "neither"], "-r", self.path, "--connection", "x")
        self.refused(2, ["-i"], "-r", self.path, "-i", "lo")
        self.refused(2, ["--records"], "-r", self.path, "--records", "http")
        self.refused(2, ["/nowhere/at.all"], "-r", "/nowhere/at.all")

    def test_a_damaged_file_is_drawn_as_far_as_it_goes(self):
        talk = Conversation((b"\x0a\0\0\2", 40000), (b"\x0a\0\0\1", 80), 1, 2)
        talk.get("/", b"x" * 100)
        with open(write_pcap(self.lab.path("whole.pcap"), talk.frames), "rb") as file:
            data = file.read()
        done = ladder("-r", self.lab.write("cut.pcap", data[:-7]))
        self.assertEqual(done.code, 4, done.errors)
        self.assertIn("cut.pcap", done.errors)
        self.assertEqual(len(Diagram(done.output.decode()).arrows), len(talk.frames) - 1)

    def test_standard_input_and_a_file_for_the_output(self):
        named = ladder("-r", self.path, "--connection", "2", "--svg")
        into = self.lab.path("second.svg")
        with open(self.path, "rb") as file:
            done = tapline("ladder", "-r", "-", "--connection", "2", "--svg", "-o", "file:" + into, stdin=file)
        self.assertEqual((done.code, done.output), (0, b""), done.errors)
        with open(into, "rb") as file:
            self.assertEqual(file.read(), named.output)
        # A second picture behind the first would make no picture.
        self.refused(2, [into], "-r", self.path, "--connection", "2", "--svg", "-o", "file:" + into)

    def test_a_reader_that_goes_away_is_a_normal_end(self):
        with subprocess.Popen([TAPLINE, "ladder", "-r", self.path, "--connection", "1"], stdout=subprocess.PIPE) as run:
            run.stdout.close()
            self.assertEqual(run.wait(DEADLINE), 0)


class Contents(LabTest):
    def draw(self, frames, *arguments, **options):
        done = ladder("-r", write_pcap(self.lab.path("frames.pcap"), frames), *arguments, **options)
        self.assertEqual((done.code, done.errors), (0, ""))
        return done.output

    @staticmethod
    def talk():
        return Conversation((b"\x0a\0\0\2", 40000), (b"\x0a\0\0\1", 80), 1000, 2**32 - 3000)

    def test_data_in_a_row_is_one_arrow(self):
        talk = self.talk()
        talk.get("/", b"x" * 17_000)
        labels = [arrow[2] for arrow in Diagram(self.draw(talk.frames).decode()).arrows]
        self.assertEqual(labels[5:], ["PSH+ACK seq 1 ack 39 len 1448", "11 segments, 15,620 bytes",
                                      "ACK seq 39 ack 17069"])
        self.assertEqual(len(Diagram(self.draw(talk.frames, "--all").decode()).arrows), len(talk.frames))

    def test_loss_and_disorder_are_named(self):
        talk = self.talk()
        talk.get("/", b"x" * 15_000)
        frames = talk.frames
        lost = frames[:8] + frames[9:]
        again = frames[:8] + [frames[7]] + frames[8:]
        swapped = frames[:8] + [frames[9], frames[8]] + frames[10:]
        for name, changed, words in (("whole", frames, []), ("again", again, ["retransmission"]),
                                     ("swapped", swapped, ["lost segment", "out of order"]),
                                     ("lost", lost, ["lost segment", "ack lost segment"])):
            with self.subTest(name):
                diagram = Diagram(self.draw(changed, "--all").decode())
                named = [w for w in diagram.between if w and "HTTP" not in w]
                self.assertEqual(named, words)
                self.assertEqual("missed" in diagram.facts, name == "lost")

    def test_secrets_and_long_targets(self):
        talk = self.talk()
        talk.get("http://me:hunter2@example.test/?token=s3cret&" + "y" * 5000, b"")
        for arguments in ((), ("--svg",)):
            shown = self.draw(talk.frames, *arguments, "--redact-query", "token").decode()
            self.assertIn("http://me:[redacted]@example.test/", shown)
            self.assertNotIn("hunter2", shown)
            self.assertNotIn("s3cret", shown)
        self.assertIn("hunter2", self.draw(talk.frames, "--no-redact").decode())
        for columns in ("60", "80", "100"):
            lines = self.draw(talk.frames, columns=columns).decode().splitlines()
            self.assertLessEqual(max(len(line) for line in lines), int(columns))

    def test_wire_bytes_in_a_picture(self):
        talk = self.talk()
        talk.data("client", b"GET /<&\"'>]]>\x01\xff\xef\xbf\xbf HTTP/1.1\r\nHost: a\r\n\r\n")
        texts = picture_texts(self.draw(talk.frames, "--svg"))
        self.assertTrue(any(text.startswith("GET /<&\"'>]]>\\x01\\xff") for text in texts), texts)


if __name__ == "__main__":
    main(needs=("apache2", "nginx", "tcpdump", "tshark"))
