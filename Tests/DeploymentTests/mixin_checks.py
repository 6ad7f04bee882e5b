#!/usr/bin/env python3
"""Checks of deploy/mixin: `mixin_checks.py CHECK` prints what is wrong, and exits with 1 if anything is."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import _gojsonnet
import jsonschema
import yaml

sys.dont_write_bytecode = True
import dashboard_lint
import promql

ROOT = Path(__file__).resolve().parents[2]
MIXIN = ROOT / "deploy/mixin"
RULES = "deploy/prometheus/rules"
TESTS = "deploy/prometheus/tests"
DASHBOARDS = "grafana/dashboards"
Problems = list[str]
Groups = list[dict[str, Any]]

# A value for each threshold that is not its default. The unit tests' figures are beyond these thresholds too.
CHANGED = {
    "budgetBurnFast": 12.5, "budgetBurnFastBefore": 5.5, "budgetBurnMedium": 5.6, "budgetBurnMediumBefore": 3.1,
    "budgetBurnSlow": 3.2, "budgetNearlyExhausted": 0.85, "creditBudgetNearlyExhausted": 0.91,
    "budgetThresholdCritical": 1.1, "spendingNotAllowedDays": 8, "balanceRunwayShortDays": 4,
    "balanceNearlyEmptyHours": 11, "costAnomalyUsd": 6, "costAnomalyAccountRatio": 1.3, "newExpensiveModelUsd": 11,
    "costWithoutOwner": 0.06, "successErrorBudget": 0.04, "successBurnFast": 11, "successBurnSlow": 4.5,
    "throttled": 0.08, "minimumRequests": 15, "rateLimitNearlyExhausted": 0.82, "planExpiresSoonDays": 2.5,
    "keyExpiresSoonDays": 6.5, "planExpiredDays": 5, "keyExpiredDays": 4, "keyDeactivatedDays": 2,
    "allowanceNearlyUsed": 0.09, "allowanceNearlyUsedHours": 3, "syncStaleHours": 2, "syncOverdueHours": 1.5,
    "dataStoppedHours": 7, "dataStoppedIntervals": 4, "usageStoppedRequests": 90, "upstreamSunsetDays": 20,
    "reconciliationUsd": 2, "correctionUsd": 0.02, "snapshotStaleIntervals": 3, "digestHour": 9,
    "weeklyDigestWeekday": 2,
}  # fmt: skip
# Those whose figures stay beyond the changed thresholds and that take seconds.
CHANGED_TESTS = ["balances", "budgets-burn", "limits", "owners", "reliability"]


def evaluate(config: dict[str, Any], output: str) -> Any:
    """The mixin's field, with a merged `_config`."""
    given = json.dumps(config)
    for name in ("thresholds", "alertFor"):
        given = given.replace(f'"{name}":', f'"{name}"+:')
    mixin = json.dumps(str(MIXIN / "mixin.libsonnet"))
    text = _gojsonnet.evaluate_snippet("check", f"((import {mixin}) + {{ _config+:: {given} }}).{output}")
    return json.loads(text)


def groups_of(files: dict[str, Any]) -> Groups:
    texts = [files[name] for name in sorted(files) if name.startswith(RULES)]
    return [group for text in texts for group in yaml.safe_load(text)["groups"]]


def rules_of(groups: Groups) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"]]


