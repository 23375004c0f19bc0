"""Tunnels and VLANs that need nothing of the kernel but tun: each end is a tun interface whose packets a thread wraps
and sends over the `veth0` of its namespace, and unwraps from there. Not every kernel has VLAN or GRE devices.
"""
import fcntl
import os
import select
import socket
import struct
import threading

from lab import run

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 1400


class Gre:
    """GRE with a key over IPv4 (RFC 2890)."""
    HEADER = struct.Struct("!HHI")

    def __init__(self, _namespace, peer, key):
        self.peer, self.header = peer, self.HEADER.pack(0x2000, 0x0800, key)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)

    def send(self, packet):
        self.socket.sendto(self.header + packet, (self.peer, 0))

    def receive(self):
        outer = self.socket.recv(65536)
        return outer[(outer[0] & 15) * 4 + self.HEADER.size:]


class Vlan:
    """A tagged Ethernet frame; `tags` are (EtherType, id), outermost first."""

    def __init__(self, namespace, _peer, tags):
        def address(path):
            return bytes.fromhex(path.replace(":", ""))

        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("veth0", 3))
        own = address(namespace.run("cat", "/sys/class/net/veth0/address").strip())
        types = [kind for kind, _ in tags] + [0x0800]
        self.header = b"\xff" * 6 + own + struct.pack("!H", types[0]) + b"".join(
            struct.pack("!HH", number, after) for (_, number), after in zip(tags, types[1:]))
        self.inner = 14 + 4 * (len(tags) - 1)  # the kernel takes the outermost tag out

    def send(self, packet):
        self.socket.send(self.header + packet)

    def receive(self):
        frame, (_, _, kind, *_) = self.socket.recvfrom(65536)
        if kind == socket.PACKET_OUTGOING or frame[self.inner - 2:self.inner] != b"\x08\x00":
            return None
        return frame[self.inner:]


class _End:
    def __init__(self, namespace, address, wire):
        self.wire = wire
        with namespace.entered():
            self.tun = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.tun, _TUNSETIFF, struct.pack("16sH22x", b"tunnel0", _IFF_TUN | _IFF_NO_PI))
        run("ip", "-n", namespace.name, "address", "add", address + "/24", "dev", "tunnel0")
        run("ip", "-n", namespace.name, "link", "set", "tunnel0", "mtu", str(MTU), "up")


def tunnel(lab, left, right, kind, *arguments):
    """Joins two linked namespaces (at 10.0.0.2 and 10.0.0.1) with a tunnel: they are 10.1.0.2 and 10.1.0.1 in it."""
    ends = []
    for namespace, address, peer in ((left, "10.1.0.2", "10.0.0.1"), (right, "10.1.0.1", "10.0.0.2")):
        with namespace.entered():
            wire = kind(namespace, peer, *arguments)
        ends.append(_End(namespace, address, wire))
    stop, stopped = os.pipe()

    def pump():
        readers = {end.tun: end for end in ends} | {end.wire.socket.fileno(): end for end in ends}
        while True:
            ready, _, _ = select.select([stop, *readers], [], [])
            if stop in ready:
                return
            for fd in ready:
                end = readers[fd]
                if fd == end.tun:
                    end.wire.send(os.read(fd, 65536))
                elif packet := end.wire.receive():
                    os.write(end.tun, packet)

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()

    def undo():
        os.write(stopped, b".")
        thread.join()
        for end in ends:
            os.close(end.tun)
            end.wire.socket.close()
        os.close(stop)
        os.close(stopped)

    lab.defer(undo)
