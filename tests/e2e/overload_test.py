"""More than tapline can take: every frame that was sent is delivered, or counted where it was lost, exactly.

A generator sends into one end of a veth pair while nothing else is sent there, and tapline captures at the other end:
a SYN flood, keep-alive HTTP, full frames of downloads. Lost is either in the ring, of a tapline that gets the time that
the generator's core leaves it, or already in the queue of a core that other listeners slow down; in a run without loss
each transaction is recorded. What tapline says while it loses and when it ends are the figures of its stats record.
"""
import json
import os
import re
import signal
import socket
import subprocess
import unittest

from capture import TAPLINE, Capture, dig
from lab import DEADLINE, LabTest, await_condition, link, main, tshark

GENERATE = os.environ.get("GENERATE") or os.path.join(os.path.dirname(TAPLINE), "../bench/tapline-generate")
FRAMES = 200_000
CORES = sorted(os.sched_getaffinity(0))
LISTENERS = 100  # sockets beside tapline's: each makes the kernel's work on a frame longer
ATTEMPTS = 5     # the queue's losses are those of the whole machine: somebody else's may be among them
ETH_P_ALL = 3


def count(stats, field):
    return dig(stats, field + ".packets")


def stats_of(records):
    return [record for record in records if dig(record, "event.dataset") == "tapline.stats"]


def settled(stats):
    """Whether nothing has moved for a while."""
    figures = [[count(one, name) for name in ("received", "delivered", "softnet_dropped")] for one in stats[-4:]]
    return len(figures) == 4 and all(one == figures[0] for one in figures)


