"""tapline-bench as its users run it: generated captures are what they are said to be, wrong answers are found."""
import json
import os
import shutil
import signal
import subprocess

from capture import TAPLINE, connections, dig, tapline, transactions
from frames import write_pcap
from lab import DEADLINE, LabTest, await_condition, main

BENCH = os.environ.get("BENCH", "")
SMALL = ("--connections", "50", "--at-once", "8", "--seed", "7")


class Bench(LabTest):
    def bench(self, *arguments, **options):
        return subprocess.run([BENCH, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=4 * DEADLINE, check=False, **options)

    def write(self, name, *arguments):
        path = self.lab.path(name)
        done = self.bench("--write", path, *SMALL, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return path, json.loads(done.stdout)

    def script(self, name, line):
        path = self.lab.path(name)
        with open(path, "w", encoding="utf-8") as script:
            script.write("#!/bin/sh\n%s\n" % line)
        os.chmod(path, 0o755)
        return path

    def test_a_generated_capture_is_what_it_is_said_to_be(self):
        for name, arguments in (("usual.pcap", ()), ("heads.pcap", ("--head-bytes", "9000", "--transactions", "3")),
                                ("empty.pcap", ("--body-bytes", "0")), ("none.pcap", ("--transactions", "0")),
                                ("bodies.pcap", ("--body-bytes", "70000", "--transactions", "2"))):
            with self.subTest(name):
                path, said = self.write(name, *arguments)
                run = tapline("-r", path, "-f", "ecs", "--records", "http,closed,stats")
                self.assertEqual(run.code, 0)
                closed, answered = connections(run.records, "closed"), transactions(run.records)
                self.assertEqual(len(closed), 50)
                self.assertEqual(said["connections"], 50)
                self.assertEqual(len(answered), said["transactions"])
                delivered = dig(run.records[-1], "delivered")
                self.assertEqual(delivered, {"packets": said["frames"], "bytes": said["bytes"]})
                self.assertEqual({dig(c, "tcp.state") for c in closed}, {"SF"})
                for transaction in answered:
                    self.assertEqual(dig(transaction, "event.outcome"), "success")
                    self.assertIsNone(dig(transaction, "http.incomplete"))
                    if "--head-bytes" in arguments:
                        self.assertEqual(dig(transaction, "http.request.bytes"), 9000)
                    if "--body-bytes" in arguments:
                        self.assertEqual(str(dig(transaction, "http.response.body.bytes")), arguments[1])

    def test_the_same_shape_gives_the_same_bytes(self):
        one, _ = self.write("one.pcap")
        other, _ = self.write("other.pcap")
        with open(one, "rb") as a, open(other, "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_tshark_finds_nothing_wrong_with_it(self):
        path, said = self.write("checked.pcap")
        found = subprocess.run(
            ["tshark", "-n", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
             "tcp.analysis.flags or tcp.checksum.status == 0 or ip.checksum.status == 0 or _ws.malformed"],
            capture_output=True, text=True, timeout=4 * DEADLINE, check=True)
        self.assertEqual(found.stdout, "")
        requests = subprocess.run(["tshark", "-n", "-r", path, "-Y", "http.request"], capture_output=True, text=True,
                                  timeout=4 * DEADLINE, check=True)
        self.assertEqual(len(requests.stdout.splitlines()), said["transactions"])

    def test_measures_each_tool_in_each_round(self):
        done = self.bench("--generated", *SMALL, "--tapline", TAPLINE, "--rounds", "2", "--tools",
                          "tapline,tapline-2,against,tcpdump", "--against", TAPLINE, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual([tool["name"] for tool in report["tools"]], ["tapline", "tapline-2", "against", "tcpdump"])
        for tool in report["tools"]:
            self.assertEqual([sorted(r) for r in tool["rounds"]], 2 * [["cpu_ns", "peak_rss", "wall_ns"]])
            self.assertTrue(all(r["wall_ns"] > 0 and r["peak_rss"] > 1 << 20 for r in tool["rounds"]))
        self.assertEqual(report["capture"]["connections"], 50)
        self.assertTrue(report["machine"]["kernel"])
        folder = next(word for word in report["tools"][0]["command"] if word.endswith("generated.pcap"))
        self.assertFalse(os.path.exists(os.path.dirname(folder)))

    def test_a_table_over_a_file(self):
        path, said = self.write("file.pcap")
        done = self.bench("-r", path, "--tapline", TAPLINE, "--rounds", "1", "--tools", "tapline,tapline-http")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("%d frames" % said["frames"], done.stdout)
        self.assertRegex(done.stdout, r"\ntapline-http +[0-9.]+ ")
        self.assertIn("round 1 of 1: tapline-http\n", done.stderr)

    def test_a_wrong_answer_is_no_measurement(self):
        """A tapline that stops after 400 frames."""
        liar = self.script("liar", 'exec %s "$@" -c 400' % TAPLINE)
        done = self.bench("--generated", *SMALL, "--tapline", liar, "--tools", "tapline")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("tapline's answer is wrong: 400 frames instead of ", done.stderr)

    def test_an_interrupted_run_leaves_nothing_behind(self):
        started = self.lab.path("started")
        stuck = self.script("stuck", "echo $$ > %s.new && mv %s.new %s && exec sleep 600" % (3 * (started,)))
        folder = self.lab.path("tmp")
        os.mkdir(folder)
        process = subprocess.Popen([BENCH, "--generated", *SMALL, "--tapline", stuck], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder})
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        await_condition(lambda: os.path.exists(started), "the tool to start")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(DEADLINE), 1)
        self.assertIn("interrupted", process.stderr.read())
        self.assertEqual(os.listdir(folder), [])
        with open(started, encoding="ascii") as number:
            self.assertFalse(os.path.exists("/proc/" + number.read().strip()))

    def test_what_is_wrong_is_said(self):
        path, _ = self.write("cut.pcap")
        os.truncate(path, os.path.getsize(path) - 1)
        empty = write_pcap(self.lab.path("no-frames.pcap"), [])
        for arguments, code, words in (
                (("--generated", "-r", path), 2, "say one of"),
                (("--generated", "--rounds", "0"), 2, "--rounds"),
                (("--generated", "--frobnicate"), 2, "frobnicate"),
                (("-r", self.lab.path("missing.pcap")), 2, "missing.pcap"),
                (("-r", empty), 2, "holds no frames"),
                (("-r", path, "--tapline", TAPLINE), 4, "cut"),
                (("-r", path, "--tapline", TAPLINE, "--tools", "tapline,nmap"), 2, "'nmap' is not known"),
                (("--generated", *SMALL, "--tapline", shutil.which("false")), 1, "false ended with exit status 1"),
                (("--write", self.lab.path("no/such/folder")), 2, "cannot write")):
            with self.subTest(arguments):
                done = self.bench(*arguments)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    main(needs=("tcpdump", "tshark"))
