"""Components of a release: Swift packages, the Swift library and Debian's libraries."""
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class SwiftPackage(NamedTuple):
    """A dependency as SwiftPM resolved it."""

    name: str
    version: str
    location: str
    revision: str
    folder: Path

    def legal_files(self) -> list[Path]:
        """License and notice files, of the package and of the sources of others in it."""
        found = [
            path
            for folder in (self.folder, *self.folder.glob("Sources/*/"))
            for path in folder.glob("*")
            if re.match(r"(LICENSE|NOTICE)", path.name) and path.is_file()
        ]
        if not any(path.name.startswith("LICENSE") for path in found):
            sys.exit(f"{self.folder} contains no license: run `swift package resolve` with the build's --scratch-path")
        return sorted(found)


class SystemLibrary(NamedTuple):
    """A library that the binary loads, and the Debian package that it was linked with."""

    file: str
    package: str
    version: str


def swift_packages(root: Path, binary: Path) -> list[SwiftPackage]:
    resolved = root / "Package.resolved"
    if not resolved.is_file():
        sys.exit(f"{resolved} is missing: run `swift package resolve`")
    scratch = next((each for each in binary.parents if (each / "checkouts").is_dir()), None)
    if scratch is None:
        sys.exit(f"no folder above {binary} contains checkouts: give a binary in SwiftPM's scratch folder")
    found: list[SwiftPackage] = []
    for pin in json.loads(resolved.read_text())["pins"]:
        location = pin["location"].removesuffix(".git")
        found.append(
            SwiftPackage(
                pin["identity"], pin["state"]["version"], location, pin["state"]["revision"],
                scratch / "checkouts" / location.rsplit("/", 1)[1],
            )
        )
    return sorted(found)


def swift_library() -> tuple[str, Path]:
    """The compiler's version, and the license of the Swift library, Foundation and Dispatch."""
    target = json.loads(subprocess.run(["swiftc", "-print-target-info"], check=True, capture_output=True).stdout)
    found = re.search(r"Swift version (\S+)", target["compilerVersion"])
    folder = Path(target["paths"]["runtimeResourcePath"]).parents[1]
    if found is None:
        sys.exit(f"swiftc has no version: {target['compilerVersion']}")
    return found[1], folder / "share/swift/LICENSE.txt"


def system_libraries(binary: Path) -> list[SystemLibrary]:
    listed = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
    found: list[SystemLibrary] = []
    for path in re.findall(r"(?:=> |^\s+)(/\S+)", listed, re.MULTILINE):
        # A library may be packaged below /lib or below /usr/lib, which are the same folder.
        pattern = f"*/{Path(path).name}"
        owner = subprocess.run(["dpkg-query", "--search", pattern], capture_output=True, text=True).stdout
        packages = {
            line.split(": ")[0] for line in owner.splitlines() if line.split(": ")[1].removeprefix("/usr") == path
        }
        if len(packages) != 1:
            sys.exit(f"{path} belongs to no Debian package: build with --static-swift-stdlib, on Debian")
        [package] = packages
        form = "${Package}\t${Version}"
        shown = subprocess.run(["dpkg-query", "-W", "-f", form, package], check=True, capture_output=True, text=True)
        found.append(SystemLibrary(Path(path).name, *shown.stdout.split("\t")))
    return sorted(found)
