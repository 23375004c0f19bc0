"""What a user's script sees of wrong input: the exit status, and a message that says what would be right."""
import shutil
import subprocess

from capture import TAPLINE, connections, tapline, transactions
from frames import crowd, write_pcap
from lab import LabTest, main


class CommandLine(LabTest):
    def refused(self, code, words, *arguments, **options):
        done = tapline(*arguments, **options)
        self.assertEqual((done.code, done.output), (code, b""), done.errors)
        self.assertTrue(done.errors.startswith("tapline: "), done.errors)
        for word in words:
            self.assertIn(word, done.errors)

    def test_a_missing_interface_is_named_with_those_that_exist(self):
        client, _ = self.lab.linked_namespaces()
        self.refused(2, ["nowhere0", "lo", "veth0"], "-i", "nowhere0", prefix=client.command())

    def test_without_a_default_route_the_interfaces_are_listed(self):
        client, _ = self.lab.linked_namespaces()
        self.refused(2, ["lo", "veth0"], prefix=client.command())

    def test_the_default_routes_interface_is_the_default(self):
        client, _ = self.lab.linked_namespaces()
        client.run("ip", "route", "add", "default", "via", "10.0.0.1")
        done = tapline("-v", "-d", "1ms", prefix=client.command())
        self.assertEqual((done.code, done.output), (0, b""), done.errors)
        self.assertIn("tapline: capturing on veth0", done.errors)

    def test_a_bad_port_list_is_quoted(self):
        for ports, wrong in (("80,x", "x"), ("65536", "65536"), ("90-80", "90-80"), ("80,,81", "80,,81")):
            with self.subTest(ports=ports):
                self.refused(2, [wrong], "-i", "lo", "-p", ports)

    def test_unknown_options_and_words(self):
        for arguments in (["--no-such-option"], ["-f", "xml"], ["--records", "nonsense"], ["-j", "0"],
                          ["--user", "nobody-of-that-name"]):
            with self.subTest(arguments=arguments):
                self.refused(2, [arguments[-1]], "-i", "lo", *arguments)

    def test_a_missing_file(self):
        self.refused(2, ["/nowhere/at.all"], "-r", "/nowhere/at.all")

    def test_a_file_that_is_no_capture(self):
        done = tapline("-r", self.lab.write("text", "This is no capture file, but it is long enough to be one.\n"))
        self.assertEqual((done.code, done.output), (2, b""), done.errors)

    def test_help_and_version_go_to_standard_output(self):
        for option in ("--help", "--version"):
            done = tapline(option)
            self.assertEqual((done.code, done.errors), (0, ""))
            self.assertIn(b"tapline", done.output)


class Files(LabTest):
    def setUp(self):
        super().setUp()
        self.whole = write_pcap(self.lab.path("whole.pcap"), crowd(connections=5, gets=4))

    def test_a_damaged_file_gives_what_came_before(self):
        intact = tapline("-r", self.whole)
        self.assertEqual(intact.code, 0, intact.errors)
        with open(self.whole, "rb") as file:
            data = file.read()
        done = tapline("-r", self.lab.write("cut.pcap", data[:-7]))
        self.assertEqual(done.code, 4, done.errors)
        self.assertIn("cut.pcap", done.errors)
        # The frame that is lost is an ACK or a FIN: all transactions are there.
        self.assertEqual(transactions(done.records), transactions(intact.records))
        self.assertEqual(len(connections(done.records, "closed")), len(connections(intact.records, "closed")))

    def test_standard_input(self):
        named = tapline("-r", self.whole)
        with open(self.whole, "rb") as file:
            directly = tapline("-r", "-", stdin=file)
        with subprocess.Popen(["cat", self.whole], stdout=subprocess.PIPE) as cat:
            piped = tapline("-r", "-", stdin=cat.stdout)
        self.assertEqual((named.code, directly.code, piped.code), (0, 0, 0), piped.errors)
        self.assertEqual(directly.output, named.output)
        self.assertEqual(piped.output, named.output)
        self.assertEqual(len(transactions(named.records)), 20)

    def test_no_privilege_is_needed_to_read(self):
        program = shutil.copy(TAPLINE, self.lab.path("tapline"))
        done = tapline("-r", self.whole, program=program, prefix=[
            "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--bounding-set=-all"])
        self.assertEqual(done.code, 0, done.errors)
        self.assertEqual(len(transactions(done.records)), 20)


if __name__ == "__main__":
    main(needs=("setpriv",))
