"""tapline-bench as its users run it: generated captures and generated traffic are what they are said to be, each frame
is accounted for, wrong answers are found, and nothing is left behind."""
import json
import os
import shutil
import signal
import subprocess
import xml.etree.ElementTree

from capture import TAPLINE, connections, dig, tapline, transactions
from frames import write_pcap
from lab import DEADLINE, LabTest, await_condition, main, tshark

BENCH = os.environ.get("BENCH", "")
SMALL = ("--connections", "50", "--at-once", "8", "--seed", "7")


class BenchTest(LabTest):
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


class Files(BenchTest):
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



def network_namespace(process):
    """That of a process; None when it has ended."""
    try:
        return os.readlink("/proc/%s/ns/net" % process)
    except OSError:
        return None


class Live(BenchTest):
    def live(self, *arguments):
        done = self.bench("--tapline", TAPLINE, "--json", "--seconds", "0.1", "--rounds", "1", "--step-rounds",
                          "1", "--ring", "8MiB", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        for run in report["runs"]:
            self.check_account(run)
        return report

    def check_account(self, run):
        offered, captured, lost = run["offered"], run["captured"], run["lost"]
        self.assertGreater(offered["frames"], 0)
        self.assertEqual(run["warm_up"] + offered["frames"],
                         captured["frames"] + lost["link"] + lost["softnet"] + lost["ring"], run)
        self.assertLessEqual(run["window"]["frames"], captured["frames"])
        if "transactions" in captured and captured["frames"] == offered["frames"] and run["mix"] != "syn":
            self.assertEqual((captured["connections"], captured["transactions"]),
                             (offered["connections"], offered["transactions"]), run)

    def test_every_frame_is_accounted_for(self):
        picture = self.lab.path("rates.svg")
        report = self.live("--rates", "max", "--records", "http,closed", "--plot", picture)
        self.assertEqual(report["generator"], "live frames")
        self.assertEqual([(run["mix"], run["placement"], run["tool"]) for run in report["runs"]],
                         [(mix, placement, tool) for mix in ("syn", "http", "full")
                          for placement in ("split", "onecore") for tool in ("null", "tapline http,closed")])
        svg = xml.etree.ElementTree.parse(picture).getroot()
        names = [element.tag.split("}")[1] for element in svg.iter()]
        self.assertEqual(names.count("polyline"), 3 * 2 * 2 * 2)  # mixes, placements, tools; received and lost
        text = " ".join(svg.itertext())
        for words in ("offered, M frames/s", "received, M frames/s", "lost, %", "null", "tapline http,closed"):
            self.assertIn(words, text)

    def test_many_connections_at_once(self):
        report = self.live("--rates", "50k", "--mixes", "http", "--placements", "split", "--records", "stats",
                           "--at-once", "1000")
        null, tapline_stats = report["runs"]
        self.assertEqual(null["connections_at_once"], 1024)
        self.assertGreater(null["warm_up"], 1024 * 3)
        if tapline_stats["captured"]["frames"] == tapline_stats["warm_up"] + tapline_stats["offered"]["frames"]:
            self.assertGreaterEqual(tapline_stats["captured"]["connections"], 1024)

    def test_through_a_packet_socket(self):
        report = self.live("--rates", "20k", "--mixes", "http", "--placements", "onecore", "--records", "stats",
                           "--packet-socket", "--against", TAPLINE)
        self.assertEqual(report["generator"], "packet socket")
        self.assertEqual([tool["name"] for tool in report["tools"]], ["null", "tapline stats", "against stats"])

    def test_live_frames_are_right(self):
        """Of several rounds, as tshark reads what tapline saved."""
        for at_once in ("64", "500"):
            with self.subTest(at_once):
                path = self.lab.path(at_once + ".pcapng")
                saving = self.script("saving", 'exec %s "$@" -w %s' % (TAPLINE, path))
                done = self.bench("--tapline", saving, "--json", "--rates", "50k", "--mixes", "http", "--placements",
                                  "split", "--records", "stats", "--step-rounds", "1", "--seconds", "0.3", "--at-once",
                                  at_once)
                self.assertEqual(done.returncode, 0, done.stderr)
                checks = tshark(path, ("ip.checksum.status", "tcp.checksum.status", "tcp.analysis.flags"), "-o",
                                "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
                self.assertEqual({tuple(map(tuple, check.values())) for check in checks}, {(("1",), ("1",), ())})

    def test_what_comes_in_on_an_interface(self):
        namespace = self.lab.namespace("here")
        namespace.run("ip", "link", "set", "lo", "up")
        done = subprocess.run(
            namespace.command(BENCH, "--interface", "lo", "--no-generate", "--tapline", TAPLINE, "--json", "--seconds",
                              "0.1", "--rounds", "2", "--records", "stats"),
            capture_output=True, text=True, timeout=4 * DEADLINE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual([run["tool"] for run in report["runs"]], ["null", "tapline stats", "tapline stats", "null"])
        self.assertEqual(report["interface"], "lo")

    def test_nothing_is_left_behind(self):
        """Neither by ^C nor by a signal that nobody can take."""
        folder = self.lab.path("tmp")
        os.mkdir(folder)
        for number, code, message in ((signal.SIGINT, 1, "interrupted"), (signal.SIGKILL, -signal.SIGKILL, "")):
            with self.subTest(number):
                process = subprocess.Popen([BENCH, "--tapline", TAPLINE, "--seconds", "600"], stdin=subprocess.DEVNULL,
                                           stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder})
                self.addCleanup(process.stderr.close)
                self.addCleanup(process.kill)
                here = network_namespace("self")

                def of_its_children():
                    with open("/proc/%d/task/%d/children" % (process.pid, process.pid), encoding="ascii") as children:
                        found = {network_namespace(child) for child in children.read().split()} - {None, here}
                    return found if len(found) == 2 else None  # where frames are sent, and where they are captured
                used = await_condition(of_its_children, "the benchmark to send and capture")
                process.send_signal(number)
                self.assertEqual(process.wait(DEADLINE), code)
                self.assertIn(message, process.stderr.read())

                def unused():
                    return not used & {network_namespace(other) for other in os.listdir("/proc") if other.isdigit()}
                await_condition(unused, "its processes to be gone")
                if number == signal.SIGINT:
                    self.assertEqual(os.listdir(folder), [])

    def test_what_is_wrong_with_live_runs_is_said(self):
        failing = self.script("failing", "echo tapline: no luck today >&2; exit 1")
        for arguments, code, words in (
                (("--rates", "fast"), 2, "'fast' is no rate"),
                (("--mixes", "http,ftp"), 2, "'ftp' is not known"),
                (("--placements", "nowhere"), 2, "'nowhere' is not known"),
                (("--ring", "big"), 2, "--ring"),
                (("--ring", "1MiB"), 2, "at least 4MiB"),
                (("--tools", "tcpdump"), 2, "--tools goes with"),
                (("--interface", "lo"), 2, "--no-generate"),
                (("--no-generate",), 2, "needs an --interface"),
                (("--no-generate", "--interface", "no-such-one"), 2, "no-such-one"),
                (("--plot", self.lab.path("no/such/folder.svg")), 2, "cannot write"),
                (("--tapline", failing), 1, "no luck today"),
                (("--tapline", self.lab.path("missing")), 2, "cannot start ")):
            with self.subTest(arguments):
                done = self.bench("--seconds", "0.05", *(() if "--tapline" in arguments else ("--tapline", TAPLINE)),
                                  *arguments)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(words, done.stderr)
        one = str(min(os.sched_getaffinity(0)))
        for command, code, words in ((("setpriv", "--reuid", "65534", BENCH), 3, "needs root"),
                                     (("taskset", "-c", one, BENCH), 1, "two processors")):
            with self.subTest(command):
                done = subprocess.run([*command, "--tapline", TAPLINE], stdin=subprocess.DEVNULL, capture_output=True,
                                      text=True, timeout=DEADLINE, check=False)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(words, done.stderr)


class Command(BenchTest):
    def test_tapline_starts_it(self):
        folder = self.lab.path("installed")
        os.mkdir(folder)
        alone = shutil.copy(TAPLINE, folder)
        done = subprocess.run([alone, "bench"], env={**os.environ, "PATH": folder}, capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("there is no tapline-bench", done.stderr)
        shutil.copy(BENCH, folder)
        done = subprocess.run([alone, "bench", "--mixes", "ftp"], capture_output=True, text=True, timeout=DEADLINE,
                              check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "tapline-bench: --mixes: 'ftp' is not known; there are syn, http, full\n"))


if __name__ == "__main__":
    main(needs=("setpriv", "taskset", "tcpdump", "tshark"))
