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

# Those that take a list of sizes.
BY_SIZE = {"scrape": scrape, "memory": memory, "start": start, "ledger": ledger, "accounts": accounts}
BY_NAME = {"decoding": decoding, "build": build}
# Without `build`, which takes many minutes.
ALL = ["scrape", "memory", "start", "ledger", "decoding", "accounts"]


def stop(*_):
    """Leaves by an exception, so that every process that was started is ended."""
    raise SystemExit(130)


def main(arguments):
    """Runs the benchmark that the first argument names, with the others as its sizes or names; without any, all."""
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
