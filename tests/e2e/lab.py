"""The laboratory of the end-to-end tests: network namespaces, real servers in them, tcpdump and tshark.

Everything is private to one test: names carry the process id, files lie in the test's own directory, and what a
test made is removed when it ends, however it ends. Nothing waits by sleeping: a process says that it is ready,
or a condition is looked at until a deadline that only a failure reaches.
"""
import collections
import contextlib
import ctypes
import http.client
import http.server
import itertools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

DEADLINE = 60  # seconds after which something that should have happened counts as failed
SKIPPED = 77   # the exit status that CTest takes for "skipped" (SKIP_RETURN_CODE)

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)

os.environ["PATH"] += ":/usr/sbin:/sbin"
os.environ["LC_ALL"] = "C.UTF-8"


def in_ci():
    return os.environ.get("CI") == "true"


def main(needs=()):
    """Runs the calling module's tests; `needs` names the commands without which there is nothing to run."""
    lacking = [command for command in needs if shutil.which(command) is None]
    if os.geteuid() != 0:
        lacking.append("root (network namespaces, packet sockets)")
    if lacking and not in_ci():
        print("skipped; this machine lacks: " + ", ".join(lacking))
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)


def await_condition(condition, what):
    """Looks until condition() is true and returns what it returned; `what` is for the failure's message."""
    deadline = time.monotonic() + DEADLINE
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain for %s" % (DEADLINE, what))


