#!/usr/bin/env python3
"""Writes the hand-made inputs of the fuzz targets: one short conversation or head for each thing worth a start.

usage: tests/fuzz/make_seeds.py [DIRECTORY]      (tests/fuzz/corpus)

They are files named seed-*, in a folder for each target, beside those that fuzzing found.
"""
import os
import sys


def crlf(text):
    return text.replace("\n", "\r\n").encode("latin-1")


REQUESTS = {
    "get": crlf("GET /a?b=c HTTP/1.1\nHost: h:8080\nUser-Agent: x\nAccept: */*\n\n"),
    "post": crlf("POST /p HTTP/1.1\nHost: h\nContent-Length: 5\nExpect: 100-continue\n\nhello"),
    "chunked": crlf("POST /c HTTP/1.1\nTransfer-Encoding: gzip, chunked\n\n5;a=\"b\"\nhello\n1 \nx\n0\nT: 1\nU: 2\n\n"),
    "connect": crlf("CONNECT h:443 HTTP/1.1\nHost: h:443\n\n"),
    "absolute": crlf("GET http://u:p@h:80/x?y#z HTTP/1.0\nProxy-Authorization: Basic dTpw\nCookie: a=1; b\n\n"),
    "options": crlf("OPTIONS * HTTP/1.1\nHost: [::1]\n\n"),
    "upgrade": crlf("GET /ws HTTP/1.1\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n\n"),
    "http09": b"GET /old\r\n",
    "bare": b"\r\nGET /lf HTTP/1.1\nA:b\n c\n\td\nno colon\n : e\nF :\n\n",
    "eight_bit": b"G\xc3\x84T /\xe4 HTTP/1.1\r\n\r\nGET /\xe4\x00 HTTP/1.1\r\nX: \xff\x00\x7f\r\nReferer: /\xc3\xa4\r\n\r\n",
    "lengths": crlf("PUT / HTTP/1.1\nContent-Length: 3, 3\nContent-Length: 3\nContent-Length: 4\n\nabc"),
    "preface": crlf("PRI * HTTP/2.0\n\nSM\n\n"),
    "forwarded": crlf("GET / HTTP/1.1\nX-Forwarded-For: 10.0.0.1, 1.1.1.1\nForwarded: for=\"[2001:db8::1]:4711\"\n\n"),
}
RESPONSES = {
    "ok": crlf("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Type: Text/HTML; charset=x\n\nhello"),
    "chunked": crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\na;x\n0123456789\n00\nTrailer: t\n fold\n\n"),
    "until_close": crlf("HTTP/1.0 200\nServer: s\n\nHTTP/1.1 200 OK\n\nbody"),
    "interim": crlf("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: l\n\nHTTP/1.1 304 Not Modified\n\n"),
    "switching": crlf("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n") + b"\x81\x05hello",
    "set_cookie": crlf("HTTP/1.1 302 Found\nLocation: http://u:p@h/\nSet-Cookie: a=b; Path=/\nContent-Length: 0\n\n"),
    "no_content": crlf("HTTP/1.1 204 No Content\nContent-Length: 9\n\n"),
    "bad_length": crlf("HTTP/1.1 404 \xe4\nContent-Length: x\nTransfer-Encoding: identity\n\nrest"),
}


def text(said):
    return said.replace(b"\xfe", b"\xfe\x00")


def client(said, size=0):
    return text(said) + bytes([0xfe, size << 4 | 1])


def server(said, size=0):
    return text(said) + bytes([0xfe, size << 4 | 2])


def command(number, argument=0, *rest):
    return bytes([0xfe, argument << 4 | number, *rest])


def connection(number=0, new_numbers=False):
    return command(7, number | 4 | (8 if new_numbers else 0))


LOSE, SWAP, AGAIN, PURE, WAIT, CUT, JUMP, OVERLAP, PROBE, FLIP, RAW, ENVELOPE = 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15
FIN, SYN, RST, ACK = 1, 2, 4, 16
CLOSE = command(PURE, 0, FIN | ACK) + command(PURE, 1, FIN | ACK) + command(PURE, 0, ACK)


