#!/usr/bin/env python3
"""Checks the Helm chart: chart_checks.py CHECK [BINARY]. Prints each problem, and exits with 1 if there is one.

Nothing here contacts a cluster. The check `exporter` needs the path of the exporter's binary. The check `table` prints
the README's table of values, for a change of values.yaml.
"""
import base64
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import kubernetes_validate
import yaml

import chart_objects
import helm_chart
from helm_chart import FOLDER, MONITORING, ROOT, Manifest, Problems, Refused, Release

Check = Callable[..., Problems]


def lint(chart: Path) -> Problems:
    """`helm lint --strict`, of the package and of the folder, whose values may not request rules or dashboards."""
    problems: Problems = []
    for name, values in helm_chart.ci_values():
        problems += [f"{name}: {each}" for each in helm_chart.lint(chart, values)]
    return problems + helm_chart.lint(FOLDER, {})


def package(chart: Path) -> Problems:
    """The same sources give the same bytes, the versions are the given one, and files are those of the repository."""
    problems: Problems = []
    with helm_chart.temporary_folder() as folder:
        if helm_chart.package(folder).read_bytes() != chart.read_bytes():
            problems.append("two packages of the same sources differ")
        refused = subprocess.run([ROOT / "deploy/helm/package", "v1", folder], capture_output=True, text=True)
        if refused.returncode != 2 or "v1 is not a version" not in refused.stderr:
            problems.append(f"package v1: {refused}")
    metadata, files = helm_chart.contents(chart)
    if (metadata["version"], metadata["appVersion"]) != ("1.2.3", "1.2.3"):
        problems.append(f"versions: {metadata}")
    for folder, suffix in (("deploy/prometheus/rules", "yml"), ("grafana/dashboards", "json")):
        packaged = f"files/{Path(folder).name}/"
        expected = {packaged + path.name: path.read_bytes() for path in (ROOT / folder).glob(f"*.{suffix}")}
        if {name: data for name, data in files.items() if name.startswith(packaged)} != expected:
            problems.append(f"{packaged} differs from {folder}")
        if any((FOLDER / "files").glob("**/*")):
            problems.append("the repository contains copies of rules or dashboards")
    # Helm keeps the release in a Secret, which the API server limits to 1 MiB.
    release = helm_chart.install(chart, MONITORING)
    stored = {"chart": {name: base64.b64encode(data).decode() for name, data in files.items()}, "m": release.text}
    if (size := len(base64.b64encode(gzip.compress(json.dumps(stored).encode())))) > 700_000:
        problems.append(f"the release's Secret has some {size} bytes")
    return problems


def manifests(chart: Path) -> Problems:
    """Each file of values renders valid objects for the oldest and the newest cluster version."""
    problems: Problems = []
    versions = (helm_chart.OLDEST_KUBERNETES, kubernetes_validate.latest_version())
    for name, values in helm_chart.ci_values():
        release = helm_chart.install(chart, values)
        identities = [(each["kind"], each["metadata"]["name"]) for each in release.manifests]
        problems += [f"{name}: {each} is not unique" for each in set(identities) if identities.count(each) > 1]
        if not release.notes.strip() or "<no value>" in release.text + release.notes:
            problems.append(f"{name}: {release.notes}")
        for manifest in release.manifests:
            where = f"{name}: {manifest['kind']}/{manifest['metadata']['name']}"
            # As the API server, which refuses ConfigMaps of more than 1 MiB and other names.
            if len(json.dumps(manifest)) > 1_000_000 or not re.fullmatch(r"[a-z0-9.-]{1,63}", where.split("/")[1]):
                problems.append(f"{where}: size or name")
            if manifest["apiVersion"].startswith("monitoring.coreos.com/"):
                continue
            for version in versions:
                try:
                    kubernetes_validate.validate(manifest, version, strict=True)
                except kubernetes_validate.ValidationError as problem:
                    path = ".".join(str(step) for step in problem.path)
                    problems.append(f"{where}: {version}: {path}: {problem.message}")
    return problems


