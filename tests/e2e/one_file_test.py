"""The program is one file: copied to another machine it needs that machine's C library and nothing else."""
import os
import re
import shutil
import subprocess

from capture import TAPLINE
from lab import LabTest, main


class OneFile(LabTest):
    def test_it_needs_only_the_c_library(self):
        found = subprocess.run(["readelf", "--dynamic", "--wide", TAPLINE], capture_output=True, text=True, check=True)
        needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", found.stdout))
        self.assertIn("libc.so.6", needed)
        allowed = r"(libc|libm|ld-linux-x86-64|ld-linux-aarch64)\.so"
        self.assertEqual({name for name in needed if not re.match(allowed, name)}, set())

    def test_a_copy_runs_where_nothing_else_of_ours_is(self):
        copy = self.lab.path("copied")
        shutil.copy(TAPLINE, copy)
        done = subprocess.run([copy, "--version"], capture_output=True, text=True, cwd="/",
                              env={"PATH": os.environ["PATH"]}, check=True)
        self.assertRegex(done.stdout, r"^tapline \d+\.\d+\.\d+")


if __name__ == "__main__":
    main()
