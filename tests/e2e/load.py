"""wrk drives nginx, and tapline's records have to be nginx's access log: what load tests have in common.

The one difference allowed are the requests that wrk cuts off when it stops; each is named.

A request is known by the client's port, by which of that port's connections it is (the kernel gives a port again
within seconds), and by its place on the connection.
"""
import contextlib
import json
import os
import signal
import subprocess

from capture import Capture, dig
from lab import DEADLINE, LabTest, await_condition, start_nginx


class PortConnections:
    """Counts the connections of each port: 1, 2, 3 ... in the order in which they are added."""

    def __init__(self):
        self.ordinals = {}

    def add(self, port, connection):
        of_port = self.ordinals.setdefault(port, {})
        of_port.setdefault(connection, len(of_port) + 1)

    def ordinal(self, port, connection):
        return self.ordinals[port][connection]


class LoadTest(LabTest):
    """`page`: what nginx serves."""
    page = "<!doctype html><title>load</title>" + "<p>load</p>" * 50
    connections = 64
    seconds = 1

    def scene(self, client, server, address, options):
        """Loads http://ADDRESS/ from one namespace in the other, while tapline captures there as `options` say."""
        self.lab.write("site/index.html", self.page)
        log = self.lab.path("access.log")
        with contextlib.suppress(FileNotFoundError):
            os.remove(log)  # of the scene before
        start_nginx(self.lab, server,
                    "log_format keys '$remote_port $connection $connection_requests $status';\n"
                    "access_log %s keys buffer=64k; keepalive_requests 300;" % log, "listen [::]:80;")
        records = self.lab.path("records")
        capture = Capture(server.command(), "--headers", "none", "--records", "http,stats", *options, output=records)
        wrk = subprocess.run(client.command("wrk", "-t", "2", "-c", str(self.connections), "-d",
                                            "%ds" % self.seconds, "http://%s/" % address),
                             stdout=subprocess.PIPE, timeout=4 * DEADLINE, check=True, text=True)
        await_condition(lambda: not server.run("ss", "-Htn", "state", "established"), "nginx to see every close")
        self.assertEqual(capture.stop(), 0, capture.error_text())
        server.end_processes(signal.SIGQUIT)  # nginx writes its log out
        print(wrk.stdout)
        return self.read_log(log), *self.read_records(records)

    @staticmethod
    def read_log(path):
        """{(client port, connection, request): status}"""
        with open(path, encoding="ascii") as file:
            lines = [[int(word) for word in line.split()] for line in file]
        connections = PortConnections()
        for port, serial, _, _ in sorted(lines, key=lambda line: line[1]):  # nginx counts its connections
            connections.add(port, serial)
        return {(port, connections.ordinal(port, serial), request): status for port, serial, request, status in lines}

    def read_records(self, path):
        """The same of tapline: ({key: status or None}, {keys of what is incomplete}, the last stats record). The
        records stay in self.records."""
        records, stats = [], None
        self.records = records
        with open(path, "rb") as file:
            for line in file:
                record = json.loads(line)
                if dig(record, "event.dataset") == "tapline.stats":
                    stats = record
                else:
                    records.append(record)
        connections = PortConnections()
        for record in sorted(records, key=lambda record: record["@timestamp"]):
            connections.add(dig(record, "source.port"), dig(record, "connection.id"))
        found, incomplete = {}, set()
        for record in records:
            port = dig(record, "source.port")
            key = port, connections.ordinal(port, dig(record, "connection.id")), dig(record, "connection.transaction")
            self.assertFalse(key in found, "two records of one transaction: %s" % (key,))
            found[key] = dig(record, "http.response.status_code")
            if dig(record, "http.incomplete"):
                incomplete.add(key)
        return found, incomplete, stats

    def check(self, *scene):
        """Returns the last stats record."""
        logged, found, incomplete, stats = self.scene(*scene)
        cut_off = {key for key in logged.keys() | found.keys() if logged.get(key) != found.get(key)} | incomplete
        for key in sorted(cut_off)[:2 * self.connections]:
            print("cut off when wrk stopped: port %d, its connection %d, request %d: nginx %s, tapline %s" %
                  (*key, logged.get(key), found.get(key)))
        print("%d requests logged by nginx, %d recorded, %d cut off, dropped: %s" %
              (len(logged), len(found), len(cut_off), stats and stats.get("dropped")))
        self.assertEqual(dig(stats, "dropped.packets"), 0)
        self.assertGreater(len(logged), self.connections)
        # What was cut off is the last request of its connection, one at most.
        last = {}
        for *connection, request in logged.keys() | found.keys():
            last[tuple(connection)] = max(last.get(tuple(connection), 0), request)
        self.assertEqual([key for key in sorted(cut_off) if key[2] != last[key[:2]]], [])
        self.assertLessEqual(len(cut_off), self.connections)
        return stats