def rules(chart: Path) -> Problems:
    """The PrometheusRule passes promtool and has the groups of the repository's files."""
    [rule] = helm_chart.install(chart, MONITORING).of_kind("PrometheusRule")
    groups: list[Any] = []
    for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml")):
        groups += yaml.safe_load(path.read_text())["groups"]
    problems = [] if rule["spec"] == {"groups": groups} else ["the groups differ from deploy/prometheus/rules"]
    with helm_chart.temporary_folder() as folder:
        path = Path(folder) / "rules.yml"
        path.write_text(yaml.safe_dump(rule["spec"]))
        checked = subprocess.run(
            ["promtool", "check", "rules", "--lint=all", "--lint-fatal", path], capture_output=True, text=True
        )
    if checked.returncode != 0 or not re.search(r"SUCCESS: \d{2,} rules found", checked.stdout):
        problems.append(checked.stdout + checked.stderr)
    return problems


REFUSALS = [
    ("shards: 0", "at '/shards': minimum: got 0, want 1"),
    ("shards: '3'", "at '/shards': got string, want integer"),
    ("replicaCount: 3", "additional properties 'replicaCount' not allowed"),
    ("demo: 'yes'", "at '/demo': got string, want boolean"),
    ("image: {pullPolicy: always}", "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"),
    ("persistence: {size: 2 GB}", "at '/persistence/size': '2 GB' does not match pattern"),
    ("persistence: {accessModes: [ReadOnlyMany]}", "at '/persistence/accessModes/0': value must be one of"),
    ("serviceMonitor: {interval: 1 minute}", "at '/serviceMonitor/interval': '1 minute' does not match pattern"),
    ("serviceMonitor: {enable: true}", "at '/serviceMonitor': additional properties 'enable' not allowed"),
    ("service: {port: 70000}", "at '/service/port': maximum: got 70,000, want 65,535"),
    ("extraEnv: {KEY: value}", "at '/extraEnv': got object, want array"),
    ("extraArgs: [log.level=debug]", "at '/extraArgs/0': 'log.level=debug' does not match pattern '^--"),
    ("podAnnotations: {a: 1}", "at '/podAnnotations/a': got number, want string"),
    ("existingSecret: My_Keys", "at '/existingSecret': 'My_Keys' does not match pattern"),
    (f"fullnameOverride: {'a' * 53}", "at '/fullnameOverride': maxLength: got 53, want 52"),
    ("config: {accounts: [{provider: venice}]}", "at '/config/accounts/0': missing property 'name'"),
    ("config: {accounts: []}", "config.accounts is empty: add an account, or set demo to true"),
    ("{demo: true, shards: 2}", "demo has one exporter: set shards to 1, or demo to false"),
    ("extraArgs: [--shard=2]", "extraArgs: the chart sets --shard itself: remove it"),
    (
        "config: {accounts: [{name: a, provider: venice, api_key: k}]}",
        "api_key of a would be stored in a ConfigMap: add it to the Secret existingSecret as an entry NAME, and write "
        "api_key_file: /etc/genai-usage-exporter/keys/NAME",
    ),
    (
        "config: {accounts: [{name: a, provider: cheapestinference, keys: [{name: b, api_key: k}]}]}",
        "api_key of a would be stored in a ConfigMap",
    ),
    (
        "config: {accounts: [{name: a, provider: venice, proxy: 'http://u:p@proxy:3128'}]}",
        "the proxy's password of a would be stored in a ConfigMap: write proxy without it, and proxy_password_file: ",
    ),
    ("web: {config: {rate_limit: {}}, existingSecret: a}", "web.config and web.existingSecret are both a web config"),
    ("web: {tlsSecret: a}", "web.tlsSecret has no effect without a web config: add tls_server_config to web.config"),
]


def refusals(chart: Path) -> Problems:
    """Wrong values are refused with the value's path and what would be right."""
    problems: Problems = []
    cases = [(chart, given, message) for given, message in REFUSALS]
    for part in ("prometheusRule", "dashboards"):
        message = f"{part}.enabled: this chart contains no"
        cases.append((FOLDER, f"{part}: {{enabled: true}}", message))
    for where, given, message in cases:
        try:
            helm_chart.install(where, helm_chart.values(given))
            problems.append(f"{given}: accepted")
        except Refused as refused:
            if message not in str(refused):
                problems.append(f"{given}: {refused}")
    helm_chart.install(FOLDER, {})
    # Every secret that a config may contain literally.
    validation = (FOLDER / "templates/_validate.tpl").read_text()
    for path in (ROOT / "Sources").glob("**/*.swift"):
        for name in re.findall(r'\.(?:requiredS|s)ecret\("(\w+)"', path.read_text()):
            if f'"{name}"' not in validation:
                problems.append(f"{path.name} reads {name}, which _validate.tpl does not refuse")
    return problems


