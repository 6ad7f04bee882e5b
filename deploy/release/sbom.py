#!/usr/bin/env python3
"""Prints the software bill of materials of a binary as SPDX 2.3 JSON: sbom.py ROOT BINARY PACKAGED VERSION

Lists the Swift packages of Package.resolved and the Swift library, which are linked statically, and the Debian packages
of the libraries that the binary loads. SOURCE_DATE_EPOCH is the document's time.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import components

HOME = "https://github.com/genai-usage-exporter/genai-usage-exporter"
MAIN = "SPDXRef-genai-usage-exporter"


def declared_license(text: str) -> str:
    if "Apache License" in text:
        exception = "Runtime Library Exception" in text
        return "Apache-2.0 WITH Swift-exception" if exception else "Apache-2.0"
    return "MIT" if "Permission is hereby granted, free of charge" in text else "NOASSERTION"


def entry(identifier: str, name: str, version: str, location: str, license: str, purl: str) -> dict[str, Any]:
    return {
        "SPDXID": identifier,
        "name": name,
        "versionInfo": version,
        "downloadLocation": location,
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": license,
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
        ],
    }


def identifier(*parts: str) -> str:
    return "SPDXRef-" + "-".join(re.sub(r"[^A-Za-z0-9.]", "-", part) for part in parts)


def document(root: Path, binary: Path, packaged: Path, version: str) -> dict[str, Any]:
    revision = subprocess.run(
        ["git", "-C", root, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    main = entry(
        MAIN, "genai-usage-exporter", version, f"git+{HOME}@{revision}", "NOASSERTION",
        f"pkg:github/genai-usage-exporter/genai-usage-exporter@{revision}",
    )
    main["primaryPackagePurpose"] = "APPLICATION"
    packages = [main]
    relationships: list[dict[str, str]] = []

    def add(package: dict[str, Any], relationship: str) -> None:
        packages.append(package)
        relationships.append(
            {"spdxElementId": MAIN, "relationshipType": relationship, "relatedSpdxElement": package["SPDXID"]}
        )

    for swift in components.swift_packages(root, binary):
        [license] = [each for each in swift.legal_files() if each.parent == swift.folder and "LICENSE" in each.name]
        host = swift.location.removeprefix("https://")
        add(
            entry(
                identifier("swift", swift.name), swift.name, swift.version, f"git+{swift.location}@{swift.revision}",
                declared_license(license.read_text()), f"pkg:swift/{host}@{swift.version}",
            ),
            "STATIC_LINK",
        )
    compiler, license = components.swift_library()
    tag = f"swift-{compiler}-RELEASE"
    add(
        entry(
            identifier("swift", "library"), "swift", compiler, f"git+https://github.com/swiftlang/swift@{tag}",
            declared_license(license.read_text()), f"pkg:swift/github.com/swiftlang/swift@{compiler}",
        ),
        "STATIC_LINK",
    )
    for library in components.system_libraries(binary):
        form = identifier("deb", library.package)
        if form not in [each["SPDXID"] for each in packages]:
            purl = f"pkg:deb/debian/{library.package}@{library.version.replace('+', '%2B').replace(':', '%3A')}"
            add(entry(form, library.package, library.version, "NOASSERTION", "NOASSERTION", purl), "DYNAMIC_LINK")

    digest = hashlib.sha256(packaged.read_bytes()).hexdigest()
    created = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"genai-usage-exporter-{version}",
        # Another binary is another document.
        "documentNamespace": f"{HOME}/spdx/{version}/{digest}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Organization: genai-usage-exporter", "Tool: genai-usage-exporter-sbom"],
        },
        "documentDescribes": [MAIN],
        "packages": packages,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": MAIN},
            *relationships,
        ],
    }


def main() -> None:
    root, binary, packaged, version = sys.argv[1:]
    print(json.dumps(document(Path(root).resolve(), Path(binary).resolve(), Path(packaged), version), indent=2))


if __name__ == "__main__":
    main()
