#!/usr/bin/env python3
"""Tests of the dashboard checks: each kind of mistake, made on purpose in a good dashboard, must be found.

python3 -m unittest discover -s Tests/DeploymentTests
"""

import copy
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import dashboard_queries
import promql

DASHBOARDS = HERE.parents[1] / "grafana" / "dashboards"
README = HERE.parents[1] / "grafana" / "README.md"


def panel(dashboard, title):
    return next(each for each in dashboard["panels"] if each["title"] == title)


def target(dashboard, title):
    return panel(dashboard, title)["targets"][0]


class LintTests(unittest.TestCase):
    def lint(self, change=None, text=None):
        """The lint's findings after `change` was applied to the overview."""
        with tempfile.TemporaryDirectory() as folder:
            for path in DASHBOARDS.glob("*.json"):
                dashboard = json.loads(path.read_text())
                if change and dashboard["uid"] == "genai-overview":
                    change(dashboard)
                out = json.dumps(dashboard, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
                pathlib.Path(folder, path.name).write_text(text(out) if text else out)
            command = [sys.executable, str(HERE / "dashboard_lint.py"), "--dashboards", folder, "--readme", str(README)]
            done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1 if done.stdout else 0, done.stderr)
        return done.stdout

    def assertFound(self, what, change):
        self.assertIn(what, self.lint(change))

    def test_the_dashboards_are_good(self):
        self.assertEqual(self.lint(), "")

    def test_formatting(self):
        self.assertIn("not formatted", self.lint(text=lambda text: text.replace("  ", "    ")))

    def test_model(self):
        self.assertFound("__inputs", lambda d: d.update(__inputs=[]))
        self.assertFound("schemaVersion", lambda d: d.update(schemaVersion=16))
        self.assertFound("targets", lambda d: panel(d, "Cost today").pop("targets"))
        self.assertFound("colour", lambda d: panel(d, "Cost today")["options"].update(colour="red"))
        self.assertFound(
            "cellOptions",
            lambda d: panel(d, "Accounts")["fieldConfig"]["defaults"]["custom"].update(cellOptions={"type": "nice"}),
        )
        self.assertFound("gridPos/w", lambda d: panel(d, "Cost today")["gridPos"].update(w=25))

    def test_replicas(self):
        self.assertFound(
            "counts twice",
            lambda d: target(d, "Cost today").update(expr='sum(genai_window_cost_usd{window="today"})'),
        )
        self.assertFound(
            "counts twice",
            lambda d: target(d, "Cost today").update(expr="sum by (provider) (increase(genai_cost_usd_total[1d]))"),
        )

    def test_head(self):
        self.assertFound("editable", lambda d: d.update(editable=True))
        self.assertFound("holds the uid", lambda d: d.update(uid="other"))
        self.assertFound("title does not begin", lambda d: d.update(title="Overview"))
        self.assertFound("no link to the other", lambda d: d.update(links=[]))
        self.assertFound("no annotation", lambda d: d["annotations"]["list"].pop())

    def test_variables(self):
        self.assertFound("first variable", lambda d: d["templating"]["list"].pop(0))
        self.assertFound("not refreshed", lambda d: d["templating"]["list"][2].update(refresh=1))
        self.assertFound("$model is not a variable", lambda d: d["templating"]["list"].pop())

    def test_panels(self):
        other = {"type": "prometheus", "uid": "abc"}
        self.assertFound("another data source", lambda d: panel(d, "Cost today").update(datasource=other))
        self.assertFound("another data source", lambda d: target(d, "Cost today").update(datasource=other))
        self.assertFound("not a sentence", lambda d: panel(d, "Cost today").update(description="no stop"))
        self.assertFound(
            "the unit dollars", lambda d: panel(d, "Cost today")["fieldConfig"]["defaults"].update(unit="dollars")
        )
        self.assertFound("used twice", lambda d: panel(d, "Cost today").update(id=panel(d, "Success rate")["id"]))
        self.assertFound("hidden", lambda d: target(d, "Cost today").update(hide=True))
        self.assertFound("no minimum interval", lambda d: panel(d, "Spend per day by provider").pop("interval"))
        self.assertFound("no unit for", lambda d: panel(d, "Accounts")["fieldConfig"]["overrides"].pop(0))
        self.assertFound(
            "leads to no dashboard",
            lambda d: panel(d, "Cost today")["fieldConfig"]["defaults"]["links"][0].update(url="/d/no?x"),
        )

    def test_queries(self):
        def expression(title, text):
            return lambda d: target(d, title).update(expr=text)

        held = 'provider=~"$provider",account=~"$account"'
        self.assertFound("promql", expression("Cost today", "sum(("))
        self.assertFound("unknown metric", expression("Cost today", "sum(genai_cost_eur{%s})" % held))
        self.assertFound(
            "is not held to $account", expression("Cost today", 'sum(genai_balance_usd{provider=~"$provider"})')
        )
        self.assertFound("mixes windows", expression("Cost today", "sum(genai_window_cost_usd{%s})" % held))
        self.assertFound("without a window", expression("Cost today", "sum(genai_cost_usd_total{%s})" % held))
        self.assertFound("a window of 5m", expression("Cost today", "sum(rate(genai_cost_usd_total{%s}[5m]))" % held))
        self.assertFound(
            "leaves gaps", expression("Spend per day by provider", "sum(increase(genai_cost_usd_total{%s}[6h]))" % held)
        )
        self.assertFound(
            "needs label_join", expression("Spend per day by provider", "sum(genai_budget_spent_usd{%s})" % held)
        )
        self.assertFound("irate", expression("Cost today", "sum(irate(genai_cost_usd_total{%s}[1h]))" % held))


