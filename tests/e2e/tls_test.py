"""Encrypted connections beside plain ones, as `-p 80,443` sees a page load: real clients, nginx, OpenSSL."""
import os
import socket
import ssl
import threading
import unittest

from capture import Capture, connections, dig, transactions
from lab import DEADLINE, Lab, main, run, start_nginx

NAME = "shop.example.test"
SERVER = "10.0.0.1"


def say_hello_in_pieces(client):
    """OpenSSL's own ClientHello, sent as single bytes and then larger pieces, each by itself."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    talk = context.wrap_bio(incoming, outgoing, server_hostname="pieces." + NAME)
    try:
        talk.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    with client.connect(SERVER, 443) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in [(at, at + 1) for at in range(8)] + [(8, 100), (100, len(hello))]:
            connection.sendall(hello[start:end])
        assert connection.recv(1) == b"\x16", "no ServerHello"


def greet_by_ssh(client, server):
    """A server that speaks first."""
    with server.entered():
        listener = socket.create_server((SERVER, 2222))
    with listener:
        def serve():
            with listener.accept()[0] as accepted:
                accepted.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
                accepted.recv(100)
        thread = threading.Thread(target=serve)
        thread.start()
        with client.connect(SERVER, 2222) as connection:
            connection.recv(100)
            connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
        thread.join(DEADLINE)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab = Lab()
        cls.addClassCleanup(lab.close)
        client, server = lab.linked_namespaces()
        lab.write("site/index.html", "hello\n")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "1", "-subj", "/CN=" + NAME, "-keyout", lab.path("key.pem"), "-out", lab.path("certificate.pem"))
        start_nginx(lab, server, """access_log off;
server {{ listen 443 ssl; root {0}/site; ssl_certificate {0}/certificate.pem; ssl_certificate_key {0}/key.pem; }}
server {{ listen 8080 http2; root {0}/site; }}""".format(lab.dir))
        cls.capture = Capture(client.command(), "-i", "veth0", "-j", "1", "-p", "80,443,2222,8080")
        curl = client.command("curl", "-s", "-S", "-o", os.devnull, "-k")
        run(*curl, "--resolve", NAME + ":80:" + SERVER, "http://%s/index.html" % NAME)
        run(*curl, "--resolve", NAME + ":443:" + SERVER, "https://%s/index.html" % NAME)
        run(*client.command("openssl", "s_client", "-connect", SERVER + ":443", "-noservername"), input=b"")
        say_hello_in_pieces(client)
        run(*curl, "http://%s:443/plain-to-tls" % SERVER)
        assert cls.fails(*curl, "--resolve", "wrong.example.test:80:" + SERVER, "https://wrong.example.test:80/")
        run(*curl, "--http2-prior-knowledge", "http://%s:8080/index.html" % SERVER)
        greet_by_ssh(client, server)
        cls.capture.wait_for_closed(8)
        code = cls.capture.stop()
        assert code == 0, (code, cls.capture.error_text())

    @staticmethod
    def fails(*command):
        try:
            run(*command)
        except AssertionError:
            return True
        return False

    def test_each_connection_is_named(self):
        closed = connections(self.capture.records, "closed")
        found = [(dig(r, "destination.port"), dig(r, "network.protocol"), dig(r, "tls.client.server_name"),
                  dig(r, "connection.transactions"), "tls" in r)
                 for r in sorted(closed, key=lambda r: dig(r, "event.start"))]
        self.assertEqual(found, [
            (80, "http", None, 1, False),
            (443, "tls", NAME, 0, True),
            (443, "tls", None, 0, False),
            (443, "tls", "pieces." + NAME, 0, True),
            (443, "http", None, 1, False),                 # a plain request, which nginx refuses in plain text
            (80, "tls", "wrong.example.test", 1, True),    # the other way round
            (8080, "http2", None, 0, False),
            (2222, "ssh", None, 0, False),
        ])

    def test_what_was_http_is_all_that_is_recorded_as_http(self):
        found = [(dig(t, "destination.port"), dig(t, "http.request.method"), dig(t, "url.path"),
                  dig(t, "http.response.status_code"), dig(t, "http.incomplete"))
                 for t in transactions(self.capture.records)]
        self.assertEqual(found, [
            (80, "GET", "/index.html", 200, None),
            (443, "GET", "/plain-to-tls", 400, None),
            (80, None, None, 400, ["request"]),
        ])

    def test_the_name_is_there_from_the_hello_on(self):
        records = [r for r in connections(self.capture.records) if dig(r, "destination.port") == 443]
        of_curl = next(dig(r, "connection.id") for r in records if dig(r, "tls.client.server_name") == NAME)
        self.assertEqual([(dig(r, "event.action"), dig(r, "tls.client.server_name")) for r in records
                          if dig(r, "connection.id") == of_curl],
                         [("opened", None), ("established", None), ("half-closed", NAME), ("closed", NAME)])


if __name__ == "__main__":
    main(needs=("nginx", "curl", "openssl"))
