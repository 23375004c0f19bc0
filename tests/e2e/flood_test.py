"""A SYN flood of distinct clients, and real transactions in the middle of it: memory stays, and each is recorded.

TAPLINE_FLOOD=10000000 makes it as large as that (700 MB through a pipe); in CI a tenth of it says the same.
"""
import os
import struct
import subprocess
import time

from capture import TAPLINE, connections, dig, parse, transactions
from frames import START_NS, SYN, Conversation, frame
from lab import LabTest, main

SYNS = int(os.environ.get("TAPLINE_FLOOD", "1000000"))
TRANSACTIONS = 1000
MAX_FLOWS = 100_000
MEMORY = 256 << 20  # bytes: what the program may take in all, whatever comes
SERVER = (b"\x0a\0\0\x01", 80)

PORTS = 60_000           # SYNs of one address, in a second
STEP_NS = 10**9 // PORTS
# What is replaced in a block of SYNs; neither value occurs in it elsewhere.
ANY_ADDRESS, ANY_SECOND = b"\xfd\xfe\xfd\xfe", b"\xfb\xfc\xfb\xfc"
RECORD = 16 + 54


def record(second, nanosecond, content):
    return second + struct.pack("<III", nanosecond, len(content), len(content)) + content


def times(position):
    return struct.pack("<I", START_NS // 10**9 + position // PORTS), position % PORTS * STEP_NS


def real_frames():
    """[(position among the SYNs, frame)]: half a table's worth of SYNs between the handshake's segments, one and a
    half tables between request and response, so that the connection stands while all around it is evicted."""
    found = []
    for number in range(TRANSACTIONS):
        talk = Conversation((bytes((10, 9, number >> 8, number & 255)), 40000), SERVER, number * 7, number * 11)
        talk.get("/%d" % number, b"answer")
        talk.close()
        last = SYNS - 4 * MAX_FLOWS
        position = last * number // TRANSACTIONS
        for index, content in enumerate(talk.frames):
            position += (MAX_FLOWS // 2 if index in (1, 2) else MAX_FLOWS * 3 // 2 if index == 5 else 7)
            found.append((position, content))
    return sorted(found, key=lambda item: item[0])


def capture():
    """The pcap file, in pieces."""
    yield struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    block = b"".join(record(ANY_SECOND, port * STEP_NS, frame((ANY_ADDRESS, 1024 + port), SERVER, port, 0, SYN))
                     for port in range(PORTS))
    assert len(block) == PORTS * RECORD
    waiting = real_frames()
    at = 0
    for number in range((SYNS + PORTS - 1) // PORTS):
        # The IP header's checksum stays that of another address: nobody looks at it.
        full = block.replace(ANY_ADDRESS, bytes((172, 16 + (number >> 16), number >> 8 & 255, number & 255)))
        full = full.replace(ANY_SECOND, times(number * PORTS)[0])
        first, done = number * PORTS, 0
        end = min(PORTS, SYNS - first)
        while at < len(waiting) and waiting[at][0] < first + end:
            position, content = waiting[at]
            yield full[done * RECORD:(position - first) * RECORD] + record(*times(position), content)
            done = position - first
            at += 1
        yield full[done * RECORD:end * RECORD]
    assert at == len(waiting), "the flood is too short"


class Flood(LabTest):
    def test_every_transaction_is_recorded(self):
        path = self.lab.path("records")
        began = time.monotonic()
        with open(path, "wb") as output:
            process = subprocess.Popen([TAPLINE, "-r", "-", "--max-flows", str(MAX_FLOWS),
                                        "--records", "http,closed,stats"], stdin=subprocess.PIPE, stdout=output)
            for piece in capture():
                process.stdin.write(piece)
            process.stdin.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        with open(path, "rb") as output:
            records = parse(b"".join(line for line in output if b'"state":"S0"' not in line))
        found = transactions(records)
        closed = connections(records, "closed")
        stats = records[-1]
        print("%d SYNs in %.1f s, at most %.0f MiB; %d transactions; %s" % (
            SYNS, time.monotonic() - began, usage.ru_maxrss / 1024, len(found), stats["connections"]))
        self.assertEqual(sorted(int(dig(r, "url.path")[1:]) for r in found), list(range(TRANSACTIONS)))
        self.assertEqual({(dig(r, "event.outcome"), dig(r, "http.response.body.bytes")) for r in found},
                         {("success", 6)})
        self.assertEqual({(dig(r, "tcp.state"), dig(r, "event.reason"), dig(r, "tcp.history")) for r in closed},
                         {("SF", "fin", "ShADadFf")})
        self.assertEqual(len(closed), TRANSACTIONS)
        counts = stats["connections"]
        self.assertEqual((counts["attempts"], counts["opened"], counts["open"]), (SYNS, SYNS + TRANSACTIONS, 0))
        self.assertGreaterEqual(counts["evicted"], SYNS - MAX_FLOWS)
        self.assertLess(usage.ru_maxrss * 1024, MEMORY)


if __name__ == "__main__":
    main()
