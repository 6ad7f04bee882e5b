"""Scrapes of pages of several sizes, compared with three other servers with the same series."""

import contextlib
import gzip

import load
import servers
from stored import Stored
from tables import median, milliseconds, number, ratio, show, taking_turns, times
from workplace import say, setting

SIZES = [1_000, 10_000, 100_000, 1_000_000]
# Above this prometheus_client takes many seconds per page.
LARGEST_FOR_PYTHON = 100_000


def main(work, sizes):
    """Measures each size and prints its table, and finally the cost per byte."""
    stored = Stored(work)
    costs = [measure_size(work, stored, size) for size in sizes or SIZES]
    show(
        "Scrape: this exporter's cost of a byte",
        ["series", "encoding", "bytes", "CPU ns a byte", "wall ns a byte, 4 connections"],
        [row for cost in costs for row in cost])


def measure_size(work, stored, size):
    """Measures all rounds of one page size; returns the rows of the cost table."""
    with contextlib.ExitStack() as stack:
        sides = start(work, stored, size, stack)
        lengths = {False: len(sides[0].page()), True: len(sides[0].page(gzip=True))}
        rows = []
        for zipped in (False, True):
            encoding = "gzip" if zipped else "identity"
            measured = {side.name: [] for side in sides}
            for round_number in range(setting("ROUNDS", 5)):
                for side in taking_turns(sides, round_number):
                    say(f"scrape {size:,} {encoding}, round {round_number + 1}: {side.name}")
                    measured[side.name].append(load.measure(side, zipped))
            table(size, encoding, measured)
            mine = measured[sides[0].name]
            rows.append([
                f"{size:,}", encoding, f"{lengths[zipped]:,}",
                number(median(one.cpu_seconds for one in mine) * 1e9 / lengths[zipped]),
                number(median(1 / one.rate for one in mine) * 1e9 / lengths[zipped]),
            ])
        return rows


def start(work, stored, size, stack):
    """Starts the servers, this exporter first, all with the series of its page."""
    def add(server):
        stack.callback(server.stop)
        return server

    mine = add(stored.page_exporter(size))
    page, gzipped = mine.page(), mine.page(gzip=True)
    path = work.new("page.txt")
    path.write_bytes(page)
    sides = [mine, add(servers.nginx(work, page, gzipped)), add(servers.go_peer(work, path))]
    if size <= LARGEST_FOR_PYTHON:
        sides.append(add(servers.python_peer(work, path)))
    for side in sides:
        servers.check_lines(side, size, gzip.decompress)
    return sides


def table(size, encoding, measured):
    """Prints the results of one size and encoding."""
    mine = next(iter(measured.values()))
    rows = []
    for name, rounds in measured.items():
        rows.append([
            name,
            number(median(one.rate for one in rounds)),
            times(ratio([one.rate for one in mine], [one.rate for one in rounds])),
            milliseconds(median(one.p50 for one in rounds)),
            milliseconds(median(one.p99 for one in rounds)),
            number(median(one.cpu_seconds for one in rounds) * 1000),
            times(ratio([one.cpu_seconds for one in rounds], [one.cpu_seconds for one in mine])),
            f"{median(one.requests for one in rounds):,.0f}",
        ])
    if size > LARGEST_FOR_PYTHON:
        rows.append(["Python prometheus_client", "left out: too slow"] + ["–"] * 6)
    show(
        f"Scrape: {size:,} series, {encoding}",
        ["server", "scrapes a second", "ours ÷ its", "p50 ms", "p99 ms", "CPU s for 1,000 scrapes", "its CPU ÷ ours",
         "scrapes a round"],
        rows)