def hello(name):
    """A TLS ClientHello in one record (RFC 8446 section 4.1.2) with the extension server_name (RFC 6066)."""
    entry = b"\0" + len(name).to_bytes(2, "big") + name
    entries = len(entry).to_bytes(2, "big") + entry
    extensions = b"\0\0" + len(entries).to_bytes(2, "big") + entries
    body = b"\3\3" + b"r" * 32 + b"\0\0\2\x13\1\1\0" + len(extensions).to_bytes(2, "big") + extensions
    handshake = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + len(handshake).to_bytes(2, "big") + handshake


def conversations():
    get, ok = REQUESTS["get"], RESPONSES["ok"]
    exchange = client(get) + server(ok)
    yield "keep_alive", connection() + exchange * 3 + CLOSE
    yield "pipelined", connection() + client(get * 3) + server(ok * 3) + CLOSE
    for name, request in REQUESTS.items():
        yield "request_" + name, connection() + client(request) + server(ok) + CLOSE
        yield "bytes_" + name, connection() + client(request, 4) + server(ok, 6) + CLOSE
    for name, response in RESPONSES.items():
        yield "response_" + name, connection() + client(get) + server(response) + CLOSE
        yield "segments_" + name, connection() + client(get, 6) + server(response, 5) + CLOSE
    yield "tunnel", connection() + client(REQUESTS["connect"]) + server(crlf("HTTP/1.1 200 OK\n\n")) + client(b"\x16\x03\x01")
    yield "head", connection() + client(get.replace(b"GET", b"HEAD")) + server(crlf("HTTP/1.1 200 OK\nContent-Length: 9\n\n")) + exchange
    yield "http09", connection() + client(REQUESTS["http09"]) + server(b"plain") + CLOSE
    yield "midstream", exchange + exchange + CLOSE
    yield "middle_of_body", server(b"ody\r\n") + exchange
    yield "lost_request", connection() + client(get) + command(LOSE) + server(ok) + exchange + CLOSE
    yield "lost_response", connection() + client(get) + server(ok) + command(LOSE) + exchange + CLOSE
    yield "lost_in_body", connection() + client(get) + server(ok.replace(b" 5", b" 50") + b"x" * 45, 8) + command(LOSE, 1) + server(b"", 0) + exchange
    yield "lost_in_burst", connection() + client(get) + command(LOSE) + client(get * 2) + server(ok * 3) + exchange + CLOSE
    yield "out_of_order", connection() + client(get, 8) + command(SWAP) + command(SWAP, 2) + server(ok, 8) + command(SWAP, 1) + CLOSE
    yield "retransmitted", connection() + client(get) + command(AGAIN) + server(ok) + command(AGAIN) + command(AGAIN, 1) + CLOSE
    yield "overlap", connection() + client(get[:20]) + get[20:] + command(OVERLAP, 4) + server(ok[:9]) + ok[9:] + command(OVERLAP, 5)
    yield "probe", connection() + exchange + command(PROBE, 0) + command(PROBE, 2) + command(PURE, 1, ACK) + exchange
    yield "reset", connection() + client(get) + command(PURE, 1, RST | ACK) + connection(0, True) + exchange
    yield "reused", connection() + exchange + CLOSE + connection(0, True) + exchange + CLOSE
    yield "timeouts", connection() + client(get) + command(WAIT, 11) + exchange + CLOSE + command(WAIT, 7) + exchange
    yield "backwards", connection() + client(get) + command(WAIT, 13) + server(ok) + command(WAIT, 15) + exchange + CLOSE
    yield "four", b"".join(connection(i) + client(get) for i in range(4)) + b"".join(command(7, i) + server(ok) for i in range(4))
    yield "attempts", b"".join(command(7, i) + command(PURE, 0, SYN) for i in range(3)) + command(PURE, 1, RST | ACK)
    yield "snaplen", connection() + client(get) + command(CUT, 0, 90) + server(ok) + command(CUT, 0, 60) + exchange
    yield "jump", connection() + client(get) + command(JUMP, 0, 3) + exchange + command(JUMP, 1, 9) + exchange + command(JUMP, 8, 9) + exchange
    yield "tls", connection() + client(b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + b"r" * 32 + b"\0\0\2\x13\1\1\0") + server(b"\x16\x03\x03\0\1\2")
    yield "tls_name", connection() + client(hello(b"h.example"), 9) + server(b"\x16\x03\x03\0\1\2")
    yield "ssh", connection() + server(b"SSH-2.0-x\r\n") + client(b"SSH-2.0-y\r\n")
    for bits in (1, 2, 6, 8, 16, 32, 64, 129, 73):
        yield "envelope_%d" % bits, command(ENVELOPE, 0, bits) + connection() + exchange + CLOSE
    yield "flipped", connection() + client(get) + b"\x06" + command(FLIP, 0, 23) + b"\x50" + command(FLIP, 0, 46) + exchange
    raw = bytes.fromhex("450000280001400040060000" "0a000001" "0a000002" "9c400050" "00000001" "00000000" "5002ffff" "00000000")
    yield "raw", text(raw) + command(RAW, 1) + text(raw[:30]) + command(RAW, 6) + text(b"\2\0\0\0" + raw) + command(RAW, 4)


