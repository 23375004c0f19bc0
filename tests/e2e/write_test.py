"""--write: the frames of a run as pcapng, beside its records: what is in the file, and what becomes of it when the
disk, the pipe or the command line is wrong."""
import collections
import copy
import fcntl
import os
import signal
import socket
import stat
import struct
import subprocess

from capture import TAPLINE, Capture, connections, dig, tapline, transactions
from frames import START_NS, Conversation, crowd, write_pcap
from lab import DEADLINE, LabTest, curl, exchange, main, run, start_nginx, tshark

SECTION, INTERFACE, STATISTICS, FRAME = 0x0A0D0D0A, 1, 5, 6
NAME, HARDWARE, OS, APPLICATION = 2, 2, 3, 4
STARTED, ENDED, RECEIVED, DROPPED, ACCEPTED, OS_DROPPED, DELIVERED = range(2, 9)

Block = collections.namedtuple("Block", "type fields options data")
FIELDS = {SECTION: "=IHHq", INTERFACE: "=HHI", STATISTICS: "=III", FRAME: "=IIIII"}


def blocks(path):
    """Every block of a pcapng file of this machine; that the file ends with a whole one is a part of the test."""
    with open(path, "rb") as file:
        content = file.read()
    found, at = [], 0
    while at < len(content):
        kind, size = struct.unpack_from("=II", content, at)
        assert size % 4 == 0 and struct.unpack_from("=I", content, at + size - 4) == (size,), (path, at, size)
        body, at = content[at + 8:at + size - 4], at + size
        fields = struct.unpack_from(FIELDS[kind], body)
        rest = body[struct.calcsize(FIELDS[kind]):]
        data = b""
        if kind == FRAME:
            data, rest = rest[:fields[3]], rest[(fields[3] + 3) // 4 * 4:]
        options = {}
        while rest:
            code, length = struct.unpack_from("=HH", rest)
            if code:
                options[code] = rest[4:4 + length]
            rest = rest[4 + (length + 3) // 4 * 4:]
        found.append(Block(kind, fields, options, data))
    return found


def of_type(found, kind):
    return [block for block in found if block.type == kind]


def counts(block):
    """The counters of an interface statistics block."""
    return {code: struct.unpack("=Q", value)[0] for code, value in block.options.items() if code > ENDED}


def capinfos(path):
    text = run("capinfos", "-M", path)
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith(" "))


def as_read_again(record):
    """A live record as -r has it: with the connection's number, and the end of the file for that of the run."""
    record = copy.deepcopy(record)
    record["connection"].pop("number", None)
    if dig(record, "event.reason") == "shutdown":
        record["event"]["reason"] = "end"
    return record


def without_ordinals(records):
    records = copy.deepcopy(records)
    for record in records:
        for side in ("request", "response"):
            (dig(record, "http." + side) or {}).pop("packet", None)
    return records


def in_any_order(records):
    """Live, a silent connection closes by the clock, from a file at the next frame: other lines can come between."""
    return sorted((as_read_again(record) for record in records),
                  key=lambda r: (dig(r, "connection.id"), dig(r, "event.dataset"), dig(r, "event.action"),
                                 dig(r, "connection.transaction") or 0))


class WriteLive(LabTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        self.lab.write("site/index.html", "<!doctype html>" + "x" * 20000)
        self.lab.write("site/big.bin", b"\0" * (64 << 20))
        self.path = self.lab.path("out.pcapng")

    def capture(self, *arguments):
        capture = Capture(self.server.command(), *arguments)
        self.addCleanup(self.end, capture)
        return capture

    @staticmethod
    def end(capture):
        if capture.process.returncode is None:
            capture.stop(signal.SIGKILL)

    def start_nginx(self):
        start_nginx(self.lab, self.server, "access_log off;")

    def assert_same_records(self, live, *options):
        again = tapline("-r", self.path, "-f", "ecs", *options)
        self.assertEqual((again.code, again.errors), (0, ""))
        self.assertEqual(in_any_order(live), in_any_order(again.records))

    def test_what_was_saved_gives_the_same_records(self):
        """Closed connections and one that ^C finds open; the numbers of frames too, with one worker."""
        self.start_nginx()
        capture = self.capture("-i", "veth0", "-j", "1", "-w", self.path, "--records", "http,connection,stats")
        curl(self.lab, self.client, ["http://10.0.0.1/"], ["http://10.0.0.1/none"], ["-I", "http://10.0.0.1/"])
        curl(self.lab, self.client, ["http://10.0.0.1/?2"])
        capture.wait_for_closed(2)
        with self.client.connect("10.0.0.1") as connection:
            exchange(connection, "GET", "/?open", [("Host", "10.0.0.1")])
            capture.wait_for(lambda records: len(transactions(records)) == 5, "five transactions")
            self.assertEqual(capture.stop(), 0, capture.error_text())
        live = [r for r in capture.records if dig(r, "event.dataset") != "tapline.stats"]
        self.assertEqual([dig(c, "event.reason") for c in connections(live, "closed")], ["fin", "fin", "shutdown"])
        self.assertTrue(all(dig(t, "http.request.packet") for t in transactions(live)))
        self.assertEqual({dig(r, "observer.ingress.interface.name") for r in live}, {"veth0"})
        self.assert_same_records(live)

        frames = sum(dig(c, "source.packets") + dig(c, "destination.packets") for c in connections(live, "closed"))
        found = blocks(self.path)
        self.assertEqual([b.type for b in found], [SECTION, INTERFACE] + [FRAME] * frames + [STATISTICS])
        self.assertEqual(found[0].options[HARDWARE].decode(), os.uname().machine)
        self.assertEqual(found[0].options[OS].decode(), "Linux " + os.uname().release)
        self.assertRegex(found[0].options[APPLICATION].decode(), r"^tapline \d")
        self.assertEqual((found[1].options[NAME], found[1].options[9]), (b"veth0", b"\x09"))
        told = counts(found[-1])
        self.assertGreaterEqual(told.pop(RECEIVED), sum(self.server_receives(b) for b in of_type(found, FRAME)))
        self.assertEqual(told, {DROPPED: 0, ACCEPTED: frames, OS_DROPPED: 0, DELIVERED: frames})
        self.assertEqual(sorted(found[-1].options)[:2], [STARTED, ENDED])
        stats = [r for r in capture.records if dig(r, "event.dataset") == "tapline.stats"][-1]
        self.assertEqual({sink["name"]: (sink["lines"], sink["lost"]) for sink in stats["sinks"]}["write"], (frames, 0))
        self.assertIn("%d frames saved to %s" % (frames, self.path), capture.error_text())
        told = capinfos(self.path)
        self.assertEqual((told["Number of packets"].strip(), told["Number of interfaces in file"].strip()),
                         (str(frames), "1"))
        self.assertEqual({tuple(f["frame.interface_name"]) for f in tshark(self.path, ["frame.interface_name"])},
                         {("veth0",)})

    @staticmethod
    def server_receives(block):
        return block.data[30:34] == bytes((10, 0, 0, 1))

    def test_two_workers_two_interfaces(self):
        self.start_nginx()
        capture = self.capture("-i", "lo", "-i", "veth0", "-j", "2", "-w", self.path)
        for number in range(8):
            curl(self.lab, self.client, ["http://10.0.0.1/?%d" % number])
            curl(self.lab, self.server, ["http://127.0.0.1/?%d" % number])
        capture.wait_for_closed(16)
        self.assertEqual(capture.stop(signal.SIGTERM), 0, capture.error_text())
        again = tapline("-r", self.path, "-w", self.lab.path("copy.pcapng"))
        # Live, several workers give no numbers of frames.
        self.assertEqual(in_any_order(capture.records), in_any_order(without_ordinals(again.records)))
        found = blocks(self.path)
        copied = blocks(self.lab.path("copy.pcapng"))
        self.assertEqual(of_type(copied, INTERFACE), of_type(found, INTERFACE))
        self.assertEqual(of_type(copied, FRAME), of_type(found, FRAME))
        self.assertEqual([b.options[NAME] for b in of_type(found, INTERFACE)], [b"lo", b"veth0"])
        sent = collections.Counter(b.fields[0] for b in of_type(found, FRAME))
        self.assertEqual([b.type for b in found[-2:]], [STATISTICS] * 2)
        for index in (0, 1):
            self.assertGreater(sent[index], 0)
            told = counts(found[index - 2])
            self.assertGreater(told.pop(RECEIVED), 0)
            self.assertEqual(told, {DROPPED: 0, ACCEPTED: sent[index], OS_DROPPED: 0, DELIVERED: sent[index]})

    def test_vlan_tags_are_put_back(self):
        """The kernel takes the outer tag out of what comes in. (A made-up talk: not every kernel has VLAN devices.)"""
        talk = Conversation((b"\x0a\0\0\x02", 40000), (b"\x0a\0\0\x01", 80), 1000, 2000)
        talk.get("/tagged", b"x" * 1000)
        talk.close()
        capture = self.capture("-i", "veth0", "-j", "1", "-w", self.path)
        with self.client.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with wire:
            wire.bind(("veth0", 0))
            for content in talk.frames:
                wire.send(content[:12] + b"\x81\0\x60\x07" + content[12:])  # priority 3, id 7
        capture.wait_for_closed(1)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        self.assertEqual({dig(r, "network.vlan.id") for r in capture.records}, {7})
        self.assert_same_records(capture.records)
        seen = tshark(self.path, ["vlan.id", "vlan.priority", "frame.len", "frame.cap_len"])
        self.assertEqual([(f["vlan.id"], f["vlan.priority"], f["frame.len"]) for f in seen],
                         [(["7"], ["3"], [str(len(content) + 4)]) for content in talk.frames])
        self.assertTrue(all(f["frame.len"] == f["frame.cap_len"] for f in seen), seen)

    def test_bounds(self):
        self.start_nginx()
        capture = self.capture("-i", "veth0", "-j", "2", "-w", self.path, "-c", "7")
        curl(self.lab, self.client, ["http://10.0.0.1/"], ["http://10.0.0.1/"])
        self.assertEqual(capture.wait(), 0)
        self.assertEqual(len(of_type(blocks(self.path), FRAME)), 7)
        done = tapline("-i", "veth0", "-w", self.path, "-d", "50ms", prefix=self.server.command())
        self.assertEqual((done.code, done.errors), (0, ""))
        self.assertEqual([b.type for b in blocks(self.path)], [SECTION, INTERFACE, STATISTICS])

    def test_opened_before_root_is_given_up(self):
        """In a directory that only root can enter; nobody else may read what holds all secrets."""
        self.start_nginx()
        os.mkdir(self.lab.path("private"), 0o700)
        self.path = self.lab.path("private/out.pcapng")
        capture = self.capture("-i", "veth0", "-j", "1", "-w", self.path)
        with open("/proc/%d/status" % capture.process.pid, encoding="ascii") as status:
            self.assertNotIn("Uid:\t0", status.read())
        curl(self.lab, self.client, ["-H", "Authorization: Basic c2VjcmV0", "http://10.0.0.1/"])
        capture.wait_for_closed(1)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertTrue(any(b"c2VjcmV0" in b.data for b in of_type(blocks(self.path), FRAME)))
        self.assertNotIn("c2VjcmV0", str(capture.records))
        self.assert_same_records(capture.records)

    def fifo(self):
        """(path, descriptor) of a pipe of one page whose reader is there and does not read."""
        path = self.lab.path("fifo")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        return path, reader

    def test_a_reader_that_is_stuck_costs_frames_and_no_records(self):
        self.start_nginx()
        path, reader = self.fifo()
        capture = self.capture("-i", "veth0", "-j", "1", "-w", path, "--records", "http,closed,stats", "--ring-size",
                               "256MiB")  # room for all of it, however slow a sanitizer makes us
        curl(self.lab, self.client, ["-o", "/dev/null", "http://10.0.0.1/big.bin"])
        capture.wait_for_closed(1)
        told, = transactions(capture.records)
        whole = (dig(told, "http.response.body.bytes"), dig(told, "http.gap.bytes"))
        capture.process.send_signal(signal.SIGINT)
        os.set_blocking(reader, True)
        with open(reader, "rb") as pipe, open(self.path, "wb") as file:
            while piece := pipe.read(1 << 20):
                file.write(piece)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        stats = [r for r in capture.records if dig(r, "event.dataset") == "tapline.stats"][-1]
        sink, = (s for s in stats["sinks"] if s["name"] == "write")
        frames = len(of_type(blocks(self.path), FRAME))
        self.assertEqual((sink["lines"], sink["lines"] + sink["lost"]), (frames, dig(stats, "delivered.packets")))
        self.assertGreater(sink["lost"], 0)
        self.assertIn("were not saved because", capture.error_text())
        self.assertEqual(counts(blocks(self.path)[-1])[DELIVERED], frames)
        if dig(stats, "dropped.packets") == 0:  # by the kernel, on a machine that is very busy
            self.assertEqual(whole, (64 << 20, None))

    def test_a_reader_that_goes_away_ends_the_run(self):
        self.start_nginx()
        path, reader = self.fifo()
        capture = self.capture("-i", "veth0", "-j", "1", "-w", path)
        with self.client.connect("10.0.0.1") as connection:
            exchange(connection, "GET", "/", [("Host", "10.0.0.1")])
            capture.wait_for(transactions, "the transaction")
            os.close(reader)
            self.assertEqual(capture.wait(), 0)
        self.assertEqual([dig(c, "event.reason") for c in connections(capture.records, "closed")], ["shutdown"])

    def test_a_full_disk_costs_no_records(self):
        self.start_nginx()
        capture = self.capture("-i", "veth0", "-j", "1", "-w", "/dev/full")
        curl(self.lab, self.client, ["http://10.0.0.1/"])
        capture.wait_for_closed(1)
        self.assertEqual(capture.stop(), 1)
        self.assertEqual(len(transactions(capture.records)), 1)
        self.assertIn("no more frames are saved", capture.error_text())
        self.assertIn("cannot write to /dev/full: No space left on device", capture.errors[-1])

    def test_refused_before_anything_is_captured(self):
        for arguments, says in ((["-w", "/nonexistent/out.pcapng"], "No such file or directory"),
                                (["-w", self.lab.dir], "Is a directory"),
                                (["-w", "-"], "-o file:PATH")):
            done = tapline("-v", "-i", "veth0", *arguments, prefix=self.server.command())
            self.assertEqual(done.code, 2, arguments)
            self.assertIn(says, done.errors)
            self.assertNotIn("capturing", done.errors)
        kept = self.lab.write("kept.pcapng", "of an earlier run")
        self.assertEqual(tapline("-i", "nothere", "-w", kept, prefix=self.server.command()).code, 2)
        with open(kept, encoding="ascii") as file:
            self.assertEqual(file.read(), "of an earlier run")


class WriteFile(LabTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.frames = crowd(connections=60, gets=10)
        self.input = write_pcap(self.lab.path("in.pcap"), self.frames)
        self.path = self.lab.path("out.pcapng")

    def test_a_copy_gives_the_same_records(self):
        """Whatever the number of workers, the file is the same; so is a copy of the copy."""
        first = tapline("-r", self.input, "-w", self.path)
        self.assertEqual((first.code, first.errors), (0, ""))
        again = tapline("-r", self.path, "-w", self.lab.path("again.pcapng"))
        self.assertEqual((again.code, again.output), (0, first.output))
        self.assertEqual(tapline("-r", self.input, "-j", "3", "-w", self.lab.path("three.pcapng")).code, 0)
        copies = [self.content(self.path), self.content(self.lab.path("three.pcapng")),
                  self.content(self.lab.path("again.pcapng"))]
        self.assertEqual(copies[0], copies[1])
        self.assertEqual(copies[0], copies[2])
        self.assertEqual([b.data for b in of_type(blocks(self.path), FRAME)], self.frames)
        self.assertEqual(counts(blocks(self.path)[-1]), {ACCEPTED: len(self.frames), DELIVERED: len(self.frames)})

    @staticmethod
    def content(path):
        with open(path, "rb") as file:
            return file.read()

    def test_frames_of_the_ports_with_their_interfaces_and_lengths(self):
        """From a file of two interfaces, other ports and cut frames, as mergecap and editcap make them."""
        other = write_pcap(self.lab.path("other.pcap"), [f[:34] + f[34:38].replace(b"\0P", b"\x1f\x90") + f[38:]
                                                     for f in self.frames])
        run("editcap", "-s", "80", self.input, self.lab.path("cut.pcapng"))
        run("mergecap", "-I", "none", "-w", self.lab.path("merged.pcapng"), self.lab.path("cut.pcapng"), other)
        run("editcap", "--inject-secrets", "tls," + self.lab.write("keys", "# none\n"), self.lab.path("merged.pcapng"),
            self.lab.path("with-more.pcapng"))
        first = tapline("-r", self.lab.path("with-more.pcapng"), "-w", self.path)
        self.assertEqual((first.code, first.errors), (0, ""))
        fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_id", "frame.encap_type",
                  "tcp.seq_raw"]
        kept = tshark(self.path, fields)
        self.assertEqual(kept, tshark(self.lab.path("with-more.pcapng"), fields, "-Y", "tcp.port == 80"))
        self.assertEqual(len(kept), len(self.frames))
        self.assertEqual([int(f["frame.cap_len"][0]) for f in kept],
                         [min(80, int(f["frame.len"][0])) for f in kept])
        self.assertIn(True, [f["frame.len"] != f["frame.cap_len"] for f in kept])
        self.assertEqual(without_ordinals(first.records), without_ordinals(tapline("-r", self.path).records))

    def test_bounds(self):
        self.assertEqual(tapline("-r", self.input, "-w", self.path, "-c", "100").code, 0)
        self.assertEqual([b.data for b in of_type(blocks(self.path), FRAME)], self.frames[:100])
        self.assertEqual(tapline("-r", self.input, "-w", self.path, "-d", "50us").code, 0)
        self.assertEqual([b.data for b in of_type(blocks(self.path), FRAME)], self.frames[:50])

    def test_into_a_pipe(self):
        records = self.lab.path("records")
        with subprocess.Popen([TAPLINE, "-r", self.input, "-w", "-", "-o", "file:" + records, "-f", "ecs"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            told = subprocess.run(["tshark", "-n", "-r", "-", "-T", "fields", "-e", "frame.time_epoch"],
                                  stdin=process.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                  timeout=DEADLINE, check=True).stdout.split()
            process.stdout.close()
            self.assertEqual((process.wait(DEADLINE), process.stderr.read()), (0, b""))
        self.assertEqual(told, ["%d.%09d" % divmod(START_NS + i * 1000, 10**9) for i in range(len(self.frames))])
        self.assertEqual(self.content(records), tapline("-r", self.input).output)

    def test_a_reader_that_goes_away_costs_no_records(self):
        records = self.lab.path("records")
        with subprocess.Popen([TAPLINE, "-r", self.input, "-w", "-", "-o", "file:" + records, "-f", "ecs"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.read(100)
            process.stdout.close()
            self.assertEqual((process.wait(DEADLINE), process.stderr.read()), (0, b""))
        self.assertEqual(self.content(records), tapline("-r", self.input).output)

    def test_a_full_disk_leaves_whole_frames_and_all_records(self):
        disk = self.lab.path("disk")
        os.mkdir(disk)
        run("mount", "-t", "tmpfs", "-o", "size=100k", "none", disk)
        self.addCleanup(run, "umount", disk)
        done = tapline("-r", self.input, "-w", disk + "/out.pcapng")
        self.assertEqual(done.code, 1)
        self.assertIn("cannot write to %s/out.pcapng: No space left on device" % disk, done.errors)
        self.assertEqual(done.output, tapline("-r", self.input).output)
        saved = [b.data for b in of_type(blocks(disk + "/out.pcapng"), FRAME)]
        self.assertGreater(len(saved), 100)
        self.assertEqual(saved, self.frames[:len(saved)])

    def test_refused(self):
        os.link(self.input, self.lab.path("link"))
        for arguments, says in ((["-w", self.lab.path("link")], "is the file that is read"),
                                (["-w", self.path, "-o", "file:" + self.path], "is the file that the records go to"),
                                (["-w", "-"], "-w - and -o - cannot share standard output"),
                                (["-w", "/nonexistent/out"], "No such file or directory")):
            done = tapline("-r", self.input, *arguments)
            self.assertEqual((done.code, done.output), (2, b""), arguments)
            self.assertIn(says, done.errors)
        self.assertEqual(os.path.getsize(self.input), 24 + sum(16 + len(f) for f in self.frames))
        kept = self.lab.write("kept.pcapng", "of an earlier run")
        self.assertEqual(tapline("-r", "/nonexistent.pcap", "-w", kept).code, 2)
        self.assertEqual(self.content(kept), b"of an earlier run")
        primary, secondary = os.openpty()
        done = subprocess.run([TAPLINE, "-r", self.input, "-w", "-", "-o", "file:/dev/null"], stdout=secondary,
                              stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
        os.close(primary)
        os.close(secondary)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"frames are not for a terminal", done.stderr)


if __name__ == "__main__":
    main(needs=("nginx", "curl", "tshark", "capinfos", "editcap", "mergecap"))
