"""A thousand accounts that sync every five minutes: their cost, and the scrape duration meanwhile."""

import http.client
import time

import servers
from http_client import sample_lines, wait
from processes import Process
from tables import mebibytes, median, milliseconds, number, show
from workplace import OURS, free_port, say, setting

# Measured seconds, after every account was synced once: two syncs of each account.
DURATION = setting("DURATION", 600)
# Limit for the first sync of all accounts, in seconds.
LONGEST_START = 1800


def main(work, counts):
    """Measures each number of accounts once, because a long round includes its own spread."""
    for count in counts or [1000]:
        config = work.new("config.yml")
        simulator = Process(
            [OURS, "simulate", "--accounts", count, "--config", config], work.new("simulator.log"))
        try:
            while not config.exists():
                simulator.check()
                time.sleep(0.1)
            measure(work, count, config)
        finally:
            simulator.stop()


def measure(work, count, config):
    """Starts an exporter, waits until it has synced all accounts once, and measures it."""
    port = free_port()
    begun = time.perf_counter()
    exporter = servers.Server(
        "this exporter", servers.exporter_command(port, config, work.new("storage")), work.new("exporter.log"), port)
    try:
        say(f"accounts: waiting until {count:,} are synced once")
        wait(exporter.base + "/-/ready", exporter.process, lambda status, _: status == 200, LONGEST_START)
        first = time.perf_counter() - begun
        syncing = exporter.process.cpu_seconds()
        lines, bytes_of_page = sample_lines(exporter.page()), len(exporter.page(gzip=True))
        failed = failures(exporter.page())
        exporter.process.forget_peak()
        say(f"accounts: scraping once a second for {DURATION} s")
        times, shares, used, seconds = watch(exporter, port)
        show(
            f"{count:,} accounts, a sync each five minutes, {DURATION} s",
            ["", ""],
            [
                ["share of one core, average", f"{100 * used / seconds:.2f} %"],
                ["share of one core, busiest 10 s", f"{100 * max(shares):.1f} %"],
                ["scrape (gzip) p50, ms", milliseconds(median(times))],
                ["scrape (gzip) p99, ms", milliseconds(sorted(times)[len(times) * 99 // 100])],
                ["scrape (gzip) longest, ms", milliseconds(max(times))],
                ["resident memory at the end, MiB", mebibytes(exporter.process.resident_bytes())],
                ["peak memory meanwhile, MiB", mebibytes(exporter.process.peak_bytes())],
                ["sample lines", f"{lines:,}"],
                ["bytes of a page, gzip", f"{bytes_of_page:,}"],
                ["first sync of all, s", number(first)],
                ["CPU s of that", number(syncing)],
                ["syncs that failed by then, and by the end", f"{failed:,}, {failures(exporter.page()):,}"],
            ])
    finally:
        exporter.stop()


def watch(exporter, port):
    """Scrapes once a second. Returns seconds per scrape, share of a core per ten seconds, CPU seconds, and seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times, shares = [], []
    begun = lap = time.perf_counter()
    before = lap_before = exporter.process.cpu_seconds()
    while (now := time.perf_counter()) < begun + DURATION:
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        response.read()
        times.append(time.perf_counter() - now)
        if response.status != 200:
            raise RuntimeError(f"a scrape returned status {response.status}")
        if time.perf_counter() >= lap + 10:
            used = exporter.process.cpu_seconds()
            shares.append((used - lap_before) / (time.perf_counter() - lap))
            lap, lap_before = time.perf_counter(), used
        time.sleep(max(0, begun + len(times) - time.perf_counter()))
    seconds, used = time.perf_counter() - begun, exporter.process.cpu_seconds() - before
    return times, shares or [used / seconds], used, seconds


def failures(page):
    """The number of failed syncs, from the exporter's own metrics."""
    return sum(
        int(float(line.rpartition(b" ")[2])) for line in page.splitlines()
        if line.startswith(b"genai_syncs_total{") and b'result="success"' not in line)
