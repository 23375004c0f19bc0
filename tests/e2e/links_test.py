"""wrk and nginx over every kind of link that can be made here: each request once, whatever is around it."""
import ipaddress

from capture import dig
from lab import main, run
from load import LoadTest
from tunnel import Gre, Vlan, tunnel


class Links(LoadTest):
    page = "x" * 200_000  # most of it may stay in the kernel
    connections = 16

    def load(self, client, server, address, interfaces=("veth0",), options=(), where=None, elides=False):
        """With one worker and body elision, then with two and without, but where `options` decide on that. `where`:
        {path: value} in each record; `elides`: there is elision on such links. Returns the last stats record."""
        stats = None
        for workers, elision in (("1", "on"), ("2", "off")):
            with self.subTest(workers=workers):
                chosen = [word for name in interfaces for word in ("-i", name)]
                stats = self.check(client, server, address, (*chosen, "-j", workers, "--ring-size", "256MiB",
                                                             *(options or ("--elide-bodies", elision))))
                left = dig(stats, "elided.packets") or 0
                print("%s: %d frames delivered, %d left in the kernel" %
                      (self.id().rpartition(".")[2], dig(stats, "delivered.packets"), left))
                self.assertEqual(left > 0, elides and elision == "on")
                for record in self.records:
                    self.assertEqual({path: dig(record, path) for path in where or {}}, where or {})
                    self.assertEqual(ipaddress.ip_address(dig(record, "destination.ip")),
                                     ipaddress.ip_address(address.strip("[]")))
        return stats

    def linked(self):
        return self.lab.linked_namespaces()

    def tunnelled(self, kind, *arguments):
        self.page = LoadTest.page  # these links are slow
        ends = self.linked()
        tunnel(self.lab, *ends, kind, *arguments)
        return ends

    def test_ipv6(self):
        ends = self.linked()
        for namespace, address in zip(ends, ("fd00::2", "fd00::1")):
            namespace.sysctl("net.ipv6.conf.veth0.disable_ipv6", 0)
            run("ip", "-n", namespace.name, "address", "add", address + "/64", "dev", "veth0", "nodad")
        self.load(*ends, "[fd00::1]", where={"network.type": "ipv6"}, elides=True)

    def test_loopback(self):
        namespace = self.lab.namespace("alone")
        self.load(namespace, namespace, "127.0.0.1", ("lo",), elides=True)

    def test_vlan(self):
        self.load(*self.tunnelled(Vlan, [(0x8100, 7)]), "10.1.0.1",
                  where={"network.vlan.id": 7, "network.inner": None, "tunnel": None})

    def test_qinq(self):
        self.load(*self.tunnelled(Vlan, [(0x88A8, 7), (0x8100, 8)]), "10.1.0.1",
                  where={"network.vlan.id": 7, "network.inner.vlan.id": 8})

    def test_gre(self):
        self.load(*self.tunnelled(Gre, 5), "10.1.0.1", where={"tunnel": [{"type": "gre", "id": 5}]})

    def test_vxlan(self):
        """The kernel's own. fragments_test.py has it with frames that IP has to cut."""
        ends = self.linked()
        for namespace, address, near, far in ((ends[0], "10.1.0.2", "10.0.0.2", "10.0.0.1"),
                                              (ends[1], "10.1.0.1", "10.0.0.1", "10.0.0.2")):
            run("ip", "-n", namespace.name, "link", "add", "vxlan0", "type", "vxlan", "id", "42", "local", near,
                "remote", far, "dstport", "4789", "dev", "veth0")
            run("ip", "-n", namespace.name, "address", "add", address + "/24", "dev", "vxlan0")
            run("ip", "-n", namespace.name, "link", "set", "vxlan0", "up")
        self.load(*ends, "10.1.0.1", where={"tunnel": [{"type": "vxlan", "id": 42}]})

    def test_bridge_and_its_port(self):
        """Each frame twice, taken once."""
        client, server = self.linked()
        run("ip", "-n", server.name, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", server.name, "address", "flush", "dev", "veth0")
        run("ip", "-n", server.name, "link", "set", "veth0", "master", "br0")
        run("ip", "-n", server.name, "address", "add", "10.0.0.1/24", "dev", "br0")
        run("ip", "-n", server.name, "link", "set", "br0", "up")
        stats = self.load(client, server, "10.0.0.1", ("br0", "veth0"), ("--dedup", "100ms"))
        copies, delivered = dig(stats, "duplicates.packets"), dig(stats, "delivered.packets")
        self.assertEqual(2 * copies, delivered)


if __name__ == "__main__":
    main(needs=("nginx", "wrk"))
