"""Checks how the chart's objects fit each other, kube-prometheus-stack, older releases and deploy/kubernetes."""
import json
from pathlib import Path
from typing import Any

import yaml

import assemble_manifests
import helm_chart
from helm_chart import FOLDER, MONITORING, ROOT, Manifest, Problems, Release


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """A label selector without expressions, as Kubernetes evaluates it."""
    assert set(selector) <= {"matchLabels"}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def stack(chart: Path) -> Problems:
    """A default kube-prometheus-stack (values of its version 88.5.3) selects scrape, rules and dashboards.

    Its Prometheus selects by the label `release` in every namespace, its Grafana's sidecar by `grafana_dashboard`.
    """
    problems: Problems = []
    other = {key: {**each, "labels": {"release": "metrics"}} for key, each in MONITORING.items() if key != "dashboards"}
    for release_of_stack, values in (("kube-prometheus-stack", MONITORING), ("metrics", {**MONITORING, **other})):
        release = helm_chart.install(chart, values)
        for kind in ("ServiceMonitor", "PrometheusRule"):
            labels = [each["metadata"]["labels"] for each in release.of_kind(kind)]
            if [matches({"matchLabels": {"release": release_of_stack}}, each) for each in labels] != [True]:
                problems.append(f"{kind}: {labels}")
        dashboards = [
            each for each in release.of_kind("ConfigMap")
            if matches({"matchLabels": {"grafana_dashboard": "1"}}, each["metadata"]["labels"])
        ]
        uids = {json.loads(text)["uid"] for each in dashboards for text in each["data"].values()}
        if uids != {path.stem for path in (ROOT / "grafana/dashboards").glob("*.json")}:
            problems.append(f"dashboards: {uids}")
    for name, values in helm_chart.ci_values():
        problems += [f"{name}: {each}" for each in connections(helm_chart.install(chart, values, namespace="genai"))]
    return problems


def connections(release: Release) -> Problems:
    """The objects of a release in the namespace genai select each other, and Prometheus reaches the pods."""
    problems: Problems = []
    spec = release.stateful_set()["spec"]
    labels = spec["template"]["metadata"]["labels"]
    ports = {port["name"] for port in release.container()["ports"]}
    services = {each["metadata"]["name"]: each for each in release.of_kind("Service")}
    if spec["serviceName"] not in services or not matches(spec["selector"], labels):
        problems.append("the StatefulSet's Service or selector")
    for name, service in services.items():
        if not matches({"matchLabels": service["spec"]["selector"]}, labels):
            problems.append(f"the Service {name} selects no pod")
        problems += [f"{name}: {port}" for port in service["spec"]["ports"] if port["targetPort"] not in ports]
    for monitor in release.of_kind("ServiceMonitor"):
        selected = [
            each for each in services.values() if matches(monitor["spec"]["selector"], each["metadata"]["labels"])
        ]
        [endpoint] = monitor["spec"]["endpoints"]
        if [[port["name"] for port in each["spec"]["ports"]] for each in selected] != [[endpoint["port"]]]:
            problems.append(f"the ServiceMonitor selects {selected}")
        if {"targetLabel": "job", "replacement": "genai"} not in endpoint["relabelings"]:
            problems.append("the job differs from that of the alerts")
        if monitor["metadata"]["namespace"] != "genai" and "namespaceSelector" not in monitor["spec"]:
            problems.append("the ServiceMonitor selects Services of its own namespace only")
    for policy in release.of_kind("NetworkPolicy") + release.of_kind("PodDisruptionBudget"):
        if not matches(policy["spec"].get("podSelector") or policy["spec"]["selector"], labels):
            problems.append(f"{policy['kind']} selects no pod")
    for policy in release.of_kind("NetworkPolicy"):
        [rule] = policy["spec"]["ingress"]
        peers = rule.get("from", [{"namespaceSelector": {}}])
        for namespace in ("monitoring", "genai"):
            # A peer without a selector of namespaces is in the policy's own.
            own = {"matchLabels": {"kubernetes.io/metadata.name": "genai"}}
            if not any(
                matches(peer.get("namespaceSelector", own), {"kubernetes.io/metadata.name": namespace})
                and matches(peer.get("podSelector", {}), {"app.kubernetes.io/name": "prometheus"})
                for peer in peers
            ):
                problems.append(f"the NetworkPolicy keeps Prometheus in {namespace} from the metrics")
        if {port["port"] for port in rule["ports"]} - ports:
            problems.append(f"the NetworkPolicy allows {rule['ports']}")
    return problems


