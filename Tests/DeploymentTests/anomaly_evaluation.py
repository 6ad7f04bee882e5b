#!/usr/bin/env python3
"""Measures the forecast and the cost anomaly alert on simulated accounts with known surges, in a real Prometheus.

    anomaly_evaluation.py --seeds 11,12,13      # a year of each, about half a minute each

Evaluates the expressions of the rule files once an hour of simulated time, and the rule that GenAICostAnomaly used
before, for comparison. The thresholds of the rules were chosen with the seeds 1 to 4, so other seeds show what they are
worth. Prints the shares of false alerts and missed surges and the errors of the forecast; exits with 1 if the alert is
not better than the earlier rule on both, or the forecast not better than a straight line.
"""

import argparse
import collections
import datetime
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
import dashboard_queries
import promql
import usage_simulation
from usage_simulation import DAY, HOUR

RULES = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
FILES = ["recording-days.yml", "recording-history.yml", "recording-forecast.yml", "recording-anomaly.yml"]
ALERT = "GenAICostAnomaly"
# GenAICostAnomaly before it knew bands: twice the same weekday of last week, and 5 USD more.
FIXED = {
    "fixed:week_ago": """
        label_replace(
          provider_account_window:genai_window_cost_usd:sum{window="yesterday"} offset 6d, "window", "today", "", ""
        )
        or provider_account_window:genai_window_cost_usd:sum{window="yesterday"} offset 7d
    """,
    "fixed:alert": """
        max by (provider, account) (
          (provider_account_window:genai_window_cost_usd:sum - fixed:week_ago >= 5)
          and provider_account_window:genai_window_cost_usd:sum > 2 * fixed:week_ago
        )
    """,
    "fixed:straight_line": """
        sum by (provider, account) (provider_account_window:genai_window_cost_usd:sum{window="month_to_date"})
          * scalar(days_in_month() / clamp_min(day_of_month() - 1 + hour() / 24, 1))
    """,
}
# A year, after days that have no four weeks of history.
WARMUP = 36
START = datetime.date(2025, 1, 1) - datetime.timedelta(days=WARMUP)
DAYS = 365 + WARMUP
FORECAST_DAYS = [5, 10, 15, 20, 25]
NOON = 12


class Server:
    """A Prometheus on a folder of blocks, which only loads new ones when it starts."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        pathlib.Path(folder, "prometheus.yml").write_text("")

    def load(self, text):
        """Adds OpenMetrics text to the blocks."""
        path = pathlib.Path(self.folder, "chunk.om")
        with path.open("w") as file:
            for each in text:
                file.write(each)
        self.stop()
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration", "20000h", "-q"]
        subprocess.run([*command, str(path), f"{self.folder}/data"], check=True, stdout=subprocess.DEVNULL)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.process = subprocess.Popen(
            [
                "prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                "--storage.tsdb.retention.time=50y", f"--web.listen-address={self.address}", "--log.level=error",
                "--query.timeout=10m",
            ],
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def range(self, expression, start, end):
        """The labels and the (time, value) samples of each series, once an hour."""
        data = urllib.parse.urlencode({"query": expression, "start": start, "end": end, "step": HOUR}).encode()
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query_range", data, timeout=900) as response:
            result = json.load(response)["data"]["result"]
        # The sides of an `or` may differ in the name, which a recording rule replaces.
        series = collections.defaultdict(list)
        for one in result:
            labels = tuple((label, value) for label, value in sorted(one["metric"].items()) if label != "__name__")
            series[labels] += [(int(at), float(value)) for at, value in one["values"]]
        return [(dict(labels), sorted(samples)) for labels, samples in series.items()]


def rules():
    """The recorded expressions by name, and the alert's."""
    read = [rule for name in FILES for rule in dashboard_queries.read_rules(RULES, name)]
    recorded = {rule["name"]: rule["expr"] for rule in read if "balance" not in rule["name"]}
    alerts = {rule["name"]: rule["expr"] for rule in dashboard_queries.read_rules(RULES, "alerts-spend.yml")}
    return recorded | FIXED | {"alert": alerts[ALERT]}


def layers(expressions):
    """The names in layers: each reads only recorded series of the layers before it."""
    remaining, out = dict(expressions), []
    while remaining:
        layer = [
            name
            for name, expression in remaining.items()
            if not remaining.keys() & {each for one in promql.selectors(expression) for each in one.names()}
        ]
        out.append(layer)
        for name in layer:
            del remaining[name]
    return out


def evaluate(simulation):
    """The series of each rule, by name, over the simulated time."""
    expressions, series = rules(), {}
    start, end = simulation.epoch + 48 * HOUR, simulation.epoch + DAY * simulation.days - HOUR
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            server.load(simulation.open_metrics())
            for number, layer in enumerate(layers(expressions)):
                if number:
                    server.load(recorded(done, series))
                done = layer
                for name in layer:
                    series[name] = server.range(expressions[name], start, end)
        finally:
            server.stop()
    return series


def recorded(names, series):
    for name in names:
        yield f"# TYPE {name} gauge\n"
        for labels, samples in series[name]:
            text = ",".join(f'{label}="{value}"' for label, value in labels.items())
            yield "".join(f"{name}{{{text}}} {value!r} {at}\n" for at, value in samples)
    yield "# EOF\n"


