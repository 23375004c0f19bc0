"""curl downloads one GiB from nginx over veth, in frames of up to 64 KiB, while tapline captures: every byte counts.

A machine that does other things may drop frames. Then the record has to tell how many bytes that were, and the
download is made again, for a run in which none was.
"""
import os

from capture import Capture, dig, transactions
from lab import LabTest, curl, main, start_nginx
from recording import exchanges

SIZE = 1 << 30
ATTEMPTS = 3


class Large(LabTest):
    def setUp(self):
        super().setUp()
        self.client, self.server = self.lab.linked_namespaces()
        os.truncate(self.lab.write("site/large.bin", b""), SIZE)
        start_nginx(self.lab, self.server, "access_log off; sendfile on; sendfile_max_chunk 0;")

    def download(self):
        """-> whether no frame was dropped"""
        capture = Capture(self.server.command(), "-i", "veth0", "-j", "1", "--ring-size", "256MiB",
                          "--records", "http,connection,stats")
        told, = curl(self.lab, self.client, ["-o", "/dev/null", "http://10.0.0.1/large.bin"])
        self.assertEqual(capture.stop(), 0, capture.error_text())
        self.assertEqual((told["http_code"], told["size_download"]), (200, SIZE))
        found, = exchanges(capture.records)
        record, = transactions(capture.records)
        stats = [r for r in capture.records if dig(r, "event.dataset") == "tapline.stats"][-1]
        dropped, missing = dig(stats, "dropped.packets"), dig(record, "http.gap.bytes") or 0
        print("%d frames, %d dropped, %d bytes missing" % (dig(stats, "received.packets"), dropped, missing))
        self.assertEqual((found.target, found.status, found.request, found.response_body, found.response),
                         ("/large.bin", 200, told["size_request"], SIZE, told["size_header"] + SIZE))
        self.assertEqual(found.incomplete, ["response_body"] if missing else None)
        self.assertEqual(dig(stats, "gaps.bytes"), missing)
        self.assertEqual(dig(stats, "cut.packets"), 0)
        self.assertLess(dig(stats, "received.packets"), SIZE / 1448)  # they were long frames
        closed, = [r for r in capture.records if dig(r, "event.action") == "closed"]
        self.assertEqual(dig(closed, "destination.bytes") + missing, found.response)
        if not dropped:
            self.assertEqual(missing, 0)
        return not dropped

    def test_one_gibibyte(self):
        self.assertTrue(any(self.download() for _ in range(ATTEMPTS)), "frames were dropped each time")


if __name__ == "__main__":
    main(needs=("nginx", "curl"))
