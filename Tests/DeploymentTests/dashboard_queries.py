#!/usr/bin/env python3
"""Evaluates every dashboard query and every rule with a Prometheus that has the demo's data.

    dashboard_queries.py --prometheus http://127.0.0.1:9090 --dashboards grafana/dashboards \
        --rules deploy/prometheus/rules --at 1700000000

Prints one line per finding; exits with 1 if there is any. Findings are: an error; an empty result without a reason in
the expected-empty file; an entry of that file whose result is not empty; NaN or Inf; a metric that is not in the
catalogue; a legend or a table column whose label the result does not have; panels that overlap.

The variables are set as in Grafana: All, one value, several values. Each list is queried with the preceding selections,
so that only combinations that the dashboard offers are tried. With one or several values a query may be empty if one of
its selectors has no series for them, or if a counter did not increase; with All it must not be empty.
"""

import argparse
import json
import math
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
import promql

HERE = pathlib.Path(__file__).resolve().parent
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
ALL = "$__all"
# Grafana's rounding of computed intervals: (below this many seconds, use this).
ROUNDED = [
    (0.015, 0.01),
    (0.035, 0.02),
    (0.075, 0.05),
    (0.15, 0.1),
    (0.35, 0.2),
    (0.75, 0.5),
    (1.5, 1),
    (3.5, 2),
    (7.5, 5),
    (12.5, 10),
    (17.5, 15),
    (25, 20),
    (45, 30),
    (90, 60),
    (210, 120),
    (450, 300),
    (750, 600),
    (1050, 900),
    (1500, 1200),
    (2700, 1800),
    (5400, 3600),
    (9000, 7200),
    (16200, 10800),
    (32400, 21600),
    (86400, 43200),
    (604800, 86400),
    (1814400, 604800),
    (3628800, 2592000),
]


def main():
    arguments = parse_arguments()
    prometheus = Prometheus(arguments.prometheus, arguments.at)
    check = Check(prometheus, arguments)
    for path in sorted(pathlib.Path(arguments.dashboards).glob("*.json")):
        check.dashboard(json.loads(path.read_text()))
    if arguments.rules:
        check.rules(pathlib.Path(arguments.rules))
    check.expectations()
    for finding in check.findings:
        print(finding)
    print(
        f"{check.evaluated} queries evaluated at {arguments.at}, {len(check.findings)} findings",
        file=sys.stderr,
    )
    return 1 if check.findings else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--prometheus", required=True, help="address of the Prometheus server")
    parser.add_argument("--dashboards", required=True, help="folder of the dashboards' JSON")
    parser.add_argument("--rules", help="folder of the rule files")
    parser.add_argument("--at", required=True, type=float, help="the time of evaluation, UNIX seconds")
    parser.add_argument("--expected-empty", default=HERE / "expected-empty.json", type=pathlib.Path)
    parser.add_argument(
        "--families", default=HERE / "families.txt", type=pathlib.Path, help="the catalogue: a name a line"
    )
    parser.add_argument(
        "--metrics", help="address or file of a /metrics page: every family on it must be in the catalogue"
    )
    parser.add_argument("--scrape-interval", default="60s", help="the data source's, as provisioned")
    return parser.parse_args()