def named(rules: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [rule for rule in rules if name in (rule.get("alert"), rule.get("record"))]


def promtool(*arguments: str | Path) -> Problems:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def write(files: dict[str, Any], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def rules_pass(folder: Path) -> Problems:
    return promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted((folder / RULES).glob("*.yml")))


def output() -> Problems:
    """`generate` writes exactly the committed files."""
    committed = {
        str(path.relative_to(ROOT))
        for folder, pattern in ((RULES, "*.yml"), (TESTS, "*.yml"), (DASHBOARDS, "*.json"))
        for path in (ROOT / folder).glob(pattern)
    } | {"deploy/kubernetes/monitoring/prometheusrule.yaml"}
    problems: Problems = []
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([MIXIN / "generate", folder], capture_output=True, text=True)
        if done.returncode != 0:
            return [done.stderr]
        written = {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
        problems += [f"{name}: add it to deploy/mixin/sources.libsonnet" for name in sorted(committed - written)]
        for name in sorted(written):
            if (Path(folder) / name).read_bytes() != (ROOT / name).read_bytes():
                problems.append(f"{name} differs from the mixin's output: run deploy/mixin/generate")
    return problems


def defaults() -> Problems:
    """A default that is edited reaches the files that the mixin reads, which it can read again, and back."""
    problems: Problems = []
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        for folder in ("deploy/mixin", "deploy/prometheus", "deploy/kubernetes", DASHBOARDS):
            shutil.copytree(ROOT / folder, copy / folder)
        config = copy / "deploy/mixin/config.libsonnet"
        original = config.read_text()
        changed = original
        for name, value in CHANGED.items():
            changed = re.sub(rf"\b{name}: [\d.]+,", f"{name}: {value},", changed)

        def generated(text: str) -> dict[str, bytes]:
            config.write_text(text)
            done = subprocess.run([copy / "deploy/mixin/generate"], capture_output=True, text=True)
            problems.extend([done.stderr] if done.returncode != 0 else [])
            paths = (path for path in copy.rglob("*") if path.is_file() and "mixin" not in path.parts)
            return {str(path.relative_to(copy)): path.read_bytes() for path in paths}

        once, twice, back = generated(changed), generated(changed), generated(original)
        problems += [f"{name} differs when it is generated again" for name in once if once[name] != twice[name]]
        problems += [
            f"{name} does not return to the original default"
            for name, data in back.items()
            if data != (ROOT / name).read_bytes()
        ]
        if sum(once[name] != back[name] for name in back) < 15:
            problems.append("the changed defaults are in too few files")
    return problems


def imported() -> Problems:
    """The fields of a mixin have the groups and dashboards of the files."""
    parts = evaluate({}, "prometheusAlerts"), evaluate({}, "prometheusRules")
    groups = [group for part in parts for group in part["groups"]]
    files = groups_of({f"{RULES}/{path.name}": path.read_text() for path in (ROOT / RULES).glob("*.yml")})
    problems = []
    if sorted(groups, key=lambda group: group["name"]) != sorted(files, key=lambda group: group["name"]):
        problems.append("prometheusAlerts and prometheusRules are not the groups of deploy/prometheus/rules")
    if any("alert" in rule for rule in rules_of(parts[1]["groups"])):
        problems.append("prometheusRules has alerts")
    dashboards = {path.name: json.loads(path.read_text()) for path in (ROOT / DASHBOARDS).glob("*.json")}
    if evaluate({}, "grafanaDashboards") != dashboards:
        problems.append("grafanaDashboards are not the files of grafana/dashboards")
    return problems


def table(heading: str) -> list[list[str]]:
    """The cells of the README's table below a heading, without backticks."""
    section = (MIXIN / "README.md").read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = section.partition("\n|---")[2].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return [[cell.replace("`", "") for cell in row] for row in rows]


def numbers(expression: str) -> set[float]:
    """The numbers of an expression, also those of windows and offsets."""
    found = [text.strip("[]") for kind, text in promql.tokens(expression) if kind in ("number", "range")]
    return {float(match.group()) for text in found if (match := re.match(r"[\d.]+", text))}


def thresholds() -> Problems:
    """A changed threshold is in its alerts, their texts and unit tests, and its panels."""
    before, after = evaluate({}, "files"), evaluate({"thresholds": CHANGED}, "files")
    old, new = rules_of(groups_of(before)), rules_of(groups_of(after))
    problems: Problems = []
    for name, default, alerts, texts, panels in table("## Thresholds"):
        value = CHANGED[name]
        for alert in alerts.split(", "):
            seen = set[float]().union(*(numbers(rule["expr"]) for rule in named(new, alert)))
            was = set[float]().union(*(numbers(rule["expr"]) for rule in named(old, alert)))
            if not {value, value * 3600} & (seen - was):
                problems.append(f"{name}: no {value:g} in the expression of {alert}")
            # 1 has other meanings in these expressions, such as `== 1`.
            if float(default) in seen - {1}:
                problems.append(f"{name}: {default} is left in the expression of {alert}")
        for alert in texts.split(", "):
            if alert != "–" and texts_of(old, alert) == texts_of(new, alert):
                problems.append(f"{name}: the text of {alert} does not change")
        for panel in panels.split(", "):
            if panel != "–" and panel_of(before, panel) == panel_of(after, panel):
                problems.append(f"{name}: the panel {panel} does not change")
    shown = {row[3] for row in table("## Thresholds")}
    for rule in old:
        if "alert" in rule and texts_of(old, rule["alert"]) != texts_of(new, rule["alert"]):
            if not any(rule["alert"] in cell for cell in shown):
                problems.append(f"the text of {rule['alert']} changes, which the README does not say")
    with tempfile.TemporaryDirectory() as folder:
        write(after, Path(folder))
        problems += rules_pass(Path(folder))
        paths = [Path(folder) / TESTS / f"{name}.yml" for name in CHANGED_TESTS]
        with ThreadPoolExecutor(2) as pool:
            for problem in pool.map(lambda path: promtool("test", "rules", path), paths):
                problems += problem
    # The other tests expect the changed summaries as well.
    summaries = {rule["alert"]: rule["annotations"]["summary"] for rule in new if "alert" in rule}
    for name, text in after.items():
        for test in yaml.safe_load(text)["tests"] if name.startswith(TESTS) else []:
            for case in test.get("alert_rule_test", []):
                for alert in case.get("exp_alerts", []):
                    if alert["exp_annotations"]["summary"] != summaries[case["alertname"]]:
                        problems.append(f"{name}: another summary than that of {case['alertname']}")
    return problems


def texts_of(rules: list[dict[str, Any]], name: str) -> list[Any]:
    return [rule["annotations"] for rule in named(rules, name)]


def panel_of(files: dict[str, Any], name: str) -> Any:
    """A panel by its dashboard and its present title, as `genai-budgets: Budget used`."""
    uid, title = name.split(": ")
    titles = [each["title"] for each in json.loads((ROOT / DASHBOARDS / f"{uid}.json").read_text())["panels"]]
    return files[f"{DASHBOARDS}/{uid}.json"]["panels"][titles.index(title)]


SELECTED = {"selector": 'job=~"genai.*"', "clusterLabel": "cluster"}
JOB = ("job", "=~", "genai.*")
CLUSTER = ("cluster", "=", "$cluster")


def queries(text: str) -> list[str]:
    """The strings of a Go template that are PromQL, with values for its formats."""
    strings = [first or second for first, second in re.findall(r'"((?:[^"\\]|\\.)*)"|`([^`]*)`', text)]
    # A name that a format follows gets its matchers from it.
    strings = [re.sub(r"\bgenai_\w+(%s)+", "", each) for each in strings]
    return [each.replace(",%s", "").replace("%q", '"x"') for each in strings if "genai_" in each]


def is_raw(selector: promql.Selector) -> bool:
    names = selector.names()
    return any(re.match(r"(genai|process)_[a-z_]*$", name) for name in names)


def selector() -> Problems:
    """Each series of the exporter is selected by `selector`, and each query and grouping by the cluster."""
    files = evaluate(SELECTED, "files")
    problems: Problems = []
    with tempfile.TemporaryDirectory() as folder:
        write(files, Path(folder))
        problems += rules_pass(Path(folder))
    raw = 0
    for rule in rules_of(groups_of(files)):
        name = rule.get("alert") or rule["record"]
        expressions = [rule["expr"]]
        for text in rule.get("annotations", {}).values():
            expressions += queries(text)
        for number, expression in enumerate(expressions):
            for each in promql.selectors(expression):
                raw += is_raw(each)
                if is_raw(each) != (JOB in each.matchers):
                    problems.append(f"{name}: {each.text}")
            lists = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
            problems += [f"{name}: by or on ({each})" for each in lists if not each.startswith("cluster")]
            words = promql.tokens(expression) if number == 0 else []
            for (_, word), (_, following) in zip(words, words[1:]):
                if word in promql.AGGREGATIONS and following == "(":
                    problems.append(f"{name}: {word} over all clusters")
        text = rule.get("annotations", {}).get("description", "")
        if "genai_budget_limit_%s%s" in text and "\"{job=~'genai.*',cluster=%q,budget=%q}\"" not in text:
            problems.append(f"{name}: the budget of another cluster")
    schema = jsonschema.Draft202012Validator(json.loads((dashboard_lint.HERE / "dashboard.schema.json").read_text()))
    lint = dashboard_lint.Lint({})
    for name in (each for each in files if each.startswith(DASHBOARDS)):
        dashboard = files[name]
        problems += [f"{name}: {error.message[:300]}" for error in schema.iter_errors(dashboard)]
        variables = dashboard["templating"]["list"]
        if variables[1]["name"] != "cluster" or variables[1]["multi"]:
            problems.append(f"{name}: the second variable does not select one cluster")
        found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        found += [each["expr"] for each in dashboard["annotations"]["list"]]
        found += [re.sub(r"label_values\((.*), \w+\)$", r"\1", each["definition"]) for each in variables[2:]]
        for expression in found:
            lint.expressions.append((name, expression))
            for each in promql.selectors(expression):
                raw += is_raw(each)
                if CLUSTER not in each.matchers or is_raw(each) != (JOB in each.matchers):
                    problems.append(f"{name}: {each.text}")
        for link in re.findall(r"/d/genai-[^\"]*", json.dumps(dashboard)):
            if "${cluster:queryparam}" not in link and "${__all_variables}" not in link:
                problems.append(f"{name}: {link} leads to another cluster")
    lint.grammar("promtool")
    problems += lint.findings
    # The checks above must have seen the queries.
    return problems if raw > 500 else [*problems, f"only {raw} series of the exporter"]


SURGE = "0x59 0+2x120"
CLUSTERS = {
    "rule_files": [f"{RULES}/{name}.yml" for name in ("recording-spend", "recording-budgets", "alerts-budgets")],
    "evaluation_interval": "90s",
    "tests": [
        {
            "name": "two clusters with the same account, and a scrape job that is not selected",
            "interval": "1m",
            "input_series": [
                {"series": f"{name}{{{labels},provider='wavespeed',account='media',{more}}}", "values": values}
                for labels, spent, cost in (
                    ("job='genai',cluster='eu'", "684x180", SURGE),
                    ("job='genai',cluster='us'", "72x180", "0+0.01x180"),
                    ("job='other',cluster='asia'", "684x180", SURGE),
                )
                for name, more, values in (
                    ("genai_budget_limit_usd", "scope='config'", "720x180"),
                    ("genai_budget_reset_timestamp_seconds", "scope='config'", "2592000x180"),
                    ("genai_budget_period_seconds", "scope='config'", "2592000x180"),
                    ("genai_budget_spent_usd", "scope='config'", spent),
                    ("genai_cost_usd_total", "model='m'", cost),
                )
            ],
            "promql_expr_test": [
                {
                    "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
                    "eval_time": "2h58m30s",
                    "exp_samples": [
                        {
                            "labels": f'ALERTS{{alertname="{alert}",alertstate="firing",severity="{severity}",'
                            'cluster="eu",provider="wavespeed",account="media",scope="config"}',
                            "value": 1,
                        }
                    ],
                }
                for alert, severity in (("GenAIBudgetNearlyExhausted", "warning"), ("GenAIBudgetBurnFast", "critical"))
            ],
        }
    ],
}


def clusters() -> Problems:
    """Two clusters with the same account do not mix: an alert fires in the cluster that it is about."""
    with tempfile.TemporaryDirectory() as folder:
        write(evaluate(SELECTED, "files"), Path(folder))
        test = Path(folder) / "clusters.yml"
        test.write_text(yaml.safe_dump(CLUSTERS))
        problems = promtool("test", "rules", test)
        # Without the label the same test must fail, else it shows nothing.
        write(evaluate({}, "files"), Path(folder))
        if not promtool("test", "rules", test):
            problems.append("the test passes without clusterLabel")
    return problems


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"selectors": ""}, "_config has no selectors."),
    ({"thresholds": {"burnFast": 10}}, "_config has no thresholds.burnFast."),
    ({"alertFor": {"GenAICorrectionSeen": "5m"}}, "_config has no alertFor.GenAICorrectionSeen."),
    ({"thresholds": {"budgetBurnFast": "10"}}, "_config: thresholds.budgetBurnFast must be a number"),
    ({"selector": "job='genai'"}, "_config: selector must have values in double quotes"),
]