def upgrade(chart: Path) -> Problems:
    """An upgrade to another version changes no immutable field of the StatefulSet, and a changed config restarts it."""
    def immutable(release: Release) -> Manifest:
        mutable = ("replicas", "template", "updateStrategy", "minReadySeconds")
        return {key: value for key, value in release.stateful_set()["spec"].items() if key not in mutable}

    def annotations(values: Manifest) -> Manifest:
        return helm_chart.install(chart, values).stateful_set()["spec"]["template"]["metadata"]["annotations"]

    problems: Problems = []
    with helm_chart.temporary_folder() as folder:
        newer = helm_chart.package(folder, "1.3.0-rc.1")
        for name, values in helm_chart.ci_values():
            before, after = helm_chart.install(chart, values), helm_chart.install(newer, values)
            if immutable(before) != immutable(after):
                problems.append(f"{name}: {immutable(before)} became {immutable(after)}")
    if annotations({}) == annotations({"config": {"global": {"timeout": "20s"}}}):
        problems.append("a change of the config restarts no pod")
    return problems


def kustomization(chart: Path) -> Problems:
    """Objects that both have are the same as those of deploy/kubernetes, but for names, paths and owners."""
    def comparable(manifests: list[Manifest]) -> dict[str, Any]:
        text = json.dumps([each for each in manifests if each["kind"] != "PrometheusRule"])
        for ours, theirs in (
            ("/etc/genai_usage_exporter_web", "/etc/genai-usage-exporter/web"),
            ("/etc/genai_usage_exporter/", "/etc/genai-usage-exporter/config/"),
            ('"/etc/genai_usage_exporter"', '"/etc/genai-usage-exporter/config"'),
            ('"/keys"', '"/etc/genai-usage-exporter/keys"'), ('"/tls"', '"/etc/genai-usage-exporter/tls"'),
        ):
            text = text.replace(ours, theirs)
        found: dict[str, Any] = {}
        for manifest in json.loads(text):
            spec = manifest.get("spec")
            if manifest["kind"] in ("ServiceAccount", "ConfigMap", "Secret"):
                continue
            if manifest["kind"] == "StatefulSet":
                pod = spec["template"]["spec"]
                pod.pop("serviceAccountName", None)
                spec["template"].pop("metadata")
                del pod["containers"][0]["image"]
                pod["containers"][0].pop("imagePullPolicy", None)
                pod["volumes"] = [
                    each["name"] if each["name"] in ("config", "web") else each for each in pod["volumes"]
                ]
            if manifest["kind"] == "Service":
                spec.pop("type", None)
            if manifest["kind"] == "NetworkPolicy":
                # Here also from the release's namespace.
                spec["ingress"][0]["from"] = spec["ingress"][0]["from"][:1]
            if manifest["kind"] == "ServiceMonitor":
                spec["endpoints"][0].pop("path", None)
            found[f"{manifest['kind']}/{manifest['metadata']['name']}"] = without_instance(spec)
        return found

    tls = yaml.safe_load((FOLDER / "ci/tls-values.yaml").read_text())
    del tls["web"]["config"]["basic_auth_users"], tls["serviceMonitor"]["basicAuth"]
    problems: Problems = []
    for components, values in ((["monitoring"], MONITORING), (["monitoring", "tls"], {**MONITORING, **tls})):
        assembled: list[Manifest] = []
        for folder in [".", *components]:
            assembled = assemble_manifests.assemble(ROOT / "deploy/kubernetes" / folder, assembled)
        theirs, ours = comparable(assembled), comparable(helm_chart.install(chart, values).manifests)
        for name in sorted(set(theirs) | set(ours)):
            if theirs.get(name) != ours.get(name):
                problems.append(f"{name}: kustomize {theirs.get(name)}\nchart {ours.get(name)}")
    return problems


def without_instance(part: Any) -> Any:
    """Removes the label that only Helm's selectors have."""
    if isinstance(part, dict):
        return {key: without_instance(each) for key, each in part.items() if key != "app.kubernetes.io/instance"}
    return [without_instance(each) for each in part] if isinstance(part, list) else part
