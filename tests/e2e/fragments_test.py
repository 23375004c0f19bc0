"""Two workers on a wire that carries a VXLAN tunnel whose packets come in fragments: nginx's log against the records,
over IPv4 and IPv6."""
import json
import signal

from capture import Capture, connections, dig, transactions
from lab import LabTest, curl, main, run, start_nginx

TUNNEL = [{"type": "vxlan", "id": 42}]
CONNECTIONS = 12


def fragments_made(namespace):
    names, values = (line.split() for line in namespace.run("cat", "/proc/net/snmp").splitlines()
                     if line.startswith("Ip:"))
    return int(values[names.index("FragCreates")])


class Vxlan(LabTest):
    def set_up_tunnel(self):
        """Of the MTU of the link that carries it, which makes two fragments of every full packet."""
        self.client, self.server = self.lab.linked_namespaces()
        for namespace, last, other in ((self.client, 2, 1), (self.server, 1, 2)):
            run("ip", "-n", namespace.name, "link", "add", "vx0", "mtu", "1500", "type", "vxlan", "id", "42", "dstport",
                "4789", "local", "10.0.0.%d" % last, "remote", "10.0.0.%d" % other)
            run("ip", "-n", namespace.name, "address", "add", "10.1.0.%d/24" % last, "dev", "vx0")
            run("ip", "-n", namespace.name, "address", "add", "fd42::%d/64" % last, "dev", "vx0", "nodad")
            run("ip", "-n", namespace.name, "link", "set", "vx0", "up")
        self.lab.write("site/page", "x" * 100_000)
        start_nginx(self.lab, self.server, """
log_format seen escape=json '{"client":"$remote_port","request":"$request_uri","status":$status,"body":$body_bytes_sent}';
access_log %s/access.log seen;""" % self.lab.dir, "listen [::]:80;")

    def captured(self):
        """The records of transfers on connections of their own, as many of either version of IP."""
        capture = Capture(self.server.command(), "-i", "veth0", "-j", "2")
        self.addCleanup(lambda: capture.process.returncode is None and capture.stop(signal.SIGKILL))
        for i in range(CONNECTIONS):
            for host in ("10.1.0.1", "[fd42::1]"):
                curl(self.lab, self.client, ["http://%s/page?%d" % (host, i)], ["http://%s/none?%d" % (host, i)])
        capture.wait_for_closed(2 * CONNECTIONS)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        return capture.records

    def assert_as_served(self, records):
        with open(self.lab.path("access.log"), encoding="utf-8") as file:
            served = sorted((int(e["client"]), e["request"], e["status"], e["body"]) for e in map(json.loads, file))
        self.assertEqual(len(served), 4 * CONNECTIONS)
        recorded = transactions(records)
        self.assertEqual(sorted((dig(r, "source.port"), dig(r, "url.original"), dig(r, "http.response.status_code"),
                                 dig(r, "http.response.body.bytes")) for r in recorded), served)
        for record in recorded + connections(records, "closed"):
            self.assertEqual(record["tunnel"], TUNNEL)
            self.assertIsNone(dig(record, "http.incomplete"))
        # A connection that two workers had a part of each would be two, and midstream.
        closed = connections(records, "closed")
        self.assertEqual(len(closed), 2 * CONNECTIONS)
        self.assertEqual({dig(r, "tcp.state") for r in closed}, {"SF"})

    def test_connections_are_whole_when_the_tunnel_is_cut_into_fragments(self):
        self.set_up_tunnel()
        # Else the server would learn how much the tunnel takes, and send shorter segments.
        for network in ("10.1.0.0/24", "fd42::/64"):
            run("ip", "-n", self.server.name, "route", "replace", network, "dev", "vx0", "mtu", "lock", "1500")
        before = fragments_made(self.server)
        records = self.captured()
        self.assertGreater(fragments_made(self.server), before + 1000)
        self.assert_as_served(records)


if __name__ == "__main__":
    main(["nginx", "curl"])
