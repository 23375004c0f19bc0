"""Frames that the capture lost: what is recorded is right, and nearly all that can be known is recorded.

Connections of keep-alive transactions: GET and POST, one turn in five a pipelined triple, heads of one and two segments,
bodies of 0 to 40 kB in segments of 1,460 bytes, a third chunked; one long body in five quotes the head of a response
at a segment start. Each transaction carries its number in the target and in a header of both messages. The ends saw
every frame: nothing is sent again.
"""
import collections
import os
import random

from capture import dig, tapline
from frames import ACK, Conversation, PSH, write_pcap
from lab import LabTest, in_ci, main

SEGMENT = 1460
QUOTE = b"HTTP/1.1 299 Quoted\r\nX-Number: 999999\r\nContent-Length: 5\r\n\r\nhello"
# Share of captured segments removed, and the least share of the transactions with both heads captured whole that must
# be recorded as pairs.
RATES = ((0.0, 1.0), (0.001, 0.999), (0.01, 0.995), (0.05, 0.98))


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


def talk(number, transactions, choose):
    """A connection, and its transactions as {number: status}."""
    conversation, expected, done = Talk(number, choose), {}, 0
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
    return conversation, expected


def captured(connections, rate, seed):
    """The frames that were not lost, the transactions, and those of them whose two heads were captured whole."""
    choose = random.Random(seed)
    talks = [talk(number, 50, choose) for number in range(connections)]
    expected, frames, lost = {}, [], set()
    loss = random.Random(seed + 1)
    for conversation, statuses in talks:
        expected.update(statuses)
    for turn in range(max(len(conversation.frames) for conversation, _ in talks)):
        for conversation, _ in talks:
            if turn >= len(conversation.frames):
                continue
            if loss.random() < rate:
                lost.update(conversation.heads.get(turn, ()))
            else:
                frames.append(conversation.frames[turn])
    whole = [one for one in expected if not {("request", one), ("response", one)} & lost]
    return frames, expected, whole


def number_in(record, side):
    for name, value in dig(record, "http.%s.headers" % side) or ():
        if name == "X-Number":
            return int(value)
    return None


class Loss(LabTest):
    def judge(self, rate, least, seed):
        frames, expected, whole = captured(40, rate, seed)
        path = write_pcap(self.lab.path("loss.pcap"), frames, step_ns=20000)
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
                pairs[asked] = (dig(record, "url.original"), dig(record, "http.response.status_code"))
        right = sum(pairs.get(one) == ("/item/%d" % one, expected[one]) for one in whole)
        print("%4.1f %% lost, seed %d: %d of %d transactions whose heads were captured are pairs (%.2f %%)" %
              (100 * rate, seed, right, len(whole), 100 * right / len(whole)))
        self.assertGreaterEqual(right / len(whole), least)

    def test_random_loss(self):
        seeds = [1, 2, 3] + ([int.from_bytes(os.urandom(4), "big")] if in_ci() else [])
        for rate, least in RATES:
            for seed in seeds:
                with self.subTest(rate=rate, seed=seed):
                    self.judge(rate, least, seed)


if __name__ == "__main__":
    main()
