"""Time from process start to the end of the first complete scrape."""

import socket
import time

import servers
from http_client import sample_lines
from processes import Process
from stored import FOUR_WINDOWS, Stored
from tables import median, milliseconds, number, show, taking_turns
from workplace import free_port, say, setting

SIZES = [100_000]


def main(work, sizes):
    """Measures an empty storage, and each size without windows and with four."""
    stored = Stored(work)
    sides = [("an empty storage", 0, "[]")]
    for size in sizes or SIZES:
        sides.append((f"{size:,} series", size, "[]"))
        sides.append((f"{size:,} series, and their four windows", size, FOUR_WINDOWS))
    measured = {side: [] for side in sides}
    for round_number in range(setting("ROUNDS", 5)):
        for side in taking_turns(sides, round_number):
            say(f"start, round {round_number + 1}: {side[0]}")
            measured[side].append(measure(work, stored, side))
    show(
        "Start to the first complete scrape",
        ["stored ledger", "ms", "CPU ms", "sample lines"],
        [[side[0], milliseconds(median(one[0] for one in rounds)), milliseconds(median(one[1] for one in rounds)),
          number_of_lines(rounds)] for side, rounds in measured.items()])


def number_of_lines(rounds):
    """The number of lines of the page, which may vary by the exporter's own metrics."""
    return f"{median(one[2] for one in rounds):,.0f}"


def measure(work, stored, side):
    """Seconds until the page was read completely, CPU seconds until then, and lines of the page."""
    _, size, windows = side
    storage = stored.copy(size) if size else work.new("empty")
    port = free_port()
    command = servers.exporter_command(port, stored.config(windows), storage)
    log = work.new("exporter.log")
    begun = time.perf_counter()
    process = Process(command, log)
    try:
        page = first_page(port, process, begun)
        seconds, used = time.perf_counter() - begun, process.cpu_seconds()
        lines = sample_lines(page)
        if lines < size:
            raise RuntimeError(f"the first scrape had {number(lines)} lines of {number(size)} series")
        return seconds, used, lines
    finally:
        process.stop()


def first_page(port, process, begun):
    """The body of the first successful scrape; polls slowly enough to use little CPU time."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                parts = []
                while part := connection.recv(1 << 20):
                    parts.append(part)
        except ConnectionRefusedError:
            process.check()
            if time.perf_counter() - begun > 300:
                raise
            time.sleep(0.002)
            continue
        head, _, body = b"".join(parts).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the first scrape returned {head[:40]!r}")
        return body