def refusals() -> Problems:
    """Unknown names and wrong values are refused with the name."""
    problems: Problems = []
    for config, message in REFUSALS:
        for field in ("prometheusAlerts", "grafanaDashboards"):
            try:
                evaluate(config, field)
                problems.append(f"{config}: accepted by {field}")
            except RuntimeError as refused:
                if message not in str(refused):
                    problems.append(f"{config}: {refused}")
    return problems


def settings() -> Problems:
    """Links, tags, scrape job and durations of `_config` are in rules and dashboards."""
    config = {
        "jobSelector": 'job="costs"', "runbookUrl": "https://wiki.example.com/genai",
        "dashboardUrl": "https://g.example.com", "dashboardTags": ["ai"], "dashboardRefresh": "1m",
        "dashboardTimezone": "browser",
        "alertFor": {name: "7m" for name in evaluate({}, "_config.alertFor")},
    }  # fmt: skip
    files = evaluate(config, "files")
    rules = rules_of(groups_of(files))
    problems: Problems = []
    for rule in (each for each in rules if "alert" in each):
        name, texts = rule["alert"], rule["annotations"]
        if texts["runbook_url"] != f"https://wiki.example.com/genai#{name.lower()}":
            problems.append(f"{name}: {texts['runbook_url']}")
        if not texts["dashboard"].startswith("https://g.example.com/d/genai-"):
            problems.append(f"{name}: {texts['dashboard']}")
        if "for" in rule and rule["for"] != "7m":
            problems.append(f"{name}: waits {rule['for']}: add it to alertFor")
        if 'job="genai"' in str(rule):
            problems.append(f"{name} selects the job genai")
    if "The job costs has no target" not in named(rules, "GenAIExporterAbsent")[0]["annotations"]["description"]:
        problems.append("GenAIExporterAbsent names another job")
    for name in (each for each in files if each.startswith(DASHBOARDS)):
        dashboard = files[name]
        seen = [dashboard["tags"], dashboard["links"][0]["tags"], dashboard["refresh"], dashboard["timezone"]]
        if seen != [["ai"], ["ai"], "1m", "browser"]:
            problems.append(f"{name}: {seen}")
    return problems


