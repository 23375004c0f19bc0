"""scripts/check-includes: passes over this checkout, and catches each kind of violation where it stands."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

# (file, what it includes, allowed?)
CASES = [
    ("flows/a.cc", '"flows/packet.h"', True),
    ("flows/a.cc", "<vector>", True),
    ("flows/a.cc", '"absl/status/status.h"', True),
    ("flows/a.cc", "<immintrin.h>", True),
    ("flows/a.cc", "<unistd.h>", False),
    ("flows/a.cc", "<sys/socket.h>", False),
    ("flows/a.cc", '"engine/worker.h"', False),
    ("flows/a.cc", '"exporters/ecs_encoder.h"', False),
    ("flows/a.cc", '"bpf/port_filter.h"', False),
    ("exporters/a.h", '"flows/events.h"', True),
    ("exporters/a.h", '"flows/counters.h"', True),
    ("exporters/a.h", '"flows/flow_processor.h"', False),
    ("exporters/a.h", '"engine/options.h"', False),
    ("exporters/a.h", "<liburing.h>", True),
    ("exporters/a.h", "<bpf/libbpf.h>", False),
    ("bpf/a.cc", "<bpf/libbpf.h>", True),
    ("bpf/a.cc", '"bpf/port_filter.skel.h"', True),
    ("bpf/a.cc", '"flows/port_set.h"', False),
    ("engine/a.cc", '"bpf/port_filter.h"', True),
    ("engine/a.cc", "<bpf/bpf.h>", False),
    ("engine/a.cc", '"exporters/writer.h"', True),
    ("engine/a.cc", '"flows/packet.h"', True),
    ("engine/a.cc", '"tests/flows/builder.h"', False),
    ("engine/a.cc", '"bench/machine.h"', False),
    ("engine/a.cc", '"../flows/packet.h"', False),
    ("engine/a.cc", '"neighbour.h"', False),
    ("tests/bpf/a.cc", "<bpf/bpf.h>", True),
    ("tests/engine/a.cc", "<bpf/bpf.h>", False),
    ("tests/engine/a.cc", '"exporters/writer.h"', True),
    ("bench/a.cc", '"flows/packet.h"', True),
    ("bench/a.cc", "<bpf/bpf.h>", True),
    ("bench/a.cc", '"tests/flows/builder.h"', False),
]


def check(root):
    done = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "check-includes"), root],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class CheckIncludes(unittest.TestCase):
    def test_this_checkout(self):
        self.assertEqual(check(ROOT), (0, ""))

    def test_each_kind_of_edge(self):
        for path, included, allowed in CASES:
            with self.subTest(file=path, include=included), tempfile.TemporaryDirectory() as root:
                self.write(root, path, "// A comment.\n#include <cstdint>\n#  include %s\n" % included)
                for header in ("bpf/port_filter.h", "engine/neighbour.h"):
                    self.write(root, header, "")
                code, text = check(root)
                if allowed:
                    self.assertEqual((code, text), (0, ""))
                else:
                    self.assertEqual(code, 1)
                    self.assertTrue(text.startswith("%s:3: " % path), text)
                    self.assertEqual(text.count("\n"), 1)

    def test_a_tree_without_sources_is_no_success(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(check(root)[0], 2)

    @staticmethod
    def write(root, path, content):
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(content)


if __name__ == "__main__":
    unittest.main(verbosity=2)