class PromQLTests(unittest.TestCase):
    def names(self, expression):
        return [name for selector in promql.selectors(expression) for name in selector.names()]

    def test_selectors(self):
        self.assertEqual(
            self.names('sum by (model) (rate(a_total{x=~"(y|z)"}[1h])) / on (model) group_left (b) c'), ["a_total", "c"]
        )
        self.assertEqual(self.names("a offset 7d unless on (x) b and vector(0) > bool 1e3"), ["a", "b"])
        self.assertEqual(self.names("topk(3, max by (le) (increase(a[1d] @ end() offset -1d)))"), ["a"])
        self.assertEqual(self.names('{__name__=~"a_(b|c)_total|d",x="}"}'), ["a_b_total", "a_c_total", "d"])
        self.assertEqual(self.names("# a comment\nprovider_account:cost:rate1h > 3"), ["provider_account:cost:rate1h"])
        self.assertEqual(self.names("max(sum by (a) (b))[1d:10m] + day_of_month() - time()"), ["b"])

    def test_matchers_and_window(self):
        selector = promql.selectors('rate(a{b="c\\"d", e=~"$e"}[$__range])')[0]
        self.assertEqual(selector.matchers, [("b", "=", 'c"d'), ("e", "=~", "$e")])
        self.assertEqual((selector.text, selector.window), ('a{b="c\\"d",e=~"$e"}', "$__range"))