def documents(_: Path) -> Problems:
    """The README's table is that of values.yaml, and the schema has the same values."""
    problems: Problems = []
    if helm_chart.values_table() not in (FOLDER / "README.md").read_text():
        problems.append(f"the README's table should be:\n{helm_chart.values_table()}")
    schema = json.loads((FOLDER / "values.schema.json").read_text())
    documented = [path for path, *_ in helm_chart.documented_values()]

    def compare(part: Manifest, defaults: Any, where: str) -> None:
        declared = set(part.get("properties", {})) - {"global"}
        if part.get("additionalProperties") is not False or "properties" not in part:
            if where not in documented:
                problems.append(f"values.yaml does not document {where}")
            return
        if declared != set(defaults):
            problems.append(f"schema and values.yaml differ at {where}: {declared ^ set(defaults)}")
        for name in declared & set(defaults):
            compare(part["properties"][name], defaults[name], f"{where}.{name}".lstrip("."))

    compare(schema, yaml.safe_load((FOLDER / "values.yaml").read_text()), "")
    return problems


def exporter(chart: Path, binary: str) -> Problems:
    """The binary has the flags of the rendered command lines, and `check` accepts the rendered configs."""
    problems: Problems = []
    for name, values in helm_chart.ci_values():
        release = helm_chart.install(chart, values)
        container = release.container()
        command, *arguments = container["args"]
        usage = subprocess.run([binary, command, "--help"], check=True, capture_output=True, text=True).stdout
        given = {each["name"] for each in container.get("env", [])}
        for argument in arguments:
            if not re.search(rf"^ +{re.escape(argument.split('=')[0])}(?: |$)", usage, re.MULTILINE):
                problems.append(f"{name}: {command} has no flag {argument}")
            unset = set(re.findall(r"\$\((\w+)\)", argument)) - given
            problems += [f"{name}: {each} is not set" for each in sorted(unset)]
        with helm_chart.temporary_folder() as root:
            problems += [f"{name}: {each}" for each in rejected_configs(release, Path(root), binary)]
    return problems


def rejected_configs(release: Release, root: Path, binary: str) -> Problems:
    """Creates the container's files below a folder and runs `check` on the two configs."""
    problems: Problems = []
    container = release.container()
    mounted = [each["mountPath"] for each in container["volumeMounts"]]
    command = [binary, "check"]
    for kind, section, flag in (("ConfigMap", "data", "--config.file"), ("Secret", "stringData", "--web.config.file")):
        for manifest in release.of_kind(kind):
            for file, text in manifest[section].items():
                path = next((each.split("=")[1] for each in container["args"] if each.startswith(f"{flag}=")), "")
                if Path(path).name != file:
                    continue
                for secret in re.findall(r"_file: (\S+)", text):
                    if not any(secret.startswith(f"{folder}/") for folder in mounted):
                        problems.append(f"{secret} is on no volume")
                    (root / secret[1:]).parent.mkdir(parents=True, exist_ok=True)
                    (root / secret[1:]).write_text("a-key\n")
                if "tls_server_config" in text:
                    pair = [root / each[1:] for each in re.findall(r"(?:cert|key)_file: (\S+)", text)]
                    subprocess.run(
                        [*"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(),
                         "-subj", "/CN=exporter", "-out", pair[0], "-keyout", pair[1]],
                        check=True, capture_output=True,
                    )
                (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (root / path[1:]).write_text(re.sub(r"(?<=_file: )/", f"{root}/", text))
                command.append(f"{flag}={root}{path}")
    if "demo" in container["args"]:
        return problems
    environment = {each["name"]: "a-key" for each in container["env"]}
    checked = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if len(command) < 3 or checked.returncode != 0:
        problems.append(f"{' '.join(command)}: {checked.stderr}")
    return problems


CHECKS: dict[str, Check] = {
    each.__name__: each
    for each in (
        lint, package, manifests, rules, refusals, documents, exporter, chart_objects.stack,
        chart_objects.upgrade, chart_objects.kustomization,
    )
}


def main() -> int:
    if sys.argv[1:] == ["table"]:
        print(helm_chart.values_table())
        return 0
    check = CHECKS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if check is None:
        print(f"{__doc__}\nChecks: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    with helm_chart.temporary_folder() as folder:
        problems = check(helm_chart.package(folder), *sys.argv[2:])
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
