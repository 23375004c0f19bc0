"""How tapline ends: a reader that goes away, one that is stuck, ^C, a kernel that refuses io_uring."""
import ctypes
import fcntl
import signal
import socket
import struct
import subprocess
import termios

from capture import TAPLINE, Capture, connections, dig, parse, tapline, transactions
from frames import crowd, write_pcap
from lab import DEADLINE, Lab, LabTest, await_condition, exchange, main, start_nginx

_LIBC = ctypes.CDLL(None, use_errno=True)
_IO_URING_SETUP = 425  # on every architecture
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_EPERM = 1


def refuse_io_uring():
    """For a child before it runs tapline: io_uring_setup fails with EPERM, as some containers have it."""
    load_number, jump_if_equal, answer = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    refuse, allow = 0x00050000 | _EPERM, 0x7FFF0000
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
        (load_number, 0, 0, 0), (jump_if_equal, 0, 1, _IO_URING_SETUP), (answer, 0, 0, refuse),
        (answer, 0, 0, allow)))
    instructions = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, head, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    if _LIBC.syscall(_IO_URING_SETUP, 1, None) != -1 or ctypes.get_errno() != _EPERM:
        raise OSError("io_uring is still there")


class Output(LabTest):
    @classmethod
    def setUpClass(cls):
        """A capture whose records are more than all buffers between tapline and its reader hold."""
        lab = Lab()
        cls.addClassCleanup(lab.close)
        cls.big = write_pcap(lab.path("big.pcap"), crowd(connections=400, gets=100))

    def start(self, *arguments):
        process = subprocess.Popen([TAPLINE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_a_reader_that_goes_away_is_a_normal_end(self):
        process = self.start("-r", self.big)
        self.assertEqual(len(parse(process.stdout.readline())), 1)
        process.stdout.close()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual(process.stderr.read(), b"")

    def test_a_second_signal_ends_a_run_whose_reader_is_stuck(self):
        process = self.start("-r", self.big)
        await_condition(lambda: self.waiting(process.stdout) > 0, "records in the pipe")
        # Two signals that follow closely can reach a process as one: so as many as it takes.
        for _ in range(DEADLINE * 10):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                pass
        self.assertIsNotNone(process.returncode, "still running")

    @staticmethod
    def waiting(pipe):
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]

    def test_a_slow_reader_of_a_file_loses_nothing(self):
        process = self.start("-r", self.big, "-j", "1")
        chunks = []
        while chunk := process.stdout.read1(4096):
            chunks.append(chunk)
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual(len(transactions(parse(b"".join(chunks)))), 400 * 100)

    def test_io_uring_refused_gives_the_same_bytes(self):
        written = {}
        for name, before in (("allowed", None), ("refused", refuse_io_uring)):
            with open(self.lab.path(name), "wb") as file:
                done = subprocess.run([TAPLINE, "-r", self.big], stdout=file, stderr=subprocess.PIPE, timeout=DEADLINE,
                                      preexec_fn=before, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            with open(self.lab.path(name), "rb") as file:
                written[name] = file.read()
        self.assertEqual(len(transactions(parse(written["allowed"]))), 400 * 100)
        self.assertEqual(written["refused"], written["allowed"])

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([TAPLINE, "-r", self.big], stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE,
                                  check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)

    def test_interrupting_writes_what_is_open_and_a_summary(self):
        net = self.lab.namespace("interrupt")
        self.lab.write("site/index.html", "<!doctype html>")
        start_nginx(self.lab, net, "access_log off;")
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                capture = Capture(net.command(), "-i", "lo", "-j", "2")
                with net.connect("127.0.0.1") as connection:
                    exchange(connection, "GET", "/", [("Host", "127.0.0.1")])
                    capture.wait_for(transactions, "the transaction")
                    self.assertEqual(capture.stop(number), 0, capture.error_text())
                closed = connections(capture.records, "closed")
                self.assertEqual([dig(c, "event.reason") for c in closed], ["shutdown"])
                self.assertEqual(dig(closed[0], "connection.transactions"), 1)
                self.assertEqual(dig(closed[0], "tcp.teardown"), "none")
                for word in ("frames", "dropped", "connection", "transaction", "record"):
                    self.assertIn(word, capture.error_text())

    def test_an_unfinished_transaction_is_written_at_the_end(self):
        net = self.lab.namespace("unfinished")
        with net.entered():
            server = socket.create_server(("127.0.0.1", 80))
        with server:  # takes what comes and never answers
            capture = Capture(net.command(), "-i", "lo", "-j", "1")
            with net.connect("127.0.0.1") as connection:
                connection.sendall(b"POST /form HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhalf of it")
                self.wait_for_acknowledgment(net)
                self.assertEqual(capture.stop(), 0, capture.error_text())
        found = transactions(capture.records)
        self.assertEqual([dig(t, "http.request.method") for t in found], ["POST"])
        self.assertEqual(dig(found[0], "http.request.body.bytes"), len("half of it"))
        self.assertEqual(set(dig(found[0], "http.incomplete")), {"request_body", "response"})
        self.assertEqual(dig(found[0], "event.outcome"), "unknown")

    @staticmethod
    def wait_for_acknowledgment(net):
        """Until the client's send queue is empty: then its data have passed the interface."""
        await_condition(lambda: [line.split()[1] for line in net.run("ss", "-Htn", "state", "established", "dport",
                                                                     "=", ":80").splitlines()] == ["0"],
                        "the acknowledgment")


if __name__ == "__main__":
    main(needs=("nginx",))