class Alerts:
    """How often an alert was false or late, or missed a surge."""

    def __init__(self):
        self.days = self.false = self.surges = self.missed = 0
        self.by_share = collections.defaultdict(lambda: [0, 0])
        self.delays = []

    def add(self, simulation, series):
        firing = collections.defaultdict(set)
        for labels, samples in series:
            firing[labels["account"]] |= {(at - simulation.epoch) // HOUR for at, _ in samples}
        for account in simulation.accounts:
            hours = firing[account.name]
            days = {hour // 24 for hour in hours}
            surging = set()
            for surge in simulation.surges:
                if surge.account != account.name:
                    continue
                # The last day of a surge is shown as yesterday for another day.
                through = (surge.begin + surge.hours - 1) // 24 + 1
                surging |= set(range(surge.begin // 24, through + 1))
                if surge.begin < 24 * WARMUP:
                    continue
                first = min((hour for hour in hours if surge.begin <= hour < 24 * (through + 1)), default=None)
                self.surges += 1
                self.missed += first is None
                self.by_share[surge.share][0] += first is None
                self.by_share[surge.share][1] += 1
                if first is not None:
                    self.delays.append(first - surge.begin)
            quiet = set(range(WARMUP, simulation.days)) - surging
            self.days += len(quiet)
            self.false += len(quiet & days)

    def shares(self):
        return self.false / self.days, self.missed / self.surges

    def text(self):
        false, missed = self.shares()
        sizes = ", ".join(f"{share} days: {a}/{b}" for share, (a, b) in sorted(self.by_share.items()))
        return (
            f"false alerts on {false:.2%} of {self.days} account-days; missed {self.missed} of {self.surges} surges"
            f" ({missed:.1%}; by size {sizes}); median delay {statistics.median(self.delays):.0f} h"
        )


class Forecasts:
    """The forecasts at noon of some days of each month, compared with what the month cost."""

    def __init__(self):
        self.errors = collections.defaultdict(list)
        self.inside = collections.defaultdict(list)

    def add(self, simulation, series):
        total = {"forecast": "genai_cost_usd:forecast_month"}
        account = {"forecast": "provider_account:genai_cost_usd:forecast_month"}
        for kind in (total, account):
            kind |= {bound: f"{kind['forecast']}_{bound}" for bound in ("low", "high")}
        values = {
            name: {(labels.get("account"), at): value for labels, samples in series[name] for at, value in samples}
            for name in [*total.values(), *account.values(), "fixed:straight_line"]
        }
        names = [one.name for one in simulation.accounts]
        for day in range(WARMUP, simulation.days):
            number = simulation.date(day).day
            costs = {name: simulation.month_cost(name, day) for name in names}
            if number not in FORECAST_DAYS or None in costs.values():
                continue
            at = simulation.epoch + DAY * day + NOON * HOUR
            line = {name: values["fixed:straight_line"][name, at] for name in names}
            for name in names:
                self.one("account", number, costs[name], values, account, (name, at), line[name])
            self.one("total", number, sum(costs.values()), values, total, (None, at), sum(line.values()))

    def one(self, kind, number, cost, values, names, key, line):
        forecast, low, high = (values[names[each]][key] for each in ("forecast", "low", "high"))
        self.errors[kind, number, "forecast"].append(abs(forecast / cost - 1))
        self.errors[kind, number, "line"].append(abs(line / cost - 1))
        self.inside[kind, number].append(low <= cost <= high)

    def error(self, kind, method):
        return statistics.mean(
            error
            for (one, _, other), errors in self.errors.items()
            if (one, other) == (kind, method)
            for error in errors
        )

    def coverage(self, kind):
        return statistics.mean(inside for (one, _), all in self.inside.items() if one == kind for inside in all)

    def text(self):
        for kind in ("account", "total"):
            for number in FORECAST_DAYS:
                error, line = (statistics.mean(self.errors[kind, number, each]) for each in ("forecast", "line"))
                yield (
                    f"forecast of {kind} on day {number}: error {error:.1%} (straight line {line:.1%}),"
                    f" in range {statistics.mean(self.inside[kind, number]):.0%}"
                )
            yield (
                f"forecast of {kind}, all: error {self.error(kind, 'forecast'):.1%} (straight line"
                f" {self.error(kind, 'line'):.1%}), in range {self.coverage(kind):.0%}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", required=True, help="numbers with commas between them")
    arguments = parser.parse_args()
    banded, fixed, forecasts = Alerts(), Alerts(), Forecasts()
    for seed in arguments.seeds.split(","):
        simulation = usage_simulation.Simulation(int(seed), START, DAYS)
        series = evaluate(simulation)
        banded.add(simulation, series["alert"])
        fixed.add(simulation, series["fixed:alert"])
        forecasts.add(simulation, series)
    print(f"band: {banded.text()}\nfixed rule: {fixed.text()}", *forecasts.text(), sep="\n")
    claims = {
        "fewer false alerts and missed surges": all(
            new < old for new, old in zip(banded.shares(), fixed.shares())
        ),
        "smaller errors of the forecast": all(
            forecasts.error(kind, "forecast") < forecasts.error(kind, "line") for kind in ("account", "total")
        ),
        "a range of about four of five months": all(
            0.7 <= forecasts.coverage(kind) <= 0.98 for kind in ("account", "total")
        ),
    }
    for claim, correct in claims.items():
        if not correct:
            print(f"not so: {claim}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
