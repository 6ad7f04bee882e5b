#!/usr/bin/env python3
"""Assembles a kustomization without kustomize, for checks on machines that have none.

    assemble_manifests.py KUSTOMIZATION_FOLDER [COMPONENT_FOLDER…]

Prints the manifests that `kubectl kustomize` would, in the order of the files and with other ConfigMap suffixes.
Rejects kustomize features that the repository does not use, and YAML files that no kustomization references. Needs
PyYAML.
"""
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

POD_TEMPLATES = {"StatefulSet": ("spec", "template")}
KNOWN = {
    "apiVersion", "kind", "resources", "labels", "generatorOptions", "configMapGenerator", "patches", "images",
    "replacements",
}


class Refusal(Exception):
    """The kustomization is invalid, or uses an unsupported feature."""


def only(mapping: Manifest, known: set[str], where: str) -> None:
    if beyond := set(mapping) - known:
        raise Refusal(f"{where}: not supported: {', '.join(sorted(beyond))}")


def hashed_name(name: str, data: dict[str, str]) -> str:
    """Appends a hash of the content, as kustomize does, but with another algorithm."""
    return f"{name}-{hashlib.sha256(json.dumps(data).encode()).hexdigest()[:10]}"


def containers(manifest: Manifest) -> list[Manifest]:
    part: Any = manifest
    for key in POD_TEMPLATES.get(manifest["kind"], ()):
        part = part[key]
    return part["spec"]["containers"] if manifest["kind"] in POD_TEMPLATES else []


def config_map(generator: Manifest, options: Manifest, folder: Path) -> Manifest:
    only(generator, {"name", "files"}, "configMapGenerator")
    only(options, {"disableNameSuffixHash", "labels", "annotations"}, "generatorOptions")
    data = {name: (folder / name).read_text() for name in generator["files"]}
    plain = options.get("disableNameSuffixHash", False)
    metadata: Manifest = {"name": generator["name"] if plain else hashed_name(generator["name"], data)}
    metadata |= {key: dict(options[key]) for key in ("labels", "annotations") if key in options}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def name_config_map(manifests: list[Manifest], plain: str, hashed: str) -> None:
    for manifest in manifests:
        if manifest["kind"] in POD_TEMPLATES:
            for volume in manifest["spec"]["template"]["spec"]["volumes"]:
                if volume.get("configMap", {}).get("name") == plain:
                    volume["configMap"]["name"] = hashed


def name_image(manifests: list[Manifest], image: Manifest) -> None:
    only(image, {"name", "newName", "newTag"}, "images")
    for manifest in manifests:
        for container in containers(manifest):
            if container["image"] == image["name"]:
                container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"


def patch(manifests: list[Manifest], change: Manifest, folder: Path) -> None:
    """Applies JSON patches that add or replace; a target without matches is ignored, as in kustomize."""
    only(change, {"target", "patch", "path"}, "patches")
    target = change["target"]
    only(target, {"group", "kind", "name"}, "patches.target")
    operations = yaml.safe_load(change["patch"] if "patch" in change else (folder / change["path"]).read_text())
    for manifest in manifests:
        found = {
            "group": manifest["apiVersion"].rpartition("/")[0], "kind": manifest["kind"],
            "name": manifest["metadata"]["name"],
        }
        if any(found[key] != value for key, value in target.items()):
            continue
        for operation in operations:
            only(operation, {"op", "path", "value"}, "patches.patch")
            *parents, last = operation["path"].strip("/").replace("~1", "/").split("/")
            if "~" in operation["path"].replace("~1", ""):
                raise Refusal(f"patches: not supported: {operation['path']}")
            holder: Any = manifest
            for step in parents:
                holder = holder[int(step) if isinstance(holder, list) else step]
            if operation["op"] == "add" and isinstance(holder, list):
                if last != "-":
                    raise Refusal("patches: only appending to a list is supported")
                holder.append(operation["value"])
            elif operation["op"] == "add" or operation["op"] == "replace" and last in holder:
                holder[last] = operation["value"]
            else:
                raise Refusal(f"patches: nothing to {operation['op']} at {operation['path']}")


def selected(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    found = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    if len(found) != 1:
        raise Refusal(f"replacements: there are {len(found)} of {kind}/{name}")
    return found[0]


def at(part: Any, path: list[str]) -> Any:
    for step in path:
        if step.startswith("["):
            key, _, value = step.strip("[]").partition("=")
            part = next(each for each in part if each[key] == value)
        else:
            part = part[step]
    return part


def replace(manifests: list[Manifest], replacement: Manifest) -> None:
    only(replacement, {"source", "targets"}, "replacements")
    source = replacement["source"]
    value = at(selected(manifests, source["kind"], source["name"]), source["fieldPath"].split("."))
    for target in replacement["targets"]:
        only(target, {"select", "fieldPaths"}, "replacements.targets")
        manifest = selected(manifests, target["select"]["kind"], target["select"]["name"])
        for path in target["fieldPaths"]:
            *parents, last = path.split(".")
            holder = at(manifest, parents)
            # Keeps the type of the target, as kustomize does.
            holder[last] = type(holder[last])(value)


def assemble(folder: Path, manifests: list[Manifest]) -> list[Manifest]:
    """Adds a directory's manifests. A component also changes the existing ones."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    only(kustomization, KNOWN, str(folder / "kustomization.yaml"))
    generators = kustomization.get("configMapGenerator", [])
    resources = kustomization.get("resources", [])
    patches = kustomization.get("patches", [])
    named = {
        *(name for name in resources if not (folder / name).is_dir()),
        *(name for each in generators for name in each["files"] if not name.endswith(".json")),
        *(each["path"] for each in patches if "path" in each),
    }
    present = {path.name for suffix in ("yaml", "yml") for path in folder.glob(f"*.{suffix}")} - {"kustomization.yaml"}
    if named != present:
        missing, stray = sorted(named - present), sorted(present - named)
        raise Refusal(f"{folder}: referenced but missing: {missing}, not referenced: {stray}")

    added: list[Manifest] = []
    for name in resources:
        if (folder / name).is_dir():
            added = assemble(folder / name, added)
        else:
            added += yaml.safe_load_all((folder / name).read_text())
    every = manifests + added if kustomization["kind"] == "Component" else added
    for generator in generators:
        made = config_map(generator, kustomization.get("generatorOptions", {}), folder)
        added.append(made)
        if every is not added:
            every.append(made)
    for change in patches:
        patch(every, change, folder)
    for generator, made in zip(generators, added[len(added) - len(generators):]):
        name_config_map(every, generator["name"], made["metadata"]["name"])
    for label in kustomization.get("labels", []):
        only(label, {"pairs"}, "labels")
        for manifest in every:
            manifest["metadata"].setdefault("labels", {}).update(label["pairs"])
    for image in kustomization.get("images", []):
        name_image(every, image)
    for replacement in kustomization.get("replacements", []):
        replace(every, replacement)
    return manifests + added


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        manifests: list[Manifest] = []
        for folder in sys.argv[1:]:
            manifests = assemble(Path(folder), manifests)
    except (Refusal, OSError) as problem:
        print(f"assemble_manifests: {problem}", file=sys.stderr)
        return 1
    yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
