"""tapline as its users run it: a process, its standard output, its standard error, its exit status."""
import calendar
import json
import os
import re
import signal
import subprocess
import threading
import time

from lab import DEADLINE

TAPLINE = os.environ.get("TAPLINE", "")


def nanoseconds(stamp):
    """An RFC 3339 UTC stamp with nine fraction digits -> integer nanoseconds since the epoch."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", stamp)
    assert match, "not a stamp of ours: %r" % stamp
    return calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(match[2])


def dig(record, path):
    """record["a"]["b"] for "a.b"; None when anything is missing."""
    for key in path.split("."):
        if not isinstance(record, dict) or key not in record:
            return None
        record = record[key]
    return record


def transactions(records):
    return [r for r in records if dig(r, "event.dataset") == "tapline.http" and
            dig(r, "event.action") == "transaction"]


def connections(records, action=None):
    return [r for r in records if dig(r, "event.dataset") == "tapline.connection" and
            action in (None, dig(r, "event.action"))]


def parse(output):
    """Standard output -> records. A line that is not whole or not an object fails the test."""
    assert output == b"" or output.endswith(b"\n"), "the last line is not whole: %r" % output[-80:]
    records = [json.loads(line.decode("utf-8")) for line in output.splitlines()]
    assert all(isinstance(record, dict) for record in records)
    return records


class Run:
    """A finished run: `code`, `output` (bytes), `errors` (text), `records`."""

    def __init__(self, code, output, errors):
        self.code, self.output, self.errors = code, output, errors.decode("utf-8", "replace")

    @property
    def records(self):
        return parse(self.output)


def tapline(*arguments, prefix=(), program=None, **options):
    """Runs tapline to its end. `prefix` goes before it: a namespace, setpriv."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([*prefix, program or TAPLINE, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=4 * DEADLINE, check=False, **options)
    return Run(done.returncode, done.stdout, done.stderr)


class Capture:
    """A live capture, open when the constructor returns."""

    def __init__(self, prefix, *arguments, program=None, output=None):
        """`output`: a path to write the records to, instead of keeping them in `records`."""
        self.records = []
        self.errors = []
        self._news = threading.Condition()
        self._ready = self._ended = False
        stdout = subprocess.PIPE if output is None else open(output, "wb")
        self.process = subprocess.Popen([*prefix, program or TAPLINE, "-v", *arguments], stdin=subprocess.DEVNULL,
                                        stdout=stdout, stderr=subprocess.PIPE)
        self._threads = [threading.Thread(target=self._read_errors)]
        if output is None:
            self._threads.append(threading.Thread(target=self._read_records))
        else:
            stdout.close()
        for thread in self._threads:
            thread.start()
        try:
            self._wait(lambda: self._ready or self._ended, "tapline to capture")
            assert self._ready, "tapline ended: " + self.error_text()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _read_errors(self):
        for line in self.process.stderr:
            with self._news:
                self.errors.append(line.decode("utf-8", "replace"))
                self._ready = self._ready or self.errors[-1].startswith("tapline: capturing on")
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _read_records(self):
        for line in self.process.stdout:
            record = json.loads(line.decode("utf-8")) if line.endswith(b"\n") else {"cut": repr(line)}
            with self._news:
                self.records.append(record)
                self._news.notify_all()

    def _wait(self, condition, what):
        with self._news:
            met = self._news.wait_for(condition, DEADLINE)
        assert met, "waited %d s in vain for %s; %d records; %s" % (DEADLINE, what, len(self.records),
                                                                   self.error_text())

    def error_text(self):
        return "".join(self.errors)

    def wait_for(self, condition, what):
        """Until condition(records) is true."""
        self._wait(lambda: condition(self.records), what)

    def wait_for_closed(self, count):
        self.wait_for(lambda records: len(connections(records, "closed")) >= count, "%d closed records" % count)

    def stop(self, number=signal.SIGINT):
        """Ends it and returns its exit status; records and errors are complete then."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        """As stop(), of a run that ends by itself."""
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("tapline does not end: " + self.error_text()) from None
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return code
