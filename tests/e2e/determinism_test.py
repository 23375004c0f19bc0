"""The same file gives the same bytes at every run, and the same set of records with several workers."""
import json

from capture import tapline
from frames import crowd, write_pcap
from lab import LabTest, main


def without_order(output):
    """The lines as a sorted list, without what only a single worker knows."""
    lines = []
    for line in output.splitlines():
        record = json.loads(line)
        record.get("connection", {}).pop("number", None)
        for side in ("request", "response"):
            record.get("http", {}).get(side, {}).pop("packet", None)
        lines.append(json.dumps(record))
    return sorted(lines)


def compare_runs(test, path, *options):
    """Two runs with one worker, one with two and one with three."""
    first, second = tapline("-r", path, *options), tapline("-r", path, *options)
    test.assertEqual((first.code, first.output), (second.code, second.output), path)
    for workers in ("2", "3"):
        many = tapline("-r", path, "-j", workers, *options)
        test.assertEqual(many.code, first.code, path)
        test.assertEqual(without_order(many.output), without_order(first.output), path)
    return first


class Determinism(LabTest):
    def test_interleaved_connections(self):
        for seed in range(5):
            with self.subTest(seed=seed):
                path = write_pcap(self.lab.path("crowd.pcap"), crowd(connections=60, gets=10, seed=seed))
                done = compare_runs(self, path)
                self.assertEqual(done.code, 0, done.errors)
                self.assertGreater(len(done.records), 600)

    def test_with_loss_and_disorder(self):
        frames = crowd(connections=60, gets=10, seed=7)
        hurt = [frame for index, frame in enumerate(frames) if index % 97]
        for index in range(0, len(hurt) - 1, 53):
            hurt[index], hurt[index + 1] = hurt[index + 1], hurt[index]
        done = compare_runs(self, write_pcap(self.lab.path("hurt.pcap"), hurt), "--headers", "all")
        self.assertEqual(done.code, 0, done.errors)

    def test_time_outs(self):
        """Frames far apart in time: connections expire by packet time, whenever a sweep runs."""
        frames = crowd(connections=30, gets=5, seed=9)
        path = write_pcap(self.lab.path("slow.pcap"), frames, step_ns=20_000_000_000)
        done = compare_runs(self, path)
        self.assertEqual(done.code, 0, done.errors)


if __name__ == "__main__":
    main()
