"""-i any: what every interface carries, under its name, with its own block in a saved file; new interfaces too."""
import signal

from capture import Capture, connections, dig, tapline, transactions
from lab import LabTest, curl, main, run, start_nginx, tshark


BODY = 4 << 20  # most of which stays in the kernel


class AnyInterface(LabTest):
    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        self.lab.write("site/index.html", "x" * BODY)
        start_nginx(self.lab, self.server, "access_log off;")

    def add_link(self, name):
        """One more veth pair, while the capture runs; the server is 10.0.9.1 on it."""
        run("ip", "link", "add", name, "netns", self.client.name, "type", "veth", "peer", "name", name, "netns",
            self.server.name)
        for namespace, address in ((self.client, "10.0.9.2"), (self.server, "10.0.9.1")):
            run("ip", "-n", namespace.name, "address", "add", address + "/24", "dev", name)
            run("ip", "-n", namespace.name, "link", "set", name, "up")

    def capture_all(self, workers, *arguments):
        capture = Capture(self.server.command(), "-i", "any", "-j", workers, *arguments)
        self.addCleanup(lambda: capture.process.returncode is None and capture.stop(signal.SIGKILL))
        self.assertIn("capturing on any,", capture.error_text())
        curl(self.lab, self.client, ["http://10.0.0.1/?veth"], ["http://10.0.0.1/none"])
        curl(self.lab, self.server, ["http://127.0.0.1/?lo"])
        self.add_link("late0")
        curl(self.lab, self.client, ["http://10.0.9.1/?late"])
        capture.wait_for_closed(3)
        self.assertEqual(capture.stop(), 0, capture.error_text())
        return capture

    def assert_named(self, records):
        named = sorted((dig(r, "url.original"), dig(r, "http.response.status_code"),
                        dig(r, "observer.ingress.interface.name")) for r in transactions(records))
        self.assertEqual(named, [("/?late", 200, "late0"), ("/?lo", 200, "lo"), ("/?veth", 200, "veth0"),
                                 ("/none", 404, "veth0")])
        self.assertEqual([dig(r, "http.response.body.bytes") for r in transactions(records)
                          if dig(r, "http.response.status_code") == 200], [BODY] * 3)
        closed = connections(records, "closed")
        self.assertEqual(sorted(dig(r, "observer.ingress.interface.name") for r in closed),
                         ["late0", "lo", "veth0"])
        # Each frame once, on lo too: one that is seen twice counts as sent again. TCP may probe for a lost tail.
        for record in closed:
            for side in ("source", "destination"):
                again = dig(record, "tcp.%s.retransmits.packets" % side) or 0
                self.assertLess(4 * again, dig(record, side + ".packets"), record)

    def test_each_interface_is_named(self):
        self.assert_named(self.capture_all("1").records)

    def test_what_two_workers_save_names_each_interface(self):
        path = self.lab.path("any.pcapng")
        live = self.capture_all("2", "-w", path)
        self.assert_named(live.records)
        again = tapline("-r", path, "-f", "ecs")
        self.assertEqual((again.code, again.errors), (0, ""))
        self.assert_named(again.records)
        frames = tshark(path, ["frame.interface_name"])
        self.assertEqual({frame["frame.interface_name"][0] for frame in frames}, {"veth0", "lo", "late0"})

    def test_no_other_interface_beside_it(self):
        refused = tapline("-i", "any", "-i", "lo", prefix=self.server.command())
        self.assertEqual((refused.code, refused.output), (2, b""))
        self.assertIn("'any' is all interfaces", refused.errors)


if __name__ == "__main__":
    main(["nginx", "curl", "tshark"])
