"""The third scene: wrk drives nginx over 64 connections as fast as it can."""
from lab import in_ci, main
from load import LoadTest


class Load(LoadTest):
    seconds = 10 if in_ci() else 3

    def load(self, workers):
        self.check(*self.lab.linked_namespaces(), "10.0.0.1", ("-i", "veth0", "-j", workers))

    def test_one_worker(self):
        self.load("1")

    def test_two_workers(self):
        self.load("2")


if __name__ == "__main__":
    main(needs=("nginx", "wrk"))
