"""As much of RFC 6455 as the tests need: the handshake's key, and frames of any length that are not fragmented."""
import base64
import hashlib
import struct

TEXT, BINARY, CLOSE = 1, 2, 8


def accept(key):
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def frame(opcode, payload, mask=b""):
    """A client has to mask, with four bytes; a server must not (section 5.2)."""
    size, masked = len(payload), 0x80 if mask else 0
    if size < 126:
        length = struct.pack("!B", masked | size)
    elif size < 65536:
        length = struct.pack("!BH", masked | 126, size)
    else:
        length = struct.pack("!BQ", masked | 127, size)
    return bytes((0x80 | opcode,)) + length + mask + _masked(payload, mask)


def read_frame(file):
    """(opcode, payload, bytes on the wire)"""
    opcode, length = file.read(2)
    size, wire = length & 0x7F, 2
    for code, form in ((126, "!H"), (127, "!Q")):
        if size == code:
            extended = struct.calcsize(form)
            size, wire = struct.unpack(form, file.read(extended))[0], wire + extended
            break
    mask = file.read(4) if length & 0x80 else b""
    return opcode & 0x0F, _masked(file.read(size), mask), wire + len(mask) + size


def _masked(payload, mask):
    if not mask:
        return payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