def pipeline():
    for name, script in conversations():
        yield name, b"\x40\x00" + script
    scripts = dict(conversations())
    yield "two_flows", b"\x05\x01" + scripts["four"]
    yield "one_flow", b"\x03\x01" + scripts["four"]
    yield "short_heads", b"\xd0\x00" + scripts["request_get"] + scripts["response_set_cookie"]
    for name in ("pipelined", "request_absolute", "response_interim", "lost_in_burst", "retransmitted", "reset"):
        yield "told_" + name, b"\x40\x1c" + scripts[name]  # early requests, packets, query parameters redacted
    long_head = crlf("GET / HTTP/1.1\nX: %s\n\n" % ("y" * 3000))
    yield "little_memory", b"\x48\x00" + connection() + (client(long_head, 13) + command(SWAP, 4)) * 9 + server(RESPONSES["ok"] * 9)


def stream():
    for name, said in REQUESTS.items():
        yield "request_" + name, b"\x04\x00\x00\x07" + said + REQUESTS["get"]
    for name, said in RESPONSES.items():
        yield "response_" + name, b"\x05\x00\x00\x07" + said + RESPONSES["ok"]
    yield "chunked", b"\x25\x00\x01\x02" + crlf("HTTP/1.1 200 OK\n\n5\nhello\n0000A ; x=\"y\"\n0123456789\n0\nA: b\n\nHTTP/1.1 200 OK\n\n0\n\n")
    yield "bad_chunk", b"\x24\x00\x01\x02" + crlf("GET / HTTP/1.1\n\n1z\nx\n") + REQUESTS["get"]
    yield "huge_chunk", b"\x24\x00\x01\x02" + crlf("GET / HTTP/1.1\n\nffffffffffffffff\nxxxx")
    yield "searching", b"\x13\x00\x00\x01" + b"ody" + RESPONSES["ok"] * 3
    yield "gaps", b"\x11\x01\x00\x05" + RESPONSES["chunked"] + RESPONSES["ok"] * 4
    yield "short_heads", b"\x05\x04\x00\x05" + crlf("HTTP/1.1 200 OK\nContent-Length: 3\nX: %s\n\nabc" % ("x" * 200)) + RESPONSES["ok"]
    yield "long_trailers", b"\x25\x04\x00\x05" + crlf("HTTP/1.1 200 OK\n\n0\nA: %s\nB: c\n\n" % ("x" * 200)) + RESPONSES["ok"]
    yield "no_memory", b"\x05\x02\x00\x05" + crlf("HTTP/1.1 200 OK\nX: %s\n\n" % ("x" * 600)) + RESPONSES["chunked"]
    yield "bare_body", b"\x0d\x00\x00\x01" + b"no head here"


def head():
    yield from REQUESTS.items()
    for name, said in RESPONSES.items():
        yield "response_" + name, said
    yield "no_target", b"GET HTTP/1.1\r\n\r\n"
    yield "spaces", b"GET   /a b c  HTTP/1.1  \r\nA : b \r\n\r\n"
    yield "tabs", b"GET\t/a\tHTTP/1.1\r\n\tfold\r\nA:\r\n\tb\r\n\r\n"
    yield "status_line", b"HTTP/1.1  099   a  b \r\n\r\n"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
    for target in (head, stream, pipeline):
        folder = os.path.join(root, target.__name__)
        os.makedirs(folder, exist_ok=True)
        for name, content in target():
            with open(os.path.join(folder, "seed-" + name), "wb") as out:
                out.write(content)


if __name__ == "__main__":
    main()