class QueriesTests(unittest.TestCase):
    def test_values_as_grafana_writes_them(self):
        text = dashboard_queries.text_of
        self.assertEqual(text("$__all", {"allValue": ".*"}), ".*")
        self.assertEqual(text(["a.b"], {}), "a\\\\.b")
        self.assertEqual(text(["a", "b+c"], {}), "(a|b\\\\+c)")

    def test_intervals(self):
        self.assertEqual(dashboard_queries.round_interval(604800 / 1440), 300)
        self.assertEqual(dashboard_queries.round_interval(604800 / 720), 900)
        self.assertEqual(dashboard_queries.moment("now/d", 86400 * 3 + 5), 86400 * 3)
        self.assertEqual(dashboard_queries.moment("now-7d", 604800), 0)

    def test_rules(self):
        text = """groups:
  - name: a
    rules:
      # a comment
      - alert: One
        expr: |
          a > 1
          and b
        for: 5m
      - record: two:three
        expr: 'sum(c{d=''e''})'
      - record: four
        expr: >-
          sum(
            d
          )
        labels:
          expr_like: "no"
"""
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "rules.yml").write_text(text)
            rules = dashboard_queries.read_rules(pathlib.Path(folder))
        self.assertEqual(
            [(rule["kind"], rule["name"], rule["expr"]) for rule in rules],
            [
                ("alert", "One", "a > 1\nand b"),
                ("record", "two:three", "sum(c{d='e'})"),
                ("record", "four", "sum(\nd\n)"),
            ],
        )

    def check(self, change, response, expected=()):
        """The findings for one panel, with a server that returns `response` for every query."""
        dashboard = json.loads((DASHBOARDS / "genai-overview.json").read_text())
        dashboard["panels"] = [panel(dashboard, "Spend per day by provider"), panel(dashboard, "Cost today")]
        dashboard["annotations"]["list"] = []
        change(dashboard)
        with tempfile.TemporaryDirectory() as folder, Server(response) as address:
            pathlib.Path(folder, "one.json").write_text(json.dumps(dashboard))
            pathlib.Path(folder, "expected").write_text(json.dumps({"families": {}, "queries": list(expected)}))
            done = subprocess.run(
                [
                    sys.executable,
                    str(HERE / "dashboard_queries.py"),
                    "--prometheus",
                    address,
                    "--dashboards",
                    folder,
                    "--at",
                    "1700000000",
                    "--expected-empty",
                    str(pathlib.Path(folder, "expected")),
                ],
                capture_output=True,
                text=True,
            )
        self.assertEqual(done.returncode, 1 if done.stdout else 0, done.stderr)
        return done.stdout

    def test_findings(self):
        good = [{"metric": {"provider": "a"}, "values": [[1, "2"]], "value": [1, "2"]}]
        nan = [{"metric": {"provider": "a"}, "values": [[1, "NaN"]], "value": [1, "NaN"]}]
        entry = {"dashboard": "genai-overview", "panel": "Cost today", "query": "A", "reason": "none"}
        spend = "Spend per day by provider"
        self.assertEqual(self.check(lambda d: None, good), "")
        self.assertIn("the value NaN", self.check(lambda d: None, nan))
        self.assertIn("Cost today A: empty", self.check(lambda d: None, []))
        self.assertIn(
            "legend's label shop is missing",
            self.check(lambda d: target(d, spend).update(legendFormat="{{shop}}"), good),
        )
        self.assertIn(
            "overlaps", self.check(lambda d: panel(d, spend).update(gridPos=panel(d, "Cost today")["gridPos"]), good)
        )
        self.assertIn("unknown metric nothing", self.check(lambda d: target(d, spend).update(expr="nothing"), good))
        self.assertIn("expected to be empty, but it is not", self.check(lambda d: None, good, [entry]))
        self.assertIn("no such query", self.check(lambda d: None, good, [{**entry, "panel": "Gone"}]))
        self.assertNotIn("Cost today", self.check(lambda d: None, [], [entry]))
        self.assertIn("parse error", self.check(lambda d: None, None))


class Server:
    """A Prometheus with a fixed response; None is an error."""

    def __init__(self, response):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = urllib.parse.urlparse(self.path).path
                if self.command == "POST":
                    self.rfile.read(int(self.headers["Content-Length"]))
                data = {"resultType": "vector", "result": copy.deepcopy(response)}
                if path.endswith("/values"):
                    data = ["a", "b"]
                elif path.endswith("/series"):
                    data = [{"a": "b"}]
                body = {"status": "success", "data": data}
                if response is None and "/query" in path:
                    body = {"status": "error", "error": "parse error"}
                self.send_response(400 if body["status"] == "error" else 200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()
