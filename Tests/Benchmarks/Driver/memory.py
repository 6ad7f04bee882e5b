"""Resident and anonymous memory: idle, and with scraped series."""

import time

import servers
from stored import Stored
from tables import mebibytes, median, show, taking_turns
from workplace import say, setting

SIZES = [10_000, 100_000]
# Per encoding, sequentially.
SCRAPES = 20
# Seconds without a scrape before memory is measured.
REST = setting("REST", 5)


def main(work, sizes):
    """Measures each side in a new process per round."""
    sizes = sizes or SIZES
    stored = Stored(work)
    pages = {size: page(work, stored, size) for size in [0] + sizes}
    sides = {("node_exporter", 0): lambda: servers.node_exporter(work)}
    for size in pages:
        sides["this exporter", size] = (
            lambda size=size: stored.page_exporter(size) if size else stored.exporter(0))
        sides["client_golang promhttp", size] = lambda size=size: servers.go_peer(work, pages[size])
    measured = {side: [] for side in sides}
    for round_number in range(setting("ROUNDS", 5)):
        for side in taking_turns(list(sides), round_number):
            say(f"memory, round {round_number + 1}: {side[0]}, {side[1]:,} series")
            measured[side].append(measure(sides[side]()))
    table(measured)


def page(work, stored, size):
    """A file with this exporter's page of the given size; for 0, that of an account that was never synced."""
    server = stored.page_exporter(size) if size else stored.exporter(0)
    try:
        path = work.new("page.txt")
        path.write_bytes(server.page())
        return path
    finally:
        server.stop()


def measure(server):
    """Bytes: resident after the scrapes, anonymous then, peak during the scrapes, and peak since the start."""
    try:
        since_start = server.process.peak_bytes()
        server.process.forget_peak()
        for _ in range(SCRAPES):
            server.page()
            server.page(gzip=True)
        scraped = server.process.peak_bytes()
        time.sleep(REST)
        process = server.process
        return process.resident_bytes(), process.anonymous_bytes(), scraped, max(since_start, scraped)
    finally:
        server.stop()


def table(measured):
    """Prints a row per side, including the increase per 100,000 series."""
    rows = []
    for (name, size), rounds in measured.items():
        resident, anonymous, scraped, started = ([one[kind] for one in rounds] for kind in range(4))
        idle = [one[0] for one in measured[name, 0]]
        growth = [(now - before) * 100_000 / size for now, before in zip(resident, idle)] if size else None
        rows.append([
            name, f"{size:,}" if size else "idle", mebibytes(median(resident)), mebibytes(median(anonymous)),
            mebibytes(median(scraped)),
            # The others read the page from a file at startup, which is not part of their normal work.
            mebibytes(median(started)) if name == "this exporter" else "–",
            mebibytes(median(growth)) if growth else "–",
        ])
    rows.sort(key=lambda row: (row[1] != "idle", int(row[1].replace(",", "")) if row[1] != "idle" else 0))
    show(
        "Memory, MiB",
        ["process", "series", "resident at rest", "of it anonymous", "peak while scraped", "peak since the start",
         "for each 100,000 series more than idle"],
        rows)
