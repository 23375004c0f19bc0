"""Chromium loads a page of thirty objects from nginx, reads a stream of events, talks over a WebSocket, and reports.

What it saw of each object is in its report (Resource Timing), what nginx sent in nginx's log: the records are both.
"""
import json
import signal
import subprocess
import unittest
from urllib.parse import urlsplit

from application import Application, EVENTS, NGINX_SERVER
from capture import connections, dig, transactions
from lab import DEADLINE, Lab, await_condition, main, start_nginx, start_python
from recording import Recording, exchanges, json_lines

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage")
MESSAGES = ["hello", "GET / HTTP/1.1\r\nHost: quoted\r\n\r\n", "x" * 70_000]
# A picture of one pixel; what follows its end is padding.
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000"
                      "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082")
SCRIPT = """
const seen = {events: 0, messages: []};
const loaded = new Promise(done => addEventListener('load', done));
const events = () => new Promise(done => {
  const source = new EventSource('/events');
  source.onmessage = () => ++seen.events;
  source.onerror = () => { source.close(); done(); };  // the server has closed
});
const echoes = () => new Promise(done => {
  const messages = %s, socket = new WebSocket('ws://' + location.host + '/echo');
  socket.onopen = () => socket.send(messages[0]);
  socket.onmessage = message => {
    seen.messages.push(message.data);
    if (seen.messages.length < messages.length) socket.send(messages[seen.messages.length]);
    else socket.close(1000);
  };
  socket.onclose = close => { seen.close = close.code; done(); };
});
(async () => {
  await loaded;
  await events();
  await echoes();
  seen.resources = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(
    entry => [entry.name, entry.responseStatus, entry.encodedBodySize, entry.nextHopProtocol]);
  const again = await fetch('/picture0.png', {cache: 'no-cache'});  // asks whether it has changed
  seen.again = (await again.arrayBuffer()).byteLength;
  await fetch('/report', {method: 'POST', body: JSON.stringify(seen)});
})();
"""


