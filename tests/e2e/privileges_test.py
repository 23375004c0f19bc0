"""Which privileges tapline needs to start, what it says without them, and that it keeps none."""
import os
import pwd
import re
import shutil

from capture import TAPLINE, Capture, tapline, transactions
from lab import LabTest, exchange, main, start_nginx


def setpriv(*capabilities):
    """Somebody with these capabilities and no others."""
    kept = ",".join(["-all"] + ["+" + name for name in capabilities])
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=" + kept,
            "--ambient-caps=" + kept, "--bounding-set=" + kept]


def status_of_threads(pid):
    """/proc's status of every thread of a process, as dictionaries."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task), encoding="ascii") as file:
            found.append(dict(re.split(r":\s*", line.rstrip("\n"), maxsplit=1) for line in file))
    return found


class Privileges(LabTest):
    def setUp(self):
        super().setUp()
        self.net = self.lab.namespace("privileges")
        # The build directory need not be open to everybody.
        self.program = shutil.copy(TAPLINE, self.lab.path("tapline"))

    def refusal(self, *capabilities):
        done = tapline("-i", "lo", prefix=self.net.command(*setpriv(*capabilities)), program=self.program)
        self.assertEqual((done.code, done.output), (3, b""), done.errors)
        return done.errors

    def test_what_is_missing_is_named(self):
        self.assertRegex(self.refusal(), r"(?s)CAP_NET_RAW.*CAP_BPF|CAP_BPF.*CAP_NET_RAW")
        self.assertIn("CAP_BPF", self.refusal("net_raw"))
        self.assertIn("CAP_NET_RAW", self.refusal("bpf"))

    def load_a_page(self):
        with self.net.connect("127.0.0.1") as connection:
            status, _, _, _ = exchange(connection, "GET", "/", [("Host", "127.0.0.1")])
        self.assertEqual(status, 200)

    def test_two_capabilities_suffice(self):
        self.lab.write("site/index.html", "<!doctype html>")
        start_nginx(self.lab, self.net, "access_log off;")
        capture = Capture(self.net.command(*setpriv("net_raw", "bpf")), "-i", "lo", program=self.program)
        self.assert_powerless(capture.process.pid)
        self.load_a_page()
        capture.wait_for_closed(1)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        self.assertEqual(len(transactions(capture.records)), 1)

    def test_root_becomes_nobody(self):
        capture = Capture(self.net.command(), "-i", "lo", "-j", "2")
        nobody = pwd.getpwnam("nobody")
        for thread in self.assert_powerless(capture.process.pid):
            self.assertEqual(thread["Uid"].split(), [str(nobody.pw_uid)] * 4)
            self.assertEqual(thread["Gid"].split(), [str(nobody.pw_gid)] * 4)
            self.assertEqual(thread["Groups"].split(), [])
        self.assertEqual(capture.stop(), 0, capture.error_text())

    def assert_powerless(self, pid):
        threads = status_of_threads(pid)
        for thread in threads:
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(thread[kind], 16), 0, "%s of thread %s" % (kind, thread["Pid"]))
            self.assertEqual(thread["NoNewPrivs"], "1", "thread %s" % thread["Pid"])
        return threads


if __name__ == "__main__":
    main(needs=("setpriv", "nginx"))