class Prometheus:
    """The HTTP API, queried at a fixed time."""

    def __init__(self, address, at):
        self.address = address.rstrip("/")
        self.at = at
        self.cache = {}

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        key = path + "?" + query
        if key not in self.cache:
            request = (
                urllib.request.Request(f"{self.address}/api/v1/{path}", data=query.encode())
                if path.startswith("query")
                else urllib.request.Request(f"{self.address}/api/v1/{key}")
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    self.cache[key] = json.load(response)
            except urllib.error.HTTPError as error:
                body = error.read().decode(errors="replace")
                try:
                    self.cache[key] = json.loads(body)
                except ValueError:
                    self.cache[key] = {"status": "error", "error": f"HTTP {error.code}"}
        response = self.cache[key]
        if response.get("status") != "success":
            raise QueryError(response.get("error", "no reason given"))
        return response["data"]

    def instant(self, expression):
        data = self.get("query", query=expression, time=self.at)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "values": [data["result"]]}]
        return [{"metric": one["metric"], "values": [one["value"]]} for one in data["result"]]

    def range(self, expression, start, end, step):
        return self.get("query_range", query=expression, start=start, end=end, step=step)["result"]

    def label_values(self, label, selector, seconds):
        parameters = {"start": self.at - seconds, "end": self.at}
        if selector:
            parameters["match[]"] = selector
        return self.get(f"label/{label}/values", **parameters)

    def has_series(self, selector, seconds):
        return bool(self.get("series", **{"match[]": selector, "start": self.at - seconds, "end": self.at, "limit": 1}))

    def moved(self, selector, seconds):
        """Whether the selector has any series; for a counter, whether any has increased."""
        if selector.window and re.search(r"(_total|_bucket|_count|_sum)$", selector.names()[0]):
            return bool(self.instant(f"sum(increase({selector.text}[{int(seconds)}s])) > 0"))
        return self.has_series(selector.text, seconds)


class QueryError(Exception):
    pass


