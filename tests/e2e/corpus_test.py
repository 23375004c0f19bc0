"""The conformance corpus, where it lies beside this checkout: thresholds, Zeek's rows, determinism on fifty.

scripts/corpus-thresholds has the figures, tests/corpus-differences.md a reason for each capture that differs. CORPUS names the directory that holds score.py and public/.
"""
import glob
import json
import os
import re
import subprocess
import sys
import unittest

from capture import TAPLINE, dig, tapline
from determinism_test import compare_runs
from lab import LabTest

CORPUS = os.environ.get("CORPUS", "")
DIFFERENCES = os.path.join(os.path.dirname(__file__), "..", "corpus-differences.md")
THRESHOLDS = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "corpus-thresholds")


def thresholds():
    """[(name, ">=" or "<=", figure)]"""
    with open(THRESHOLDS, encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return [(name, relation, float(figure)) for name, relation, figure, *_ in lines]


def explained():
    """The captures of tests/corpus-differences.md."""
    with open(DIFFERENCES, encoding="utf-8") as file:
        return set(re.findall(r"^\| `([^`]+)` \|", file.read(), re.MULTILINE))


def differing(path):
    """The captures that score.py found a difference in."""
    with open(path, encoding="utf-8") as file:
        return {line.split(": ", 1)[0] for line in file}


def figures(text):
    """What score.py's closing lines say, by the names of scripts/corpus-thresholds."""
    score = re.search(r"^score: transactions \d+/\d+ \((?P<transactions>[\d.]+)%\), connections \d+/\d+ "
                      r"\((?P<connections>[\d.]+)%\), headers (?P<headers>\d+)/\d+, bodies (?P<bodies>\d+)/\d+, "
                      r"crashes (?P<crashes>\d+), invalid lines (?P<invalid>\d+)$", text, re.MULTILINE)
    whole = re.search(r"^all: extra transactions (?P<extra>\d+), .*timeouts (?P<timeouts>\d+), "
                      r"non-zero exits (?P<exits>\d+)$", text, re.MULTILINE)
    firm = re.search(r"^firm: .*timing (\d+)/(\d+), completeness (\d+)/(\d+), volumes (\d+)/(\d+), "
                     r"extra connections (\d+),", text, re.MULTILINE)
    found = {name: float(value) for match in (score, whole) for name, value in match.groupdict().items()}
    for at, name in ((1, "timing"), (3, "completeness"), (5, "volumes")):
        found[name] = 100 * int(firm[at]) / int(firm[at + 1])
    return {**found, "strangers": float(firm[7])}


# What Zeek and we see differently, by capture and field.
UNLIKE_ZEEK = {
    ("zeek--tunnels_gtp_gtp2_different_udp_port.pcap", "history"): "X: a limit of Zeek's own was exceeded",
}
# Connections inside tunnels that are not decoded.
TUNNELLED = re.compile(r"zeek--tunnels_gtp")


def zeek_rows():
    """(capture, ports, row) of each TCP connection in the conn.log that Zeek's own tests keep of a capture."""
    for path in sorted(glob.glob(os.path.join(CORPUS, "public", "truth", "*.json"))):
        with open(path, encoding="utf-8") as file:
            truth = json.load(file)
        for row in dig(truth, "second_opinions.zeek.conn") or []:
            asked_for = {int(row["id.orig_p"]), int(row["id.resp_p"])} & set(truth["ports"])
            if row.get("proto", "tcp") == "tcp" and asked_for:
                yield os.path.basename(path).removesuffix(".json"), truth["ports"], row


def as_zeek(record):
    """The fields of a conn.log row that a closed record gives."""
    missed = sum(dig(record, "tcp.%s.missed.bytes" % side) or 0 for side in ("source", "destination"))
    return {"conn_state": dig(record, "tcp.state"), "history": dig(record, "tcp.history"), "missed_bytes": missed,
            "orig_bytes": dig(record, "source.bytes"), "resp_bytes": dig(record, "destination.bytes"),
            "orig_pkts": dig(record, "source.packets"), "resp_pkts": dig(record, "destination.packets")}


class Corpus(LabTest):
    def test_zeek(self):
        """conn_state, history and volumes of all rows that there are."""
        compared, closed = 0, {}
        for capture, ports, row in zeek_rows():
            if capture not in closed:
                run = tapline("-r", os.path.join(CORPUS, "public", capture), "-p", ",".join(map(str, ports)),
                              "--records", "closed")
                closed[capture] = run.records
            ends = row["id.orig_h"], int(row["id.orig_p"]), row["id.resp_h"], int(row["id.resp_p"])
            found = next((r for r in closed[capture] if ends == tuple(
                dig(r, field) for field in ("source.ip", "source.port", "destination.ip", "destination.port"))), None)
            if found is None and TUNNELLED.match(capture):
                continue
            with self.subTest(capture=capture, ends=ends):
                self.assertIsNotNone(found)
                closed[capture].remove(found)
                for field, value in as_zeek(found).items():
                    if row.get(field, "-") != "-" and (capture, field) not in UNLIKE_ZEEK:
                        self.assertEqual(str(value), row[field], field)
                        compared += 1
        print("%d values of Zeek's rows are ours" % compared)
        self.assertGreaterEqual(compared, 100)

    def test_thresholds(self):
        text = subprocess.run([sys.executable, os.path.join(CORPUS, "score.py"), TAPLINE, self.lab.path("out"),
                               os.path.join(CORPUS, "public")],
                              stdout=subprocess.PIPE, timeout=1800, check=True, text=True).stdout
        print("\n".join(text.splitlines()[-6:]))
        found = figures(text)
        for name, relation, figure in thresholds():
            with self.subTest(threshold=name):
                (self.assertGreaterEqual if relation == ">=" else self.assertLessEqual)(found[name], figure)
        self.assertEqual(differing(self.lab.path("out/diff.txt")), explained(),
                         "tests/corpus-differences.md has to name each capture that differs, and no other")

    def test_determinism(self):
        captures = sorted(glob.glob(os.path.join(CORPUS, "public", "*.pcap*")))
        chosen = captures[::max(1, len(captures) // 50)][:50]
        self.assertEqual(len(chosen), 50)
        for capture in chosen:
            with self.subTest(capture=os.path.basename(capture)):
                truth = os.path.join(CORPUS, "public", "truth", os.path.basename(capture) + ".json")
                with open(truth, encoding="utf-8") as file:
                    ports = ",".join(map(str, json.load(file)["ports"]))
                compare_runs(self, capture, "--ports", ports, "--headers", "all")


if __name__ == "__main__":
    unittest.main(verbosity=2)