def run(*command, **options):
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=4 * DEADLINE,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError("%s: exit %d: %s" % (" ".join(command), done.returncode,
                                                  done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "replace")


class Namespace:
    """A network namespace with `lo` up."""

    def __init__(self, label):
        self.name = "tapline-%d-%d-%s" % (os.getpid(), next(_numbers), label)
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")

    def command(self, *command):
        """The argument vector that runs a command inside."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command):
        return run(*self.command(*command))

    def sysctl(self, name, value):
        self.run("sysctl", "-q", "-w", "%s=%s" % (name, value))

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside; sockets made here stay inside."""
        with open("/proc/thread-self/ns/net", "rb") as home, open("/run/netns/" + self.name, "rb") as there:
            self._set(there)
            try:
                yield
            finally:
                self._set(home)

    @staticmethod
    def _set(namespace):
        if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def connect(self, host, port=80):
        with self.entered():
            return socket.create_connection((host, port), timeout=DEADLINE)

    def active_opens(self):
        """How many TCP connections were begun from inside, by the kernel's count."""
        names, values = (line.split() for line in self.run("cat", "/proc/net/snmp").splitlines()
                         if line.startswith("Tcp:"))
        return int(values[names.index("ActiveOpens")])

    def pids(self):
        return [int(pid) for pid in run("ip", "netns", "pids", self.name).split()]

    def end_processes(self, number):
        """Sends a signal to every process inside and waits until all are gone."""
        watched = []
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                watched.append(os.pidfd_open(pid))
                os.kill(pid, number)
        for pidfd in watched:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            gone = poll.poll(DEADLINE * 1000)
            os.close(pidfd)
            if not gone:
                raise AssertionError("a process in %s does not end" % self.name)

    def delete(self):
        self.end_processes(signal.SIGKILL)
        run("ip", "netns", "delete", self.name)


def link(left, right, left_ip, right_ip):
    """Joins two namespaces with a veth pair, `veth0` at both ends, in one /24 network."""
    run("ip", "link", "add", "veth0", "netns", left.name, "type", "veth", "peer", "name", "veth0", "netns",
        right.name)
    for namespace, address in ((left, left_ip), (right, right_ip)):
        # No IPv6: its router solicitations and address checks are noise.
        namespace.sysctl("net.ipv6.conf.veth0.disable_ipv6", 1)
        run("ip", "-n", namespace.name, "address", "add", address + "/24", "dev", "veth0")
        run("ip", "-n", namespace.name, "link", "set", "veth0", "up")


class Lab:
    """A directory and namespaces that belong to one test, or to one class of tests; close() removes them."""

    def __init__(self):
        self._undo = contextlib.ExitStack()
        self.dir = tempfile.mkdtemp(prefix="tapline-test.")
        self._undo.callback(shutil.rmtree, self.dir, ignore_errors=True)
        os.chmod(self.dir, 0o755)  # servers and tapline give root away

    def close(self):
        self._undo.close()

    def defer(self, undo):
        """Calls undo() when this is closed; what was deferred last is called first."""
        self._undo.callback(undo)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def namespace(self, label):
        made = Namespace(label)
        self._undo.callback(made.delete)
        return made

    def linked_namespaces(self):
        """(client, server) at 10.0.0.2 and 10.0.0.1."""
        client, server = self.namespace("client"), self.namespace("server")
        link(client, server, "10.0.0.2", "10.0.0.1")
        return client, server


class LabTest(unittest.TestCase):
    """A test with a laboratory of its own."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)


# Apache and nginx return from starting once they listen: they fork after that. They keep to the test's directory;
# nginx would otherwise hand the machine's /var/lib/nginx to the user that it runs as.

def start_apache(lab, namespace, lines="", modules=()):
    """Serves the directory `site` of the laboratory; `lines` go to the end of the configuration."""
    modules = "".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n" % (m, m) for m in
                      ("mpm_event", "authz_core", "dir", "mime", "filter", "deflate", *modules))
    config = lab.write("httpd.conf", modules + """
ServerRoot "{0}"
ServerName 127.0.0.1
Listen 80
PidFile "{0}/httpd.pid"
Mutex file:{0}
ErrorLog "{0}/apache-error.log"
User nobody
Group nogroup
ServerLimit 1
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
TypesConfig /dev/null
AddType text/html .html
AddType image/png .png
AddOutputFilterByType DEFLATE text/html
KeepAlive On
KeepAliveTimeout 60
DirectoryIndex index.html
DocumentRoot "{0}/site"
""".format(lab.dir) + lines)
    namespace.run("apache2", "-f", config)


def start_nginx(lab, namespace, http_lines, server_lines=""):
    """Serves the directory `site` of the laboratory; the lines go into the http block and into its one server."""
    temporary = "".join("%s_temp_path %s/nginx-%s;\n" % (kind, lab.dir, kind) for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = lab.write("nginx.conf", """
user nobody nogroup;
worker_processes 1;
pid {0}/nginx.pid;
error_log {0}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
{1}
types {{ text/html html; text/css css; image/png png; application/octet-stream bin; }}
{2}
server {{ listen 80; root {0}/site;
{3}
}}
}}
""".format(lab.dir, temporary, http_lines, server_lines))
    namespace.run("nginx", "-p", lab.dir, "-c", config, "-e", lab.path("nginx-error.log"))


def start_tinyproxy(lab, namespace, address, ports):
    """A proxy at port 8888 of this address, that connects to these ports. Returns the path of its log."""
    log = lab.path("tinyproxy.log")
    os.chmod(lab.write("tinyproxy.log", ""), 0o666)
    config = lab.write("tinyproxy.conf", """
Listen %s
Port 8888
Timeout 60
MaxClients 16
User nobody
Group nogroup
LogLevel Connect
LogFile "%s"
""" % (address, log) + "".join("ConnectPort %d\n" % port for port in ports))
    process = subprocess.Popen(namespace.command("tinyproxy", "-d", "-c", config), stdout=subprocess.DEVNULL)

    def end():
        process.terminate()
        process.wait(DEADLINE)
    lab.defer(end)
    await_condition(lambda: namespace.run("ss", "-Hltn", "sport", "=", "8888"), "tinyproxy to listen")
    return log


def start_python(lab, namespace, handler, port=80):
    """Runs http.server with this handler class on a thread of the test. Returns its log, which grows: of each
    response (100 left out) the client's port, the request line and the status."""
    log = []

    class Logged(handler):
        def log_request(self, code="-", size="-"):
            log.append((self.client_address[1], self.requestline, int(code)))

        def log_message(self, *_):
            pass

    with namespace.entered():
        server = http.server.ThreadingHTTPServer(("", port), Logged)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def end():
        server.shutdown()
        thread.join()
        server.server_close()
    lab.defer(end)
    return log


