"""Shows that the checks of the chart find mistakes."""
import tarfile
import tempfile
import unittest
from pathlib import Path

import chart_checks
import chart_objects
import helm_chart


class Mistakes(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with tarfile.open(helm_chart.package(folder.name)) as archive:
            archive.extractall(folder.name)
        self.chart = Path(folder.name) / "genai-usage-exporter"

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.chart / file
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def assert_finds(self, check: chart_checks.Check, part: str) -> None:
        problems = check(self.chart)
        self.assertTrue(any(part in each for each in problems), problems)

    def test_lint(self) -> None:
        self.replace("Chart.yaml", "version: 1.2.3", "version: first")
        self.assert_finds(chart_checks.lint, "Chart.yaml")

    def test_misspelled_field(self) -> None:
        self.replace("templates/statefulset.yaml", "podManagementPolicy", "podManagement")
        self.assert_finds(chart_checks.manifests, "podManagement")

    def test_duplicate_name(self) -> None:
        self.replace("templates/services.yaml", "}}-shards", "}}")
        self.assert_finds(chart_checks.manifests, "is not unique")

    def test_changed_rule(self) -> None:
        self.replace("files/rules/alerts-exporter.yml", "GenAIExporterDown", "GenAIExporterGone")
        self.assert_finds(chart_checks.rules, "the groups differ")

    def test_invalid_rule(self) -> None:
        self.replace("files/rules/alerts-exporter.yml", "expr: ", "expr: sum(")
        self.assert_finds(chart_checks.rules, "could not parse expression")

    def test_labels_that_the_stack_does_not_select(self) -> None:
        self.replace("values.yaml", "    release: kube-prometheus-stack", "    release: other")
        self.replace("values.yaml", 'grafana_dashboard: "1"', 'grafana_dashboard: "yes"')
        for problem in ("ServiceMonitor: ", "PrometheusRule: ", "dashboards: "):
            self.assert_finds(chart_objects.stack, problem)

    def test_selectors_and_ports(self) -> None:
        def check(chart: Path) -> helm_chart.Problems:
            return chart_objects.connections(helm_chart.install(chart, helm_chart.MONITORING, namespace="genai"))

        self.assertEqual(check(self.chart), [])
        for file, old, new, problem in (
            ("templates/servicemonitor.yaml", "component: metrics", "component: exporter", "ServiceMonitor selects []"),
            ("templates/servicemonitor.yaml", "replacement: genai", "replacement: ai", "the job differs"),
            ("templates/services.yaml", "targetPort: metrics", "targetPort: http", "http"),
            ("templates/networkpolicy.yaml", "port: metrics", "port: web", "the NetworkPolicy allows"),
            ("values.yaml", "metadata.name: monitoring", "metadata.name: other", "keeps Prometheus in monitoring from"),
            ("values.yaml", "    - podSelector:", "    - namespaceSelector:", "keeps Prometheus in genai from"),
        ):
            with self.subTest(old=old):
                before = (self.chart / file).read_text()
                self.replace(file, old, new)
                self.assert_finds(check, problem)
                (self.chart / file).write_text(before)

    def test_immutable_field(self) -> None:
        self.replace(
            "templates/statefulset.yaml", "        name: data\n      spec",
            "        name: data\n        labels: { version: {{ .Chart.AppVersion }} }\n      spec",
        )
        self.assert_finds(chart_objects.upgrade, "became")

    def test_other_probe_than_kustomize(self) -> None:
        self.replace("templates/statefulset.yaml", "failureThreshold: 120", "failureThreshold: 3")
        self.assert_finds(chart_objects.kustomization, "StatefulSet/genai-usage-exporter: kustomize")

    def test_missing_refusal(self) -> None:
        self.replace("values.schema.json", '"minimum": 1', '"minimum": 0')
        self.assert_finds(chart_checks.refusals, "shards: 0: accepted")


if __name__ == "__main__":
    unittest.main()