class Check:
    def __init__(self, prometheus, arguments):
        self.prometheus = prometheus
        self.scrape = seconds(arguments.scrape_interval)
        self.findings = []
        self.evaluated = 0
        self.families = read_families(arguments.families)
        self.recorded = {}
        expected = json.loads(arguments.expected_empty.read_text())
        self.expected = expected["queries"]
        self.absent = expected["families"]
        self.used = set()
        if arguments.metrics:
            self.metrics_page(arguments.metrics)
        if arguments.rules:
            self.recorded = {
                rule["name"]: rule for rule in read_rules(pathlib.Path(arguments.rules)) if rule["kind"] == "record"
            }

    def find(self, where, what):
        line = f"{where}: {what}"
        if line not in self.findings:
            self.findings.append(line)

    # The catalogue

    def metrics_page(self, source):
        if "://" in source:
            with urllib.request.urlopen(source, timeout=60) as response:
                text = response.read().decode()
        else:
            text = pathlib.Path(source).read_text()
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
            counter = kind == "counter" and not name.endswith("_total")
            name = name + "_total" if counter else name
            if name not in self.families:
                self.find("catalogue", f"{name} is served but not in the list of families")

    def known(self, name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return name in self.families or base in self.families or name in self.recorded or name in ("ALERTS", "up")

    def names(self, where, expression):
        for selector in promql.selectors(expression):
            names = selector.names()
            if not names:
                self.find(where, f"a selector without a metric name: {selector.text}")
            for name in names:
                if not self.known(name):
                    self.find(where, f"unknown metric {name}")

    # Dashboards

    def dashboard(self, dashboard):
        uid = dashboard["uid"]
        self.overlaps(uid, dashboard["panels"])
        span = range_seconds(dashboard["time"], self.prometheus.at)
        fillings = self.fillings(uid, dashboard["templating"]["list"], span)
        for annotation in dashboard["annotations"]["list"]:
            target = {"expr": annotation["expr"], "range": True, "refId": "annotation", "legendFormat": ""}
            panel = {
                "title": annotation["name"],
                "type": "annotation",
                "interval": annotation["step"],
                "gridPos": {"w": 24},
            }
            for filling in fillings:
                self.target(uid, panel, target, filling, dashboard["time"])
        for panel in dashboard["panels"]:
            for filling in fillings:
                results = [
                    self.target(uid, panel, target, filling, dashboard["time"]) for target in panel.get("targets", [])
                ]
                if panel["type"] == "table" and filling["name"] == "All":
                    self.columns(uid, panel, results)

    def overlaps(self, uid, panels):
        taken = {}
        for panel in panels:
            position = panel["gridPos"]
            if position["x"] + position["w"] > 24:
                self.find(f"{uid}: {panel['title']}", "reaches beyond the 24 columns")
            for x in range(position["x"], position["x"] + position["w"]):
                for y in range(position["y"], position["y"] + position["h"]):
                    other = taken.setdefault((x, y), panel["title"])
                    if other != panel["title"]:
                        self.find(f"{uid}: {panel['title']}", f"overlaps {other}")

    def fillings(self, uid, variables, span):
        """The sets of variable values: a name, the values by variable, and their texts in a query."""
        variables = [variable for variable in variables if variable["type"] == "query"]
        out = [self.chain(uid, variables, span, "All", lambda variable, values, chosen: ALL)]
        for variable in variables:
            if not self.values(uid, variable, {name["name"]: ALL for name in variables}, span):
                self.find(f"{uid}: ${variable['name']}", "no values")
        if any(variable["name"] == "account" for variable in variables):
            for account in self.prometheus.label_values("account", "genai_up", span):
                provider = self.prometheus.label_values("provider", f'genai_up{{account="{account}"}}', span)[0]
                fixed = {"provider": [provider], "account": [account]}
                out.append(
                    self.chain(
                        uid, variables, span, f"account {account}", lambda v, values, c: fixed.get(v["name"], ALL)
                    )
                )
                out.append(
                    self.chain(
                        uid,
                        variables,
                        span,
                        f"one of {account}",
                        lambda v, values, c: fixed.get(v["name"]) or values[:1] or ALL,
                    )
                )
        out.append(self.chain(uid, variables, span, "first two", lambda v, values, c: values[:2] or ALL))
        out.append(self.chain(uid, variables, span, "last two", lambda v, values, c: values[-2:] or ALL))
        return out

    def chain(self, uid, variables, span, name, choose):
        chosen = {}
        for variable in variables:
            chosen[variable["name"]] = choose(variable, self.values(uid, variable, chosen, span), chosen)
        return {
            "name": name,
            "texts": {variable["name"]: text_of(chosen[variable["name"]], variable) for variable in variables},
        }

    def values(self, uid, variable, chosen, span):
        match = re.fullmatch(
            r"label_values\((?:(.+),\s*)?([A-Za-z_][A-Za-z0-9_]*)\)", variable["query"]["query"].strip()
        )
        where = f"{uid}: ${variable['name']}"
        if not match:
            self.find(where, "a query that this check cannot resolve")
            return []
        selector, label = match.groups()
        if selector:
            self.names(where, selector)
        texts = {name: text_of(value, {"allValue": ".*"}) for name, value in chosen.items()}
        try:
            values = self.prometheus.label_values(label, selector and interpolate(selector, texts), span)
        except QueryError as error:
            self.find(where, str(error))
            return []
        return sorted(values)

    def target(self, uid, panel, target, filling, time):
        """Evaluates one target. Returns the result, or None after an error."""
        where = f"{uid}: {panel['title']} {target['refId']}"
        self.names(where, target["expr"])
        start, end = panel_range(panel, time, self.prometheus.at)
        points = panel.get("maxDataPoints") or panel["gridPos"]["w"] * 60
        step = max(
            round_interval((end - start) / points), seconds(target.get("interval") or panel.get("interval") or "1s")
        )
        rate = max(step + self.scrape, 4 * self.scrape)
        texts = {
            **filling["texts"],
            "__range": f"{int(end - start)}s",
            "__range_s": str(int(end - start)),
            "__interval": f"{int(step)}s",
            "__rate_interval": f"{int(rate)}s",
            "__from": str(int(start * 1000)),
            "__to": str(int(end * 1000)),
        }
        expression = interpolate(target["expr"], texts)
        self.evaluated += 1
        try:
            if target.get("instant"):
                result = self.prometheus.instant(expression)
            else:
                # Grafana aligns steps to multiples of the step, so a step of a day must begin at midnight.
                first = start // step * step if step >= 86400 else end - (end - start) // step * step
                result = self.prometheus.range(expression, first, end, step)
        except QueryError as error:
            self.find(where, f"({filling['name']}) {error}")
            return None
        self.emptiness(where, uid, panel, target, filling, expression, result, end - start)
        self.values_and_legend(where, target, filling, result)
        return result

    def emptiness(self, where, uid, panel, target, filling, expression, result, span):
        entry = next(
            (
                entry
                for entry in self.expected
                if (entry["dashboard"], entry["panel"], entry["query"]) == (uid, panel["title"], target["refId"])
                or entry["dashboard"] == "*"
                and (entry["panel"], entry["query"]) == (panel["title"], target["refId"])
            ),
            None,
        )
        if entry is not None:
            self.used.add(id(entry))
        if filling["name"] == "All":
            if entry is not None and "while_empty" in entry and self.prometheus.instant(entry["while_empty"]):
                entry = None
            if result and entry is not None:
                self.find(where, "expected to be empty, but it is not")
            if not result and entry is None:
                self.find(where, "empty")
        elif not result and entry is None:
            if all(self.prometheus.moved(selector, span) for selector in promql.selectors(expression)):
                self.find(where, f"({filling['name']}) empty, though every selector has series: {expression}")

    def values_and_legend(self, where, target, filling, result):
        labels = re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", ""))
        for series in result:
            for _, value in series["values"]:
                if not math.isfinite(float(value)):
                    self.find(where, f"({filling['name']}) the value {value} of {series['metric']}")
                    break
            for label in labels:
                if not series["metric"].get(label):
                    self.find(where, f"({filling['name']}) the legend's label {label} is missing in {series['metric']}")

    def columns(self, uid, panel, results):
        """Checks that the columns named by a table's transformations and overrides exist."""
        where = f"{uid}: {panel['title']}"
        columns = {"Time"}
        if len(results) > 1:
            columns |= {f"Value #{target['refId']}" for target in panel["targets"]}
        else:
            columns.add("Value")
        labels = {label for result in results for series in result or [] for label in series["metric"]}
        if not labels and all(not result for result in results):
            return
        columns |= labels
        renamed = {}
        for transformation in panel.get("transformations", []):
            if transformation["id"] != "organize":
                continue
            options = transformation["options"]
            renamed = options["renameByName"]
            for name in [*options["excludeByName"], *options["indexByName"], *renamed]:
                if name not in columns:
                    self.find(where, f"there is no column {name}")
            left = columns - set(options["excludeByName"]) - set(options["indexByName"])
            for name in sorted(left):
                self.find(where, f"the column {name} has no position")
        for override in panel["fieldConfig"]["overrides"]:
            name = override["matcher"]["options"]
            if override["matcher"]["id"] == "byName" and name not in columns and name not in renamed.values():
                self.find(where, f"an override for a column that is not there: {name}")

    # Rules

    def rules(self, folder):
        unseen = {entry["panel"] for entry in self.expected if entry["dashboard"] == "rules"} | set(self.absent)
        for rule in read_rules(folder):
            where = f"rules: {rule['name']}"
            self.names(where, rule["expr"])
            self.evaluated += 1
            try:
                result = self.prometheus.instant(rule["expr"])
            except QueryError as error:
                self.find(where, str(error))
                continue
            panel = {"title": rule["name"]}
            target = {"refId": rule["kind"]}
            if rule["kind"] == "record":
                self.emptiness(where, "rules", panel, target, {"name": "All"}, rule["expr"], result, 86400)
            for series in result:
                if not math.isfinite(float(series["values"][0][1])):
                    self.find(where, f"the value {series['values'][0][1]} of {series['metric']}")
            for selector in promql.selectors(rule["expr"]):
                for name in selector.names():
                    # A rule for absent series has nothing to check.
                    if name in unseen or name == "ALERTS" or "absent" in rule["expr"]:
                        continue
                    if not self.prometheus.has_series(name, 604800):
                        self.find(where, f"no series of {name}")

    # Expected empty results

    def expectations(self):
        for entry in self.expected:
            if id(entry) not in self.used and not (entry["dashboard"] == "rules" and not self.recorded):
                self.find("expected empty", f"no such query: {entry['dashboard']}: {entry['panel']} {entry['query']}")
        for name, reason in self.absent.items():
            if not self.known(name):
                self.find("expected empty", f"unknown metric {name}")
            elif self.prometheus.has_series(name, 604800):
                self.find("expected empty", f"{name} has series, though the list says: {reason}")


def text_of(value, variable):
    """A variable's value in a query, as written by Grafana's Prometheus data source."""
    if value == ALL:
        return variable.get("allValue") or ".*"
    words = [re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", word.replace("\\", "\\\\\\\\")) for word in value]
    return words[0] if len(words) == 1 else "(" + "|".join(words) + ")"


def interpolate(expression, texts):
    return re.sub(
        r"\$\{(\w+)(?::\w+)?\}|\$(\w+)",
        lambda match: texts.get(match.group(1) or match.group(2), match.group()),
        expression,
    )


def seconds(text):
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|[smhdwMy])", text)
    return float(match.group(1)) * UNITS[match.group(2)]


def moment(text, now):
    """The timestamp of a relative time: now, now-7d, now/d, now-1d/d."""
    match = re.fullmatch(r"now(?:-(\d+)([smhdwMy]))?(?:/([hd]))?", text)
    if not match:
        raise ValueError(f"a time that this check cannot read: {text}")
    number, unit, whole = match.groups()
    value = now - int(number or 0) * UNITS[unit or "s"]
    return value // UNITS[whole] * UNITS[whole] if whole else value


def range_seconds(time, now):
    return moment(time["to"], now) - moment(time["from"], now)


def panel_range(panel, time, now):
    override = panel.get("timeFrom")
    start = override and (override if override.startswith("now") else f"now-{override}")
    return moment(start or time["from"], now), moment("now" if start else time["to"], now)


def round_interval(value):
    return next((rounded for limit, rounded in ROUNDED if value < limit), 31536000)


def read_families(path):
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {line for line in lines if line}


def read_rules(folder, pattern="*.yml"):
    """The kind, name and expression of each rule. Supports only the YAML syntax used in rule files."""
    out = []
    for path in sorted(folder.glob(pattern)):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            match = re.match(r"(\s*)-\s+(alert|record):\s*(\S+)\s*(?:#.*)?$", line)
            if not match:
                continue
            indent = len(match.group(1)) + 2
            expression = rule_expression(lines[number + 1 :], indent)
            if expression is None:
                raise SystemExit(f"{path}:{number + 1}: a rule without an expression")
            out.append({"kind": match.group(2), "name": match.group(3).strip("\"'"), "expr": expression})
        if len(re.findall(r"^\s*expr:", "\n".join(lines), re.MULTILINE)) != sum(
            1 for line in lines if re.match(r"\s*-\s+(alert|record):", line)
        ):
            raise SystemExit(f"{path}: not every rule could be read: each must begin with its name")
    return out


def rule_expression(lines, indent):
    for number, line in enumerate(lines):
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            return None
        match = re.match(r"\s*expr:\s*(.*)$", line)
        if not match or len(line) - len(line.lstrip()) != indent:
            continue
        first = match.group(1).strip()
        more = []
        for following in lines[number + 1 :]:
            if following.strip() and len(following) - len(following.lstrip()) <= indent:
                break
            more.append(following.strip())
        if re.fullmatch(r"[|>][+-]?", first):
            return "\n".join(more).strip()
        text = " ".join([first, *more]).strip()
        if text[:1] == "'" and text[-1:] == "'":
            return text[1:-1].replace("''", "'")
        if text[:1] == '"' and text[-1:] == '"':
            return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return text
    return None


if __name__ == "__main__":
    sys.exit(main())