def curl(lab, namespace, *transfers):
    """One curl process makes these transfers one after the other, each a list of arguments, over as few connections
    as it can. Returns what it says of each (its --write-out json) with the `heads` that it received, the `body` (not
    with -o), and `ordinal`: which request of its connection this was, 1, 2, 3 ..."""
    arguments = []
    paths = [lab.path("curl-%d" % next(_numbers)) for _ in transfers]
    for path, transfer in zip(paths, transfers):
        arguments += ["--next"] if arguments else []
        arguments += ["-s", "-D", path + "-heads", "-w", "%{json}\n", "--max-time", str(DEADLINE)]
        arguments += transfer if "-o" in transfer else ["-o", path, *transfer]
    done = subprocess.run(namespace.command("curl", *arguments), stdout=subprocess.PIPE, timeout=4 * DEADLINE,
                          check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    if len(told) != len(transfers):
        raise AssertionError("curl, exit %d: %r" % (done.returncode, done.stdout))
    counts = collections.Counter()
    for path, transfer in zip(paths, told):
        counts[transfer["local_port"]] += 1
        transfer.update(ordinal=counts[transfer["local_port"]], body=_content(path), heads=_content(path + "-heads"))
    return told


def _content(path):
    if not os.path.exists(path):  # curl makes no file for no body
        return b""
    with open(path, "rb") as file:
        return file.read()


def exchange(connection, method, path, headers):
    """One request over a socket that stays open -> (status, reason, [(name, value)], body as on the wire)."""
    lines = ["%s %s HTTP/1.1" % (method, path)] + ["%s: %s" % header for header in headers]
    connection.sendall("\r\n".join(lines + ["", ""]).encode())
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    return response.status, response.reason, response.getheaders(), body


class Tcpdump:
    """tcpdump saving one interface; it hands every frame over at once, so that none is lost when it ends.

    The ring that it has then is one of slots for the longest frame: 1,024 of them, for frames of 64 KiB (GSO, GRO).
    """

    def __init__(self, namespace, interface, path, expression):
        self.path = path
        self._process = subprocess.Popen(
            namespace.command("tcpdump", "-i", interface, "-s", "65600", "-B", "131072", "-U", "--immediate-mode", "-Z",
                              "root", "--time-stamp-precision=nano", "-w", path, *expression.split()),
            stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "listening on" in line:
                return
        raise AssertionError("tcpdump did not start")

    def frames(self):
        """How many whole frames the file holds by now."""
        with open(self.path, "rb") as file:
            data = file.read()
        at, count = 24, 0
        while at + 16 <= len(data):
            at += 16 + struct.unpack_from("=I", data, at + 8)[0]
            count += at <= len(data)
        return count

    def stop(self, frames):
        """Ends it once it has saved so many frames."""
        try:
            await_condition(lambda: self.frames() >= frames, "%d frames in %s" % (frames, self.path))
        finally:
            self.end()

    def end(self):
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            self._process.communicate(timeout=DEADLINE)


def tshark(path, fields, *options):
    """What tshark reads from a capture: one dictionary a frame, each value a list of its occurrences."""
    arguments = [argument for field in fields for argument in ("-e", field)]
    text = run("tshark", "-n", "-r", path, *options, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a",
               "-E", "aggregator=\x1f", *arguments)
    return [{field: value.split("\x1f") if value else [] for field, value in zip(fields, line.split("\t"))}
            for line in text.splitlines()]