class Browser(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        lab = Lab()
        cls.addClassCleanup(lab.close)
        client, server = lab.linked_namespaces()
        cls.objects = cls.write_site(lab)
        reports = []
        start_python(lab, server, type("Reporting", (Application,), {"posted": reports.append}), port=8080)
        log = lab.path("access.log")
        start_nginx(lab, server, """
gzip on; gzip_types text/css text/javascript; gzip_min_length 100;
log_format browser escape=json '{"port":$remote_port,"ordinal":$connection_requests,"method":"$request_method",'
    '"target":"$request_uri","status":$status,"received":$request_length,"sent":$bytes_sent,'
    '"agent":"$http_user_agent","referrer":"$http_referer"}';
access_log %s browser;""" % log, """
types { text/html html; text/css css; text/javascript js; image/png png; }
""" + NGINX_SERVER)
        recording = Recording(lab, server, "veth0", "-j", "1")
        with open(lab.path("chromium.log"), "wb") as errors:
            chromium = subprocess.Popen(client.command("chromium", *FLAGS, "--user-data-dir=" + lab.path("profile"),
                                                       "http://10.0.0.1/page.html"), stdout=errors, stderr=errors)
        try:
            await_condition(lambda: reports, "Chromium's report")
        finally:
            chromium.send_signal(signal.SIGTERM)
            chromium.wait(DEADLINE)
        cls.posted = reports[0]
        cls.report = json.loads(cls.posted)
        recording.finish(client.active_opens())
        cls.records = recording.live
        cls.logged = json_lines(log, len(transactions(cls.records)))

    @staticmethod
    def write_site(lab):
        """Thirty objects: ten in the page's head, which go out compressed and chunked, and twenty pictures."""
        objects = ["style%d.css" % n for n in range(4)] + ["script%d.js" % n for n in range(6)]
        for number, name in enumerate(objects):
            lab.write("site/" + name, "/* %s */\n" % (name * 100 * number))
        pictures = ["picture%d.png" % n for n in range(20)]
        for number, name in enumerate(pictures):
            lab.write("site/" + name, PIXEL + b"\0" * number ** 4)
        lab.write("site/page.html", "<!doctype html><html><head><title>thirty</title><link rel=icon href=data:,>" +
                  "".join("<link rel=stylesheet href=%s>" % name if name.endswith("css") else
                          "<script src=%s></script>" % name for name in objects) +
                  "<script>%s</script></head><body>" % (SCRIPT % json.dumps(MESSAGES)) +
                  "".join("<img src=%s>" % name for name in pictures) + "</body></html>")
        return objects + pictures

    def test_the_page_saw_what_was_meant(self):
        self.assertEqual(self.report["events"], EVENTS)
        self.assertEqual(self.report["messages"], MESSAGES)
        self.assertEqual(self.report["close"], 1000)
        self.assertEqual(self.report["again"], len(PIXEL))
        names = {urlsplit(name).path for name, *_ in self.report["resources"]}
        self.assertEqual(names, {"/" + name for name in self.objects} | {"/page.html", "/events"})

    def test_records_are_the_servers_log(self):
        """Which connection, in which order, what, and how much: nginx says the same of each."""
        logged = sorted((line["port"], line["ordinal"], line["method"], line["target"], line["status"],
                         line["received"], line["sent"]) for line in self.logged if line["target"] != "/echo")
        self.assertEqual([(e.port, e.ordinal, e.method, e.target, e.status, e.request, e.response)
                          for e in exchanges(self.records) if e.target != "/echo"], logged)
        for e in exchanges(self.records):
            self.assertEqual((e.incomplete, e.outcome), (None, "success" if e.status < 400 else "failure"), e)
        logged = {(line["port"], line["ordinal"]): line for line in self.logged}
        for record in transactions(self.records):
            line = logged[dig(record, "source.port"), dig(record, "connection.transaction")]
            self.assertEqual(dig(record, "user_agent.original") or "", line["agent"])
            self.assertEqual(dig(record, "http.request.referrer") or "", line["referrer"])

    def test_records_are_what_the_browser_saw(self):
        found = {e.target: e for e in exchanges(self.records) if e.status != 304}
        for name, status, body, protocol in self.report["resources"]:
            e = found[urlsplit(name).path]
            self.assertEqual((e.method, e.status, e.response_body, protocol), ("GET", status, body, "http/1.1"))
        self.assertEqual([e.response_body for e in exchanges(self.records)
                          if e.target == "/picture0.png" and e.status == 304], [0])
        report, = [e for e in exchanges(self.records) if e.method == "POST"]
        self.assertEqual((report.target, report.status, report.request_body), ("/report", 204, len(self.posted)))

    def test_web_socket(self):
        record, = [t for t in transactions(self.records) if dig(t, "http.upgrade")]
        self.assertEqual((dig(record, "url.original"), dig(record, "http.response.status_code"),
                          dig(record, "http.upgrade")), ("/echo", 101, "websocket"))
        line, = [line for line in self.logged if line["target"] == "/echo"]
        self.assertEqual((line["port"], line["status"], line["received"]),
                         (dig(record, "source.port"), 101, dig(record, "http.request.bytes")))
        closed, = [c for c in connections(self.records, "closed") if dig(c, "connection.id") ==
                   dig(record, "connection.id")]
        own = [e for e in exchanges(self.records) if e.port == line["port"]]
        # Of what the server sent on the connection, the session is all that no other response is.
        before = sum(e.response for e in own if e.target != "/echo")
        self.assertEqual(dig(closed, "destination.bytes") - before, line["sent"])
        self.assertGreater(line["sent"], dig(record, "http.response.bytes") + sum(map(len, MESSAGES)))

    def test_connections(self):
        """Each transaction is on the connection that says so; what Chromium opened ahead and never used has none."""
        own = {}
        for record in transactions(self.records):
            own.setdefault(dig(record, "connection.id"), []).append(dig(record, "connection.transaction"))
        for closed in connections(self.records, "closed"):
            numbers = own.get(dig(closed, "connection.id"), [])
            self.assertEqual(sorted(numbers), list(range(1, dig(closed, "connection.transactions") + 1)))
        self.assertGreaterEqual(len(own), 2)  # Chromium opens up to six to a server


if __name__ == "__main__":
    main(needs=("chromium", "nginx", "tcpdump", "tshark"))
