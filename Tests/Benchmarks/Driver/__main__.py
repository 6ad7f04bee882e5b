"""Runs benchmarks by name; Tests/Benchmarks/run installs and builds what they need, and calls this."""

import signal
import sys

import accounts
import build
import decoding
import ledger
import memory
import scrape
import start
from workplace import Workplace

# Benchmarks that take a list of sizes.
BY_SIZE = {"scrape": scrape, "memory": memory, "start": start, "ledger": ledger, "accounts": accounts}
BY_NAME = {"decoding": decoding, "build": build}
# `build` is excluded because it takes many minutes.
ALL = ["scrape", "memory", "start", "ledger", "decoding", "accounts"]


def stop(*_):
    """Exits with an exception, so that every started process is stopped."""
    raise SystemExit(130)


def main(arguments):
    """Runs the benchmark named by the first argument with the remaining arguments; runs all without arguments."""
    signal.signal(signal.SIGTERM, stop)
    name, rest = (arguments[0], arguments[1:]) if arguments else ("all", [])
    if name not in [*BY_SIZE, *BY_NAME, "all"] or (name == "all" and rest):
        raise SystemExit(f"expected one of: all {' '.join([*BY_SIZE, *BY_NAME])}")
    work = Workplace()
    try:
        for chosen in ALL if name == "all" else [name]:
            if chosen in BY_SIZE:
                BY_SIZE[chosen].main(work, [int(size) for size in rest])
            else:
                BY_NAME[chosen].main(work, rest)
    finally:
        work.remove()


main(sys.argv[1:])