class Overload(LabTest):
    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.namespace("client"), self.lab.namespace("server")
        link(self.client, self.server, "10.0.0.2", "10.0.0.1")

    def generate(self, mix, frames):
        done = subprocess.run(self.client.command("taskset", "-c", str(CORES[0]), GENERATE, "veth0", mix, str(frames)),
                              stdout=subprocess.PIPE, timeout=DEADLINE, check=True)
        return json.loads(done.stdout)

    def lost_in_queue(self):
        """Of frames that the capturing interface took in: the kernel counts for the interface, too, what found a core's
        queue full. Nothing else is dropped there."""
        return json.loads(self.server.run("ip", "-s", "-j", "link", "show", "veth0"))[0]["stats64"]["rx"]["dropped"]

    def scene(self, mix, prefix, frames=FRAMES, losing=True, options=()):
        """A run: (what was sent, the last stats record, what was told on standard error)."""
        for attempt in range(ATTEMPTS):
            lost_before = self.lost_in_queue()
            sent, stats, told = self.run_once(mix, prefix, frames, losing, options)
            if count(stats, "softnet_dropped") == self.lost_in_queue() - lost_before:
                break
            print("%s: others on this machine lost frames meanwhile; attempt %d" % (mix, attempt + 1))
        return sent, stats, told

    def run_once(self, mix, prefix, frames, losing, options):
        capture = Capture(self.server.command(*prefix), "-i", "veth0", "-j", "1", "--records", "stats",
                          "--stats-interval", "100ms", *options)
        try:
            sent = self.generate(mix, frames)
            before = len(stats_of(capture.records))
            capture.wait_for(lambda records: settled(stats_of(records)[before:]), "the rings to be empty")
            if losing:
                await_condition(lambda: "warning: " in capture.error_text(), "a warning of losses")
        finally:
            code = capture.stop(signal.SIGINT)
        self.assertEqual(code, 0, capture.error_text())
        return sent, stats_of(capture.records)[-1], capture.error_text()

    def check_account(self, mix, sent, stats, told):
        received, delivered, dropped = (count(stats, name) for name in ("received", "delivered", "dropped"))
        softnet, interface = count(stats, "softnet_dropped"), count(stats, "interface_dropped")
        elided = count(stats, "elided")
        print("%s: sent %d = delivered %d + left in the kernel %d + lost in the ring %d, in the queue %d, by the "
              "interface %d; %.0f frames/s" % (mix, sent["frames"], delivered, elided, dropped, softnet, interface,
                                               sent["frames"] / sent["seconds"]))
        self.assertEqual(received, delivered + dropped)
        self.assertEqual(sent["frames"], delivered + elided + dropped + softnet + interface)
        self.assertEqual(count(stats, "filtered"), 0)
        self.assert_told(told, r"tapline: ([\d,]+) frames? \(", delivered)
        self.assert_told(told, r"^tapline: the kernel dropped ([\d,]+) frames?", dropped)
        self.assert_told(told, r"^tapline: ([\d,]+) frames? (?:was|were) lost on this host before", softnet)
        warned = sum(int(found.replace(",", "")) for found in
                     re.findall(r"warning: the kernel dropped ([\d,]+) frames? \([^)]*\) in", told))
        self.assertLessEqual(warned, dropped, "each loss is warned of once")

    def assert_told(self, text, pattern, number):
        found = re.findall(pattern, text, re.MULTILINE)
        self.assertEqual([int(one.replace(",", "")) for one in found], [number] if number else [], text)

    def test_without_loss_each_transaction_is_recorded(self):
        for mix, frames in (("http", 40_000), ("full", 20_000)):
            with self.subTest(mix=mix):
                sent, stats, told = self.scene(mix, (), frames, losing=False)
                self.check_account(mix, sent, stats, told)
                self.assertEqual(count(stats, "delivered") + count(stats, "elided"), sent["frames"])
                self.assertEqual(stats["transactions"], sent["transactions"])
                self.assertEqual(stats["connections"]["closed"], sent["connections"])
                self.assertEqual(stats["gaps"]["count"], 0)
                self.assertNotIn("warning", told)

    def test_generated_frames_are_right(self):
        """Also in later rounds, whose addresses are others: as tshark reads what tapline saved."""
        path = self.lab.path("generated.pcapng")
        capture = Capture(self.server.command(), "-i", "veth0", "-j", "1", "--records", "stats", "-w", path)
        sent = self.generate("http", 12_000)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        checks = tshark(path, ("ip.checksum.status", "tcp.checksum.status", "tcp.analysis.flags"), "-o",
                        "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
        self.assertEqual(len(checks), sent["frames"])
        self.assertEqual({tuple(map(tuple, check.values())) for check in checks}, {(("1",), ("1",), ())})

    def test_lost_in_the_ring(self):
        """tapline has what the generator leaves of its core, and a small ring."""
        prefix = ("taskset", "-c", str(CORES[0]), "nice", "-n", "19")
        for mix in ("syn", "http", "full"):
            with self.subTest(mix=mix):
                sent, stats, told = self.scene(mix, prefix, options=("--ring-size", "4MiB"))
                self.check_account(mix, sent, stats, told)
                self.assertGreater(count(stats, "dropped"), 0)

    @unittest.skipIf(len(CORES) < 2, "needs two cores")
    def test_lost_before_the_ring(self):
        """The kernel takes frames in on another core than the sender's, and is slower there."""
        self.server.run("sh", "-c", "echo %x >/sys/class/net/veth0/queues/rx-0/rps_cpus" % (1 << CORES[1]))
        listeners = []
        with self.server.entered():
            for _ in range(LISTENERS):
                listeners.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
                listeners[-1].bind(("veth0", ETH_P_ALL))
        self.lab.defer(lambda: [listener.close() for listener in listeners])
        prefix, lost_in_all = ("taskset", "-c", str(CORES[1])), 0
        for mix in ("syn", "http", "full"):
            with self.subTest(mix=mix):
                sent, stats, told = self.scene(mix, prefix, options=("--ring-size", "4MiB"))
                self.check_account(mix, sent, stats, told)
                lost_in_all += count(stats, "softnet_dropped")
        self.assertGreater(lost_in_all, 0)


if __name__ == "__main__":
    main(needs=("taskset", "tshark"))