def grafana_com() -> Problems:
    """Dashboards for grafana.com get their data source from the import."""
    problems: Problems = []
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([MIXIN / "generate", "--grafana-com", folder], capture_output=True, text=True)
        paths = sorted(Path(folder).glob("*.json"))
        if done.returncode != 0 or [path.name for path in paths] != sorted(
            path.name for path in (ROOT / DASHBOARDS).glob("*.json")
        ):
            return [f"{[path.name for path in paths]}: {done.stderr}"]
        for path in paths:
            text = path.read_text()
            dashboard = json.loads(text)
            [given] = dashboard["__inputs"]
            if (given["name"], given["type"], given["pluginId"]) != ("DS_PROMETHEUS", "datasource", "prometheus"):
                problems.append(f"{path.name}: {given}")
            if "${datasource" in text or "datasource" in [each["type"] for each in dashboard["templating"]["list"]]:
                problems.append(f"{path.name} has the variable of the data source")
            if set(re.findall(r'"uid": "(\$[^"]*)"', text)) != {"${DS_PROMETHEUS}"}:
                problems.append(f"{path.name} has a data source that is not that of the import")
            types = {panel["type"] for panel in dashboard["panels"]} - {"row"}
            if types != {each["id"] for each in dashboard["__requires"] if each["type"] == "panel"}:
                problems.append(f"{path.name}: __requires are not the panels' types")
    return problems


def documents() -> Problems:
    """The README's tables have the names and defaults of config.libsonnet."""
    config = evaluate({}, "_config")
    problems: Problems = []
    named = {row[0]: row[1] for row in table("## Settings")}
    if set(named) != set(config):
        problems.append(f"Settings: {set(named) ^ set(config)}")
    for name, value in config.items():
        if not isinstance(value, dict) and named.get(name) not in (json.dumps(value), value, f"'{value}'"):
            problems.append(f"Settings: {name} is {value!r}, not {named.get(name)}")
    defaults = {row[0]: float(row[1]) for row in table("## Thresholds")}
    if defaults != config["thresholds"]:
        problems.append(f"Thresholds: {set(defaults.items()) ^ set(config['thresholds'].items())}")
    if set(CHANGED) != set(defaults) or set(CHANGED.items()) & set(defaults.items()):
        problems.append("CHANGED does not change each threshold")
    return problems


CHECKS = {
    each.__name__: each
    for each in (output, defaults, imported, thresholds, selector, clusters, refusals, settings, grafana_com, documents)
}


def main() -> int:
    check = CHECKS.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if check is None:
        print(f"{__doc__}\nChecks: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    problems = check()
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
