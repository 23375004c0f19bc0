"""The stage of scripts/run: what it prints, and that nothing of it is left, even after ^C."""
import glob
import os
import signal
import subprocess
import unittest

from capture import TAPLINE, connections, dig, parse, transactions
from lab import DEADLINE, LabTest, main, run

STAGE = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "stage")

# Says that it captures, as tapline does, and then neither writes nor ends.
SILENT = """#!/bin/sh
trap "" INT
echo "tapline: capturing on eth0" >&2
exec tail -f /dev/null
"""


class Stage(LabTest):
    def start(self, program):
        self.process = subprocess.Popen([STAGE, program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True,
                                        env={**os.environ, "TMPDIR": self.lab.dir})
        self.addCleanup(self.process.kill)

    def finish(self):
        output, errors = self.process.communicate(timeout=2 * DEADLINE)
        mine = "-%d" % self.process.pid
        self.assertEqual([line for line in run("ip", "netns", "list").split() if line.endswith(mine)], [])
        self.assertEqual(glob.glob(self.lab.path("tapline-stage.*")), [])
        return self.process.returncode, output, errors.decode()

    def test_the_page_load_is_shown(self):
        self.start(TAPLINE)
        code, output, errors = self.finish()
        self.assertEqual(code, 0, errors)
        records = parse(output)
        self.assertEqual([(dig(t, "connection.transaction"), dig(t, "url.path"), dig(t, "http.response.status_code"))
                          for t in transactions(records)],
                         [(1, "/", 200), (2, "/logo.png", 304), (3, "/favicon.ico", 404)])
        steps = connections(records)
        self.assertEqual([dig(s, "event.action") for s in steps], ["opened", "established", "half-closed", "closed"])
        self.assertEqual(dig(steps[-1], "event.reason"), "fin")
        self.assertEqual(dig(steps[-1], "connection.transactions"), 3)

    def test_nothing_is_left_after_an_interruption(self):
        silent = self.lab.write("silent", SILENT)
        os.chmod(silent, 0o755)
        # ^C reaches all processes of the terminal's foreground, kill(1) only the script.
        for interrupt, expected in ((lambda pid: os.killpg(pid, signal.SIGINT), 130),
                                    (lambda pid: os.kill(pid, signal.SIGTERM), 143)):
            with self.subTest(expected=expected):
                self.start(silent)
                for line in self.process.stderr:
                    if b"capturing on" in line:
                        break
                interrupt(self.process.pid)
                code, _, _ = self.finish()
                self.assertEqual(code, expected)

    def test_a_capture_that_does_not_start_is_told(self):
        self.start("/bin/false")
        code, output, errors = self.finish()
        self.assertEqual((code, output), (1, b""))
        self.assertIn("did not start", errors)


if __name__ == "__main__":
    main(needs=("apache2", "curl"))
