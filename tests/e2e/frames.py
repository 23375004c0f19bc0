"""Captures made to measure: TCP conversations that speak HTTP, as frames in a pcap file."""
import random
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
START_NS = 1_700_000_000_000_000_000


def internet_checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(source, destination, sequence, acknowledgment, flags, payload=b"", options=b""):
    """Ethernet, IPv4, TCP; an end is (address as four bytes, port)."""
    offset = 20 + len(options)
    tcp = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF,
                      offset // 4 << 4, flags, 64240, 0, 0) + options + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, source[0], destination[0])
    head = head[:10] + struct.pack("!H", internet_checksum(head)) + head[12:]
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + head + tcp


class Conversation:
    """Collects the frames of one connection, in order."""

    SYN_OPTIONS = bytes((2, 4, 5, 180, 1, 3, 3, 7))  # MSS 1460, window scale 7

    def __init__(self, client, server, client_isn, server_isn):
        self.frames = []
        self._ends = {"client": client, "server": server}
        self._next = {"client": client_isn, "server": server_isn}
        self._send("client", SYN, options=self.SYN_OPTIONS, acknowledge=False)
        self._send("server", SYN | ACK, options=self.SYN_OPTIONS)
        self._send("client", ACK)

    def _send(self, side, flags, payload=b"", options=b"", acknowledge=True):
        other = "server" if side == "client" else "client"
        self.frames.append(frame(self._ends[side], self._ends[other], self._next[side],
                                 self._next[other] if acknowledge else 0, flags, payload, options))
        self._next[side] += len(payload) + bool(flags & SYN) + bool(flags & FIN)

    def data(self, side, payload, segment=1448):
        for at in range(0, len(payload), segment):
            self._send(side, PSH | ACK, payload[at:at + segment])
        self._send("server" if side == "client" else "client", ACK)

    def get(self, path, body):
        self.data("client", b"GET %s HTTP/1.1\r\nHost: example.test\r\n\r\n" % path.encode())
        self.data("server", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" %
                  len(body) + body)

    def close(self):
        self._send("client", FIN | ACK)
        self._send("server", FIN | ACK)
        self._send("client", ACK)


def crowd(connections, gets, seed=1):
    """The frames of many connections, interleaved at random, the same at every call."""
    dice = random.Random(seed)
    waiting = []
    for number in range(connections):
        client = (bytes((10, 1, number >> 8, number & 255)), 20000 + number % 40000)
        talk = Conversation(client, (b"\x0a\0\0\x01", 80), dice.getrandbits(32), dice.getrandbits(32))
        for index in range(gets):
            talk.get("/%d/%d" % (number, index), b"x" * dice.choice((0, 1, 200, 1447, 5000)))
        if dice.random() < 0.8:
            talk.close()
        waiting.append(iter(talk.frames))
    mixed = []
    while waiting:
        chosen = dice.randrange(len(waiting))
        following = next(waiting[chosen], None)
        if following is None:
            waiting.pop(chosen)
        else:
            mixed.append(following)
    return mixed


def write_pcap(path, frames, step_ns=1000, times=None):
    """A nanosecond pcap file in which the frames follow each other by `step_ns`, or come at `times`."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for index, content in enumerate(frames):
            time_ns = times[index] if times else START_NS + index * step_ns
            file.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(content), len(content)))
            file.write(content)
    return path
