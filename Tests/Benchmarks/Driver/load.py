"""Scrapes at the maximum rate over a few persistent connections."""

import dataclasses
import json
import subprocess
import time

from http_client import get
from workplace import PEERS, run, setting

CONNECTIONS = setting("CONNECTIONS", 4)
THREADS = 2
SECONDS = setting("WRK_SECONDS", 3)
# Above this response time, in seconds, a server is measured over a number of requests instead of a duration.
SLOW = 0.5
# Requests per connection in that case.
REQUESTS = setting("REQUESTS", 2)


@dataclasses.dataclass
class Load:
    """Results of one round of one server."""

    requests: int
    # Requests per second.
    rate: float
    # Seconds.
    p50: float
    p99: float
    # CPU seconds of the server per request.
    cpu_seconds: float


def measure(server, gzip):
    """Measures one round."""
    once = min(get(server.url, gzip)[3] for _ in range(2))
    before = server.process.cpu_seconds()
    load = by_count(server, gzip) if once > SLOW and not server.is_copying else by_time(server, gzip, once)
    load.cpu_seconds = (server.process.cpu_seconds() - before) / load.requests
    server.process.check()
    return load


def by_time(server, gzip, once):
    """Runs wrk for at least a few seconds and a sufficient number of pages."""
    seconds = max(SECONDS, round(20 * once))
    header = ["-H", "Accept-Encoding: gzip"] if gzip else []
    output = run(
        "wrk", "--latency", "-t", THREADS, "-c", max(CONNECTIONS, THREADS), "-d", f"{seconds}s", "--timeout", "60s",
        *header, "-s", PEERS / "report.lua", server.url)
    report = json.loads(output.splitlines()[-1])
    if report["failures"]:
        raise RuntimeError(f"{server.name}: {report['failures']} of {report['requests']} scrapes failed")
    return Load(report["requests"], report["requests"] / report["seconds"], report["p50"], report["p99"], 0)


def by_count(server, gzip):
    """Runs one curl per connection, each with sequential requests."""
    header = ["-H", "Accept-Encoding: gzip"] if gzip else []
    command = [
        "curl", "-sS", "--fail", *header, "-o", "/dev/null", "-w", "%{time_total}\\n", f"{server.url}?[1-{REQUESTS}]",
    ]
    begun = time.perf_counter()
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(CONNECTIONS)]
    outputs = [client.communicate()[0] for client in clients]
    seconds = time.perf_counter() - begun
    times = sorted(float(line) for output in outputs for line in output.split())
    if any(client.returncode for client in clients) or len(times) != CONNECTIONS * REQUESTS:
        raise RuntimeError(f"{server.name}: scrapes failed")
    return Load(len(times), len(times) / seconds, times[len(times) // 2], times[-1], 0)
