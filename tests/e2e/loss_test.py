"""Frames that the capture lost: what is recorded is right, and nearly all that can be known is recorded.

Connections of keep-alive transactions: GET and POST, one turn in five a pipelined triple, heads of one and two segments,
bodies of 0 to 40 kB in segments of 1,460 bytes, a third chunked; one long body in five quotes the head of a response
at a segment start. Each transaction carries its number in the target and in a header of both messages.

First the capture loses frames: the ends saw them all, and nothing is sent again. Then the network loses them: they
are sent again, some needlessly, some out of order, and nothing may be missing of what is recorded. tshark reads some of
the same captures, and its figures stand beside.
"""
import collections
import json
import os
import random
import re
import subprocess

from capture import dig, tapline
from frames import ACK, Conversation, PSH, frame, write_pcap
from lab import LabTest, in_ci, main

SEGMENT = 1460
QUOTE = b"HTTP/1.1 299 Quoted\r\nX-Number: 999999\r\nContent-Length: 5\r\n\r\nhello"
# Share of captured segments removed, and the least share of the transactions with both heads captured whole that must
# be recorded as pairs.
RATES = ((0.0, 1.0), (0.001, 0.999), (0.01, 0.995), (0.05, 0.98))
FIXED_SEEDS = (1, 2, 3)


class Talk(Conversation):
    """A connection that notes which frames each message head is in."""

    def __init__(self, number, choose):
        super().__init__((bytes((10, 1, number >> 8, number & 255)), 20000 + number), (bytes((10, 2, 0, 1)), 80),
                         choose.getrandbits(32), choose.getrandbits(32))
        self.heads = collections.defaultdict(list)  # index of a frame -> heads in it

    def message(self, side, head, body, name):
        data, other = head + body, "server" if side == "client" else "client"
        for count, at in enumerate(range(0, len(data), SEGMENT), 1):
            if at < len(head):
                self.heads[len(self.frames)].append(name)
            self._send(side, PSH | ACK if at + SEGMENT >= len(data) else ACK, data[at:at + SEGMENT])
            if count % 2 == 0:
                self._send(other, ACK)


class Resent(Talk):
    """A connection over a network that loses segments before or behind the place of the capture, doubles some, and
    lets neighbours overtake each other."""

    def __init__(self, number, choose, rate, seed):
        super().__init__(number, choose)
        self.rate, self.fate = rate, random.Random(seed * 1000 + number)

    def acknowledge(self, side, through):
        other = "server" if side == "client" else "client"
        self.frames.append(frame(self._ends[side], self._ends[other], self._next[side], through, ACK))

    def message(self, side, head, body, name):
        data, other, base = head + body, "server" if side == "client" else "client", self._next[side]
        pieces = {at: data[at:at + SEGMENT] for at in range(0, len(data), SEGMENT)}
        received, flight = set(), sorted(pieces)
        while flight:
            for i in range(len(flight) - 1):
                if self.fate.random() < 3 * self.rate:
                    flight[i], flight[i + 1] = flight[i + 1], flight[i]
            again = []
            for count, at in enumerate(flight, 1):
                lost_before, lost_behind, doubled = (self.fate.random() < self.rate for _ in range(3))
                if not lost_before:
                    self.frames.append(frame(self._ends[side], self._ends[other], base + at, self._next[other],
                                             PSH | ACK, pieces[at]))
                if not lost_before and not lost_behind:
                    received.add(at)
                if lost_before or lost_behind or doubled:
                    again.append(at)
                if count % 2 == 0 or again:  # what is in order is acknowledged, again and again while one is missing
                    in_order = min((at for at in pieces if at not in received), default=len(data))
                    self.acknowledge(other, base + in_order)
            flight = sorted(again)
        self._next[side] += len(data)


def request(number, choose):
    method, body = ("POST", b"n=%d;" % number * choose.randint(1, 600)) if choose.random() < 0.3 else ("GET", b"")
    head = "%s /item/%d HTTP/1.1\r\nHost: example.test\r\nX-Number: %d\r\n" % (method, number, number)
    if choose.random() < 0.3:
        head += "X-Long: %s\r\n" % ("c" * 1600)
    if body:
        head += "Content-Length: %d\r\n" % len(body)
    return head.encode() + b"\r\n", body


def response(number, choose):
    status = choose.choice((200, 200, 200, 404, 304))
    body = b"" if status == 304 else (b"[%d]" % number * 8000)[:choose.choice((0, 100, 1000, 5000,
                                                                                choose.randint(0, 40000)))]
    head = "HTTP/1.1 %d Reason\r\nX-Number: %d\r\n" % (status, number)
    if choose.random() < 0.2:
        head += "X-Long: %s\r\n" % ("d" * 1600)
    if status == 304:
        return status, head.encode() + b"\r\n", b""
    if choose.random() < 0.33:
        chunks = b""
        while body:
            size = choose.randint(1, 5000)
            chunks += b"%x\r\n%s\r\n" % (len(body[:size]), body[:size])
            body = body[size:]
        return status, (head + "Transfer-Encoding: chunked\r\n\r\n").encode(), chunks + b"0\r\n\r\n"
    whole_head = (head + "Content-Length: %d\r\n\r\n" % len(body)).encode()
    quoted = 2 * SEGMENT - len(whole_head)
    if len(body) > 4000 and choose.random() < 0.2:
        body = body[:quoted] + QUOTE + body[quoted + len(QUOTE):]
    return status, whole_head, body


