#!/usr/bin/env python3
"""Lints the dashboards against Grafana's schema and this project's conventions, without a server.

    dashboard_lint.py --dashboards grafana/dashboards --readme grafana/README.md

Prints one line per finding; exits with 1 if there is any. Needs `jsonschema` and `promtool`. Applies the rules of
Grafana's dashboard linter where they make sense, and some of this project. Four of the linter's rules do not apply:
template-job-rule, template-instance-rule, target-job-rule and target-instance-rule require a job and an instance in
each query. Here people select accounts. Account labels come from the exporter, whatever job name a scrape config uses,
and a replica that becomes active under another instance must not split the curves.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema

sys.dont_write_bytecode = True
import promql

HERE = pathlib.Path(__file__).resolve().parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TITLE = "GenAI / "
TAGS = ["genai", "cost"]
# Grafana units in use here, besides its free forms `suffix:…` and `prefix:…`.
UNITS = {
    "Bps",
    "bytes",
    "currencyUSD",
    "d",
    "dateTimeAsIso",
    "dateTimeFromNow",
    "none",
    "percentunit",
    "reqpm",
    "s",
    "short",
}
# Grafana's built-in variables, with values for the grammar check.
BUILT_IN = {"__range": "7d", "__rate_interval": "5m", "__interval": "1m", "__all": ".*"}
# Families of the exporter's own work, which change with each scrape; the others change in the providers' steps.
OWN = re.compile(r"genai_(upstream_re|syncs_|exporter_)|process_")
# Counters that a table shows without a rate.
BARE_COUNTERS = {
    ("genai-cost", "Models new this week"): "a model that is new this week: its counter exactly equals the week's cost",
    ("genai-exporter", "Ledgers"): "totals of a ledger since its start, independent of the time range",
}
UNITS_IN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dashboards", required=True, type=pathlib.Path)
    parser.add_argument("--readme", type=pathlib.Path, help="where the families are listed that no dashboard shows")
    parser.add_argument("--families", default=HERE / "families.txt", type=pathlib.Path)
    parser.add_argument(
        "--rules", default=HERE.parents[1] / "deploy/prometheus/rules", type=pathlib.Path, help="what is recorded"
    )
    parser.add_argument("--schema", default=HERE / "dashboard.schema.json", type=pathlib.Path)
    parser.add_argument("--promtool", default="promtool")
    arguments = parser.parse_args()

    paths = sorted(arguments.dashboards.glob("*.json"))
    texts = {path: path.read_text() for path in paths}
    dashboards = {path: json.loads(text) for path, text in texts.items()}
    lint = Lint({dashboard["uid"]: dashboard for dashboard in dashboards.values()})
    if not paths:
        lint.find(str(arguments.dashboards), "no dashboards")
    validator = jsonschema.Draft202012Validator(json.loads(arguments.schema.read_text()))
    for path, dashboard in dashboards.items():
        lint.file(path, texts[path], dashboard)
        for error in validator.iter_errors(dashboard):
            for leaf in leaves(error):
                lint.find(dashboard["uid"], f"{'/'.join(map(str, leaf.absolute_path))}: {leaf.message[:300]}")
    if not lint.findings:
        for dashboard in dashboards.values():
            lint.dashboard(dashboard)
        lint.grammar(arguments.promtool)
        lint.replicas()
        lint.catalogue(arguments.families, arguments.rules, arguments.readme)
    for finding in lint.findings:
        print(finding)
    print(
        f"{len(paths)} dashboards, {len(lint.expressions)} expressions, {len(lint.findings)} findings", file=sys.stderr
    )
    return 1 if lint.findings else 0


def leaves(error):
    """The leaf errors of a failed alternative, from its best matching branch."""
    if not error.context:
        return [error]
    best = jsonschema.exceptions.best_match([error])
    return [best]


class Lint:
    def __init__(self, dashboards):
        self.dashboards = dashboards
        self.findings = []
        self.expressions = []  # (where, expression)
        self.used = set()

    def find(self, where, what):
        self.findings.append(f"{where}: {what}")

    def file(self, path, text, dashboard):
        if json.dumps(dashboard, indent=2, ensure_ascii=False, sort_keys=True) + "\n" != text:
            self.find(path.name, "not formatted: two spaces, keys in order, a newline at the end")
        if path.stem != dashboard["uid"]:
            self.find(path.name, f"holds the uid {dashboard['uid']}")

    def dashboard(self, dashboard):
        uid = dashboard["uid"]
        for key, value in (
            ("editable", False),  # template-uneditable-rule
            ("id", None),
            ("refresh", "5m"),
            ("tags", TAGS),
            ("time", {"from": "now-7d", "to": "now"}),
            ("timezone", "utc"),
        ):
            if dashboard.get(key) != value:
                self.find(uid, f"{key} is {dashboard.get(key)!r}, not {value!r}")
        if not dashboard["title"].startswith(TITLE):
            self.find(uid, f"the title does not begin with {TITLE!r}")
        if not dashboard.get("description"):
            self.find(uid, "no description")
        if not any(
            link["type"] == "dashboards"
            and link["asDropdown"]
            and link["includeVars"]
            and link["keepTime"]
            and set(link["tags"]) <= set(TAGS)
            for link in dashboard["links"]
        ):
            self.find(uid, "no link to the other dashboards that keeps time and variables")
        self.variables(uid, dashboard)
        for annotation in dashboard["annotations"]["list"]:
            self.source(f"{uid}: {annotation['name']}", annotation)
            self.expression(f"{uid}: {annotation['name']}", annotation["expr"])
        for name in ("Firing alerts", "Budget resets"):
            if name not in [annotation["name"] for annotation in dashboard["annotations"]["list"]]:
                self.find(uid, f"no annotation {name}")
        titles, ids = set(), set()
        for panel in dashboard["panels"]:
            where = f"{uid}: {panel['title']}"
            if panel["id"] in ids:
                self.find(where, f"the id {panel['id']} is used twice")
            if panel["title"] in titles:
                self.find(where, "the title is used twice")
            ids.add(panel["id"])
            titles.add(panel["title"])
            if panel["type"] != "row":
                self.panel(uid, where, panel)

    def variables(self, uid, dashboard):
        variables = dashboard["templating"]["list"]
        first = variables[0] if variables else {}
        # template-datasource-rule
        if (first.get("type"), first.get("name"), first.get("query"), first.get("label")) != (
            "datasource",
            "datasource",
            "prometheus",
            "Data source",
        ):
            self.find(uid, "the first variable is not the data source")
        text = json.dumps([dashboard["panels"], dashboard["annotations"], variables])
        before = []
        for variable in variables[1:]:
            where = f"{uid}: ${variable['name']}"
            self.source(where, variable)
            # template-on-time-change-reload-rule
            if variable["refresh"] != 2:
                self.find(where, "not refreshed when the time changes")
            if not variable["multi"] or not variable["includeAll"] or variable["allValue"] != ".*":
                self.find(where, "not multi with All as .*")
            if variable["definition"] != variable["query"]["query"]:
                self.find(where, "definition and query differ")
            # template-label-promql-rule
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            if not match or match.group(2) != variable["name"]:
                self.find(where, "not label_values of its own label")
                continue
            self.expression(where, match.group(1), held=False)
            for name in before:
                # A budget has no owner, and an owner no budget.
                if {name, variable["name"]} == {"budget", "owner"}:
                    continue
                if f'{name}=~"${name}"' not in match.group(1) and not (name == "key" and variable["name"] == "key"):
                    self.find(where, f"does not follow ${name}")
            before.append(variable["name"])
            if not re.search(rf"\${variable['name']}\b", json.dumps(dashboard["panels"])):
                self.find(where, "no panel uses it")
        known = {variable["name"] for variable in variables} | set(BUILT_IN)
        for name in set(re.findall(r"\$(\w+)", text)) - known:
            self.find(uid, f"${name} is not a variable")

    def panel(self, uid, where, panel):
        self.source(where, panel)  # panel-datasource-rule
        # panel-title-description-rule
        if not panel["description"].endswith("."):
            self.find(where, "the description is not a sentence")
        if len(panel["title"]) > panel["gridPos"]["w"] * 7:
            self.find(where, "the title does not fit")
        # panel-units-rule
        units = [panel["fieldConfig"]["defaults"]["unit"]]
        for override in panel["fieldConfig"]["overrides"]:
            units += [each["value"] for each in override["properties"] if each["id"] == "unit"]
        for unit in units:
            if unit not in UNITS and not re.match(r"(suffix|prefix):.", unit):
                self.find(where, f"the unit {unit} is not in the list of known units")
        if panel["type"] == "table":
            self.table(where, panel)
        if panel["type"] in ("timeseries", "heatmap", "state-timeline") and "interval" not in panel:
            self.find(where, "no minimum interval")
        references = [target["refId"] for target in panel["targets"]]
        if len(references) != len(set(references)):
            self.find(where, "a refId is used twice")
        for target in panel["targets"]:
            name = f"{where} {target['refId']}"
            self.source(name, target)
            if target.get("hide"):
                self.find(name, "hidden")
            if target["instant"] == target["range"]:
                self.find(name, "neither or both of instant and range")
            if panel["type"] == "table" and (target["format"] != "table" or not target["instant"]):
                self.find(name, "not an instant table")
            if panel["type"] == "timeseries" and len(target["legendFormat"]) == 0:
                self.find(name, "no legend")
            # A budget of several accounts has neither label, and its series may appear only after hours of data.
            if "genai_budget_" in target["expr"] and re.search(r"{{ *(provider|account) *}}", target["legendFormat"]):
                self.find(name, "the legend of a budget needs label_join: budgets of several accounts have no account")
            self.expression(name, target["expr"])
            self.windows(uid, name, panel, target)
        for link in self.links(panel):
            self.link(where, link)

    def table(self, where, panel):
        """Checks that every value has a unit and every column a heading."""
        options = next((each["options"] for each in panel["transformations"] if each["id"] == "organize"), None)
        if options is None:
            self.find(where, "the columns are in no order")
            return
        overrides = {
            override["matcher"]["options"]: [each["id"] for each in override["properties"]]
            for override in panel["fieldConfig"]["overrides"]
        }
        for heading in options["renameByName"].values():
            if "unit" not in overrides.get(heading, []):
                self.find(where, f"no unit for {heading}")
        for column in options["indexByName"]:
            if not column.startswith("Value") and not {"displayName", "custom.hidden"} & set(overrides.get(column, [])):
                self.find(where, f"no heading for {column}")
        for sort in panel["options"].get("sortBy", []):
            shown = set(options["renameByName"].values()) | {
                each["value"]
                for override in panel["fieldConfig"]["overrides"]
                for each in override["properties"]
                if each["id"] == "displayName"
            }
            if sort["displayName"] not in shown:
                self.find(where, f"sorted by {sort['displayName']}, which is not a column")

    def source(self, where, holder):
        if holder.get("datasource") != DATASOURCE:
            self.find(where, "another data source than the variable's")

    def expression(self, where, expression, held=True):
        self.expressions.append((where, expression))
        for selector in promql.selectors(expression):
            for name in selector.names():
                self.used.add(name)
                # target-required-matchers-rule, with this project's labels
                for label in ("provider", "account"):
                    of_account = name.startswith("genai_") and not name.startswith("genai_exporter_")
                    if held and of_account and (label, "=~", f"${label}") not in selector.matchers:
                        self.find(where, f"{selector.text} is not held to ${label}")
                if name.startswith("genai_window_") and "window" not in [label for label, _, _ in selector.matchers]:
                    self.find(where, f"{selector.text} mixes windows")

    def windows(self, uid, where, panel, target):
        """Applies target-rate-interval-rule, target-counter-agg-rule and target-histogram-rule to sources with steps."""
        interval = seconds(panel.get("interval", "0s"))
        if re.search(r"\birate\(|\bidelta\(", target["expr"]):
            self.find(where, "irate sees one step of a provider at most")
        for selector in promql.selectors(target["expr"]):
            name, window = (selector.names() or ["?"])[0], selector.window
            if window is None:
                counter = name.endswith("_total") or re.search(r"_seconds_(bucket|count|sum)$", name)
                if counter and (uid, panel["title"]) not in BARE_COUNTERS:
                    self.find(where, f"the counter {selector.text} without a window")
                continue
            if window == "$__rate_interval":
                if target["instant"]:
                    self.find(where, "$__rate_interval in an instant query")
                if interval < 3600 and not OWN.match(name):
                    self.find(where, "a rate over less than an hour of a provider's figures")
            elif window == "$__range":
                if target["range"] and "@ end()" not in target["expr"]:
                    self.find(where, "$__range at every step")
            elif seconds(window) < 3600:
                self.find(where, f"a window of {window}")
            elif target["range"] and seconds(window) < interval:
                self.find(where, f"a window of {window} leaves gaps between steps of {panel['interval']}")

    def links(self, panel):
        yield from panel["fieldConfig"]["defaults"].get("links", [])
        for override in panel["fieldConfig"]["overrides"]:
            for each in override["properties"]:
                if each["id"] == "links":
                    yield from each["value"]

    def link(self, where, link):
        match = re.match(r"/d/([\w-]+)\?(.*)$", link["url"])
        if not match or match.group(1) not in self.dashboards:
            self.find(where, f"the link {link['url']} leads to no dashboard")
            return
        parts = match.group(2).split("&")
        if "${__url_time_range}" not in parts:
            self.find(where, f"the link {link['title']} forgets the time")
        names = {variable["name"] for variable in self.dashboards[match.group(1)]["templating"]["list"]}
        for part in parts:
            variable = re.match(r"var-(\w+)=", part)
            if variable and variable.group(1) not in names:
                self.find(
                    where, f"the link {link['title']} sets ${variable.group(1)}, which {match.group(1)} does not have"
                )

    def grammar(self, promtool):
        """target-promql-rule: promtool parses each expression as a recording rule."""
        groups = []
        for number, (where, expression) in enumerate(self.expressions):
            text = re.sub(r"\$(\w+)", lambda match: BUILT_IN.get(match.group(1), ".*"), expression)
            groups.append({"name": f"{number} {where}", "rules": [{"record": "expression", "expr": text}]})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rules.yml"
            path.write_text(json.dumps({"groups": groups}))
            done = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True)
        if done.returncode:
            for line in (done.stderr + done.stdout).splitlines():
                if "error" in line or "group" in line:
                    self.find("promql", line.strip())

    def replicas(self):
        """Checks for `max by`, so that a series scraped twice (two replicas, /metrics and /probe) counts once."""
        sums = re.compile(
            r"\b(?:sum|count|avg)(?: (?:by|without) \([^)]*\))? ?"
            r"\(\s*(?:increase|rate|last_over_time)?\(?\s*(genai_(?!exporter_)\w+)"
        )
        for where, expression in self.expressions:
            for match in sums.finditer(expression):
                self.find(where, f"{match.group(1)} counts twice where it is scraped twice: no `max by` of its labels")

    def catalogue(self, families, rules, readme):
        """Checks that every family is shown, or that the README gives a reason."""
        lines = [line.split("#")[0].strip() for line in families.read_text().splitlines()]
        known = {line for line in lines if line}
        used = {re.sub(r"_(bucket|sum|count)$", "", name) if name not in known else name for name in self.used}
        recorded = {
            name for path in rules.glob("*.yml") for name in re.findall(r"- record: (\S+)", path.read_text())
        }
        for name in sorted(used - known - recorded - {"ALERTS"}):
            self.find("catalogue", f"unknown metric {name}")
        left_out = set()
        if readme:
            section = readme.read_text().partition("## Not shown")[2].partition("\n## ")[0]
            left_out = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for name in sorted(known - used - left_out):
            self.find("catalogue", f"{name} is shown nowhere, and the README does not say why")
        for name in sorted(left_out & used):
            self.find("catalogue", f"{name} is shown, though the README says that it is not")
        for name in sorted(left_out - known):
            self.find("catalogue", f"the README names {name}, which is no family")


def seconds(text):
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    return int(match.group(1)) * UNITS_IN_SECONDS[match.group(2)] if match else 0


if __name__ == "__main__":
    sys.exit(main())
