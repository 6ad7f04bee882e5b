"""The chart as Helm's own library packages, lints and renders it. Needs helm-python-sdk and PyYAML."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import yaml

try:
    import helm_python as helm
except ImportError:
    sys.exit("helm-python-sdk is not installed; install it with: python3 -m pip install helm-python-sdk")

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/helm/genai-usage-exporter"
# As `Chart.yaml` requires.
OLDEST_KUBERNETES = "v1.28.0"

# Values that create everything for the Prometheus Operator and Grafana's sidecar.
MONITORING = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}

Manifest = dict[str, Any]
Problems = list[str]


class Release(NamedTuple):
    """Objects of a release, in the order in which Helm would create them, and its notes."""

    manifests: list[Manifest]
    notes: str
    text: str

    def of_kind(self, kind: str) -> list[Manifest]:
        return [each for each in self.manifests if each["kind"] == kind]

    def stateful_set(self) -> Manifest:
        found = self.of_kind("StatefulSet")
        assert len(found) == 1
        return found[0]

    def container(self) -> Manifest:
        return self.stateful_set()["spec"]["template"]["spec"]["containers"][0]


class Refused(Exception):
    """Helm rejected the values or a template."""


def package(folder: str, version: str = "1.2.3") -> Path:
    """Runs the repository's own script, as an operator would."""
    made = subprocess.run(
        [ROOT / "deploy/helm/package", version, folder], check=True, capture_output=True, text=True
    )
    return Path(made.stdout.strip())


def contents(chart: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Metadata of a chart, and its files that are not templates."""
    with helm.Chart.load(chart) as loaded:
        return loaded.metadata, {each["name"]: each["data"].encode() for each in loaded.files}


def values(text: str) -> Manifest:
    """Reads values with Helm's YAML parser, which differs from PyYAML in dates."""
    return helm.values_from_yaml(text)


def ci_values() -> Iterator[tuple[str, Manifest]]:
    for path in sorted(FOLDER.glob("ci/*-values.yaml")):
        yield path.name, values(path.read_text())


def install(chart: Path, given: Manifest, name: str = "genai-usage-exporter", namespace: str = "monitoring") -> Release:
    """Renders what `helm install --dry-run=client` would send to the cluster; contacts none."""
    with helm.Chart.load(chart) as loaded, helm.Config(
        kubeconfig_content="", storage_driver="memory", namespace=namespace
    ) as config:
        try:
            release = config.install(loaded, name, given, dry_run="client")
        except helm.HelmError as problem:
            raise Refused(str(problem)) from None
    text = release["manifest"]
    return Release([each for each in yaml.safe_load_all(text) if each], release["notes"], text)


def lint(chart: Path, given: Manifest) -> Problems:
    """Messages of `helm lint --strict` above the level of information, for the oldest version and Helm's own."""
    problems: Problems = []
    for version in (OLDEST_KUBERNETES, None):
        report = helm.lint(chart, given, strict=True, kube_version=version)
        assert report["total_charts_linted"] == 1
        problems += [f"{each['path']}: {each['error']}" for each in report["messages"] if each["severity"] != 1]
        problems += report["errors"]
    return problems


def documented_values() -> list[tuple[str, str, Any]]:
    """The values whose comment in values.yaml begins with two dashes: path, default and description."""
    found: list[tuple[str, str, Any]] = []
    defaults = yaml.load((FOLDER / "values.yaml").read_text(), yaml.BaseLoader)
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in (FOLDER / "values.yaml").read_text().splitlines():
        indentation = len(line) - len(line.lstrip())
        if said := re.match(r"\s*# (?:-- )?(.*)", line):
            comment = [said[1]] if "# -- " in line else [*comment, said[1]] if comment else []
        elif key := re.match(r"\s*(\w+):", line):
            parents = [each for each in parents if each[0] < indentation] + [(indentation, key[1])]
            if comment:
                path = [name for _, name in parents]
                default: Any = defaults
                for name in path:
                    default = default[name]
                found.append((".".join(path), " ".join(comment), default))
            comment = []
    return found


def values_table() -> str:
    """The README's table of the values."""
    rows = ["| value | default | |", "|---|---|---|"]
    for path, description, default in documented_values():
        # Long defaults are in values.yaml.
        shown = "" if default in ("", [], {}) else f"`{default}`" if isinstance(default, str) else "see `values.yaml`"
        rows.append(f"| `{path}` | {shown} | {description} |")
    return "\n".join(rows)


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="chart-")