def talk(conversation, number, transactions, choose):
    """Plays a connection; gives its transactions as {number: status}."""
    expected, done = {}, 0
    while done < transactions:
        burst = min(3, transactions - done) if choose.random() < 0.2 else 1
        numbers = [number * 1000 + done + i for i in range(burst)]
        for one in numbers:
            conversation.message("client", *request(one, choose), ("request", one))
        conversation._send("server", ACK)
        for one in numbers:
            expected[one], head, body = response(one, choose)
            conversation.message("server", head, body, ("response", one))
            conversation._send("client", ACK)
        done += burst
    conversation.close()
    return expected


def captured(connections, rate, seed):
    """The frames that were not lost, the transactions, and those of them whose two heads were captured whole."""
    choose, loss = random.Random(seed), random.Random(seed + 1)
    talks, expected, frames, lost = [], {}, [], set()
    for number in range(connections):
        talks.append(Talk(number, choose))
        expected.update(talk(talks[-1], number, 50, choose))
    for turn in range(max(len(conversation.frames) for conversation in talks)):
        for conversation in talks:
            if turn >= len(conversation.frames):
                continue
            if loss.random() < rate:
                lost.update(conversation.heads.get(turn, ()))
            else:
                frames.append(conversation.frames[turn])
    whole = [one for one in expected if not {("request", one), ("response", one)} & lost]
    return frames, expected, whole


def resent(connections, rate, seed):
    """All frames that came past the capture, and the transactions."""
    choose, talks, expected = random.Random(seed), [], {}
    for number in range(connections):
        talks.append(Resent(number, choose, rate, seed))
        expected.update(talk(talks[-1], number, 50, choose))
    length = max(len(conversation.frames) for conversation in talks)
    frames = [conversation.frames[turn] for turn in range(length) for conversation in talks
              if turn < len(conversation.frames)]
    return frames, expected


def by_tshark(path, expected, *preferences):
    """What tshark makes of it: (right pairs, wrong pairs, invented messages)."""
    done = subprocess.run(["tshark", "-r", path, *preferences, "-Y", "http.response", "-T", "json", "--no-duplicate-keys", "-e",
                           "http.response.code", "-e", "http.response.line", "-e", "http.response_for.uri"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300, check=True)
    right, wrong, invented = set(), 0, 0
    for packet in json.loads(done.stdout):
        layers = packet["_source"]["layers"]
        numbers = [int(found) for line in layers.get("http.response.line", ())
                   for found in re.findall(r"X-Number: (\d+)", line)]
        targets = [int(uri.rpartition("/")[2]) for uri in layers.get("http.response_for.uri", ())]
        invented += numbers.count(999999)
        for number, target, status in zip(numbers, targets, layers["http.response.code"]):
            if number != target:
                wrong += 1
            elif expected.get(number) == int(status):
                right.add(number)
    return right, wrong, invented


def number_in(record, side):
    for name, value in dig(record, "http.%s.headers" % side) or ():
        if name == "X-Number":
            return int(value)
    return None


class Loss(LabTest):
    def pairs(self, path):
        """The records that are pairs, by number; none may be wrong or invented."""
        done = tapline("-r", path, "--headers", "all", "--records", "http")
        self.assertEqual(done.code, 0, done.errors)
        pairs = {}
        for record in done.records:
            asked, answered = number_in(record, "request"), number_in(record, "response")
            self.assertNotEqual(answered, 999999, "a quoted head was taken for a message: %s" % record)
            if asked is not None and answered is not None:
                self.assertEqual(asked, answered, "a wrong pair: %s" % record)
            if asked is not None and answered == asked:
                self.assertNotIn(asked, pairs, "told twice")
                pairs[asked] = record
        return pairs

    def judge(self, what, path, expected, whole, least, seed, *preferences):
        """`preferences` are those with which tshark does best here."""
        pairs = self.pairs(path)
        right = {one for one in whole if one in pairs and dig(pairs[one], "url.original") == "/item/%d" % one and
                 dig(pairs[one], "http.response.status_code") == expected[one]}
        line = "%-24s seed %-10d of %d transactions: tapline %6.2f %%, 0 wrong, 0 invented" % (
            what, seed, len(whole), 100 * len(right) / len(whole))
        if seed == FIXED_SEEDS[0]:
            found, wrong, invented = by_tshark(path, expected, *preferences)
            found &= set(whole)
            line += " | tshark %6.2f %%, %d wrong, %d invented" % (100 * len(found) / len(whole), wrong, invented)
            self.assertGreaterEqual(len(right), len(found))
        print(line)
        self.assertGreaterEqual(len(right) / len(whole), least)
        return pairs

    def seeds(self):
        return FIXED_SEEDS + ((int.from_bytes(os.urandom(4), "big"),) if in_ci() else ())

    def test_lost_by_the_capture(self):
        for rate, least in RATES:
            for seed in self.seeds():
                with self.subTest(rate=rate, seed=seed):
                    frames, expected, whole = captured(40, rate, seed)
                    path = write_pcap(self.lab.path("loss.pcap"), frames, step_ns=20000)
                    self.judge("capture loses %.1f %%" % (100 * rate), path, expected, whole, least, seed)

    def test_lost_by_the_network(self):
        for rate in (0.01, 0.05):
            for seed in self.seeds():
                with self.subTest(rate=rate, seed=seed):
                    frames, expected = resent(40, rate, seed)
                    path = write_pcap(self.lab.path("resent.pcap"), frames, step_ns=20000)
                    pairs = self.judge("network loses %.0f %%" % (100 * rate), path, expected, list(expected), 1, seed,
                                       "-o", "tcp.reassemble_out_of_order:TRUE")
                    for record in pairs.values():
                        self.assertIsNone(dig(record, "http.incomplete"), record)
                        self.assertIsNone(dig(record, "http.gap.bytes"), record)


if __name__ == "__main__":
    main(needs=("tshark",))
