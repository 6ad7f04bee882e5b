#!/usr/bin/env python3
"""Checks deploy/release: release_checks.py CHECK BINARY. Prints each problem, and exits with 1 if there is one.

BINARY is the exporter in SwiftPM's scratch folder, whose checkouts the packages need. Packaged is a small program with
the same output of --version, because compressing the exporter takes a minute.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "deploy/release"
SCRIPTS = sorted(path for path in RELEASE.glob("scripts/*/*"))
VERSION_FILE = "Sources/ExporterCore/Process/ProcessFigures.swift"
NAME = "genai-usage-exporter"
CONFIG = "/etc/genai-usage-exporter"

Problems = list[str]


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, **{"capture_output": True, "text": True, **options})


def output(*command: str | Path, **options: object) -> str:
    return run(*command, check=True, **options).stdout


def version() -> str:
    [found] = re.findall(r'static let version = "(.*)"', (ROOT / VERSION_FILE).read_text())
    return found


def scratch_folder(folder: Path, binary: Path, revision: str) -> Path:
    """A scratch folder with a stand-in for the exporter, which is linked with two of its libraries."""
    (folder / "release").mkdir(parents=True)
    checkouts = next(parent / "checkouts" for parent in binary.parents if (parent / "checkouts").is_dir())
    (folder / "checkouts").symlink_to(checkouts)
    program = f'int puts(const char *); int main() {{ puts("genai_usage_exporter, version {version()} ' \
        f'(revision: {revision})"); }}'
    # The C compiler of the Swift toolchain.
    libraries = ("-Wl,--no-as-needed", "-lz", "-lsqlite3")
    output("clang", "-x", "c", "-", "-o", folder / "release/genai_usage_exporter", *libraries, input=program)
    return folder / "release/genai_usage_exporter"


def documents() -> list[str]:
    """The documents, and the files that they name, with the repository's paths."""
    listed = output("git", "-C", ROOT, "ls-files", "README.md", "deploy", "grafana", "Tests/README.md", "Sources")
    return [path for path in listed.splitlines() if not path.startswith("Sources/") or path.endswith(".md")]


def packaged(folder: Path, binary: Path, name: str = "packages", **options: object) -> Path:
    output(RELEASE / "package", version(), binary, folder / name, **options)
    return folder / name


def one(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(pattern)
    return found


def scripts(_: Path, folder: Path) -> Problems:
    """All scripts pass shellcheck, and are valid for the shell that runs them."""
    own = [path for path in RELEASE.iterdir() if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")]
    problems: Problems = []
    for path in (*own, *SCRIPTS):
        for command in (("shellcheck", path), ("sh", "-n", path)):
            checked = run(*command)
            if checked.returncode != 0 or not os.access(path, os.X_OK):
                problems.append(f"{path}: {checked.stdout}{checked.stderr}")
    if len(own) != 4 or len(SCRIPTS) != 6:
        problems.append(f"scripts: {own} {SCRIPTS}")
    return problems


def reproducible(binary: Path, folder: Path) -> Problems:
    """The same binary gives the same bytes in another environment, and the checksums are right."""
    stand_in = scratch_folder(folder / "scratch", binary, "0")
    first = packaged(folder, stand_in, "first")
    second = packaged(folder, stand_in, "second", cwd="/", umask=0o077, env={**os.environ, "TZ": "Asia/Tokyo"})
    names = {path.name for path in first.iterdir()}
    problems = [
        f"{name} differs" for name in names if (first / name).read_bytes() != (second / name).read_bytes()
    ]
    debian, rpm = {"x86_64": ("amd64", "x86_64"), "aarch64": ("arm64", "aarch64")}[os.uname().machine]
    archive = f"{NAME}-{version()}.linux-{debian}"
    expected = {f"{archive}.tar.gz", f"{archive}.spdx.json", f"{NAME}_{version()}_{debian}.deb",
                f"{NAME}-{version()}-1.{rpm}.rpm", f"{NAME}-{version()}.tgz", "Package.resolved", "SHA256SUMS"}
    problems += [f"{name} is missing or additional" for name in names ^ expected]
    sums = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=first)
    if sums.returncode != 0 or sums.stdout.count(": OK\n") != len(names) - 1:
        problems.append(f"checksums: {sums.stdout}{sums.stderr}")
    return problems


def wrong_modes(listed: dict[str, tuple[str, str]], kind: str) -> Problems:
    """Compares owner and mode of each file: only the keys' folder is not for everyone."""
    problems: Problems = []
    programs = {"/usr/bin/genai_usage_exporter"}
    programs |= {f"/usr/share/{NAME}/{path}" for path in documents() if os.access(ROOT / path, os.X_OK)}
    for path, (mode, owner) in listed.items():
        if mode.startswith("d"):
            expected = "drwx------" if path == f"{CONFIG}/keys" else "drwxr-xr-x"
        else:
            expected = "-rwxr-xr-x" if path in programs else "-rw-r--r--"
        if (mode, owner) != (expected, "root/root"):
            problems.append(f"{kind}: {path} is {mode} {owner}")
    expected_files = {
        "/usr/bin/genai_usage_exporter", f"{CONFIG}/keys", f"{CONFIG}/genai_usage_exporter.yml.example",
        f"/usr/share/doc/{NAME}/copyright", f"/usr/share/doc/{NAME}/CHANGELOG.md",
        *(f"/usr/lib/systemd/system/{NAME}.{unit}" for unit in ("service", "socket")),
        *(f"/usr/share/{NAME}/{path}" for path in documents()),
    }
    files = {path for path, (mode, _) in listed.items() if not mode.startswith("d")} | {f"{CONFIG}/keys"}
    return problems + [f"{kind}: {path} is missing or additional" for path in files ^ expected_files]


def debian(binary: Path, folder: Path) -> Problems:
    """Files, dependencies, conffiles and units of the Debian package."""
    package = one(packaged(folder, scratch_folder(folder / "scratch", binary, "0")), "*.deb")
    listed = {}
    for line in output("dpkg-deb", "--contents", package).splitlines():
        mode, owner, _, _, _, path = line.split()
        listed[path.removeprefix(".").removesuffix("/")] = (mode, owner)
    problems = wrong_modes(listed, "deb")
    control = folder / "control"
    output("dpkg-deb", "--control", package, control)
    if (control / "conffiles").read_text() != f"{CONFIG}/genai_usage_exporter.yml.example\n":
        problems.append(f"conffiles: {(control / 'conffiles').read_text()}")
    for name in ("postinst", "prerm", "postrm"):
        if (control / name).read_text() != (RELEASE / "scripts/deb" / name).read_text():
            problems.append(f"{name} is another script")
    depends = output("dpkg-deb", "--field", package, "Depends")
    if not re.fullmatch(r"ca-certificates, libc6 \(\S+ \S+\), libsqlite3-0 \(\S+ \S+\), zlib1g \(\S+ \S+\)\n", depends):
        problems.append(f"Depends: {depends}")

    # As systemd finds them after the installation.
    root = folder / "root"
    output("dpkg-deb", "--extract", package, root)
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True, dirs_exist_ok=True)
    (root / "bin").mkdir()
    shutil.copy("/bin/kill", root / "bin/kill")
    units = [f"/usr/lib/systemd/system/{NAME}.{kind}" for kind in ("service", "socket")]
    verified = run("systemd-analyze", f"--root={root}", "--man=no", "verify", *units)
    # It exits with 0 for unknown keys too, and prints warnings.
    if verified.returncode != 0 or verified.stdout or verified.stderr:
        problems.append(f"units: {verified.stdout}{verified.stderr}")
    for unit in units:
        packaged_unit, own = (root / unit[1:]).read_text(), (ROOT / "deploy/systemd" / Path(unit).name).read_text()
        if packaged_unit.replace("=/usr/bin/", "=/usr/local/bin/") != own:
            problems.append(f"{unit} is not that of deploy/systemd")
        if f"ConditionPathExists={CONFIG}/genai_usage_exporter.yml\n" not in packaged_unit:
            problems.append(f"{unit} starts without a config")
    return problems


def rpm(binary: Path, folder: Path) -> Problems:
    """Files, dependencies, config files and scriptlets of the RPM package."""
    package = one(packaged(folder, scratch_folder(folder / "scratch", binary, "0")), "*.rpm")
    form = "[%{FILENAMES}\t%{FILEMODES:perms}\t%{FILEUSERNAME}/%{FILEGROUPNAME}\n]"
    lines = output("rpm", "--query", "--package", f"--queryformat={form}", package).splitlines()
    problems = wrong_modes({path: (mode, owner) for path, mode, owner in (line.split("\t") for line in lines)}, "rpm")
    configs = output("rpm", "--query", "--package", "--configfiles", package).split()
    form = "[%{FILENAMES} %{FILEFLAGS:fflags}\n]"
    flags = output("rpm", "--query", "--package", f"--queryformat={form}", package)
    if configs != [f"{CONFIG}/genai_usage_exporter.yml.example"] or f"{configs[0]} cn\n" not in flags:
        problems.append(f"config files: {configs} {flags}")
    requires = output("rpm", "--query", "--package", "--requires", package).splitlines()
    for needed in ("ca-certificates", r"libc\.so\.6\(GLIBC_.*\)\(64bit\)", r"libz\.so\.1\(\)\(64bit\)",
                   r"libsqlite3\.so\.0\(\)\(64bit\)"):
        if not any(re.fullmatch(needed, each) for each in requires):
            problems.append(f"requires: no {needed} in {requires}")
    contained = output("rpm", "--query", "--package", "--scripts", package)
    for name, title in (("post", "postinstall"), ("preun", "preuninstall"), ("postun", "postuninstall")):
        if f"{title} scriptlet" not in contained or (RELEASE / "scripts/rpm" / name).read_text() not in contained:
            problems.append(f"scriptlets: {name} is missing in {contained}")
    return problems


def archive(binary: Path, folder: Path) -> Problems:
    """The archive has one folder, with the documents and the files that they name."""
    path = one(packaged(folder, scratch_folder(folder / "scratch", binary, "0")), "*.tar.gz")
    with tarfile.open(path) as opened:
        members = {each.name: each for each in opened}
        top = path.name.removesuffix(".tar.gz")
        expected = ["genai_usage_exporter", "genai_usage_exporter.yml.example", "copyright", *documents()]
        problems = [f"{each} is missing" for each in expected if f"{top}/{each}" not in members]
        problems += [f"{each} is outside of {top}" for each in members if each.split("/")[0] != top]
        problems += [f"{each.name}: owner {each.uid}" for each in members.values() if (each.uid, each.gid) != (0, 0)]
        unit = opened.extractfile(f"{top}/deploy/systemd/{NAME}.service")
        if unit is None or unit.read() != (ROOT / f"deploy/systemd/{NAME}.service").read_bytes():
            problems.append("the unit is not that of deploy/systemd")
        legal = opened.extractfile(f"{top}/copyright")
        text = legal.read().decode() if legal else ""
    # One of Apple's, one under MIT, a notice, and the compiler's library.
    for title in ("swift-nio 2", "yams 6", "swift-log 1.*: NOTICE.txt", "Swift 6.*: Swift library"):
        if not re.search(f"^{title}", text, re.MULTILINE):
            problems.append(f"no license of {title}")
    return problems


def sbom(binary: Path, folder: Path) -> Problems:
    """The SBOM is valid SPDX, and has every resolved package and every library that is loaded."""
    path = one(packaged(folder, scratch_folder(folder / "scratch", binary, "0")), "*.spdx.json")
    checked = run("pyspdxtools", "--infile", path)
    problems = [] if checked.returncode == 0 else [f"{path.name}: {checked.stdout}{checked.stderr}"]
    document = json.loads(path.read_text())
    versions = {each["name"]: each["versionInfo"] for each in document["packages"]}
    for pin in json.loads((ROOT / "Package.resolved").read_text())["pins"]:
        if versions.get(pin["identity"]) != pin["state"]["version"]:
            problems.append(f"{pin['identity']}: {versions.get(pin['identity'])}")
    for library in ("libc6", "libsqlite3-0", "zlib1g"):
        installed = output("dpkg-query", "--show", "--showformat=${Version}\n", library).split()
        if versions.get(library) not in installed:
            problems.append(f"{library}: {versions.get(library)}, installed {installed}")
    if versions[NAME] != version() or "swift" not in versions:
        problems.append(f"packages: {versions}")
    undeclared = [each["name"] for each in document["packages"]
                  if each["SPDXID"].startswith("SPDXRef-swift-") and each["licenseDeclared"] == "NOASSERTION"]
    return problems + [f"{each} has a license that is not recognized" for each in undeclared]


def maintainer(_: Path, folder: Path) -> Problems:
    """The state is removed by a purge only. The scripts find no other programs than these, which print their name."""
    for name in ("rm", "deb-systemd-helper", "deb-systemd-invoke", "systemctl"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (folder / name).chmod(0o755)
    state = "/var/lib/genai-usage-exporter /var/lib/private/genai-usage-exporter"
    units = "genai-usage-exporter.socket genai-usage-exporter.service"
    problems: Problems = []
    for arguments, expected in (
        ("deb/postrm purge", [f"rm -rf {CONFIG} {state}"]),
        ("deb/postrm remove", []),
        ("deb/postrm upgrade 0.3.0", []),
        ("deb/postrm failed-upgrade 0.1.0", []),
        ("deb/prerm upgrade 0.3.0", []),
        ("deb/postinst triggered x", []),
        ("rpm/preun 0", [f"systemctl --no-reload disable {units}"]),
        ("rpm/preun 1", []),
        ("rpm/post 1", [f"systemctl --no-reload preset {units}"]),
    ):
        script, *rest = arguments.split()
        done = run(RELEASE / "scripts" / script, *rest, env={"PATH": str(folder)})
        # Where systemd runs, the scripts call it as well.
        lines = [line for line in done.stdout.splitlines() if re.match("rm |.* (disable|preset) ", line)]
        if done.returncode != 0 or lines != expected:
            problems.append(f"{arguments}: {done.returncode} {done.stdout}{done.stderr}")
    return problems


def sources(folder: Path) -> Path:
    """A repository with what the release scripts read, at one commit with the version's tag."""
    repository = folder / "repository"
    for path in (*documents(), VERSION_FILE, "Package.resolved", ".gitignore"):
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, repository / path)
    git = ("git", "-C", repository, "-c", "user.name=release", "-c", "user.email=release@example.com")
    output(*git, "init", "--quiet")
    output(*git, "add", "--all")
    output(*git, "commit", "--quiet", "--message=Release")
    output(*git, "tag", f"v{version()}")
    return repository


def refusals(binary: Path, folder: Path) -> Problems:
    """Wrong versions, trees, folders and binaries are refused with what would be right."""
    repository = sources(folder)
    release = repository / "deploy/release"
    current = version()
    problems: Problems = []

    def refused(message: str, *command: str | Path) -> None:
        done = run(*command, cwd=folder)
        if done.returncode == 0 or message not in done.stderr:
            problems.append(f"{' '.join(map(str, command))}: {done.returncode} {done.stdout}{done.stderr}")

    accepted = run(release / "check-version", current)
    if accepted.returncode != 0 or accepted.stderr:
        problems.append(f"check-version {current}: {accepted.stderr}")
    for file in (VERSION_FILE, "deploy/compose/compose.yml", "deploy/kubernetes/kustomization.yaml",
                 "deploy/helm/genai-usage-exporter/README.md"):
        refused(f"{file} has version {current} instead of 99.0.0", release / "check-version", "99.0.0")
    refused("deploy/CHANGELOG.md has no section for 99.0.0", release / "notes", "99.0.0")
    refused("has no section for 99.0.0", release / "build", "--no-image", "99.0.0")
    refused("usage: deploy/release/build", release / "build")
    refused("is not empty", release / "build", "--no-image", current, repository)
    refused("v1 is not a version", release / "package", "v1", "/bin/true", "made")
    refused(f"true is not version {current}", release / "package", current, "/bin/true", "made")
    refused("is not an executable", release / "package", current, "missing", "made")
    dynamic = "belongs to no Debian package: build with --static-swift-stdlib"
    refused(dynamic, release / "package", current, binary, "made")
    if (folder / "made").exists():
        problems.append("a refused binary left files")
    output("git", "-C", repository, "tag", "--delete", f"v{current}")
    refused(f"is not tagged v{current}", release / "build", "--no-image", current)
    (repository / "additional").write_text("x")
    refused("the working tree differs from the commit", release / "build", "--no-image", current)
    return problems


def build(binary: Path, folder: Path) -> Problems:
    """`build` makes all files of a commit, with a stand-in for the compiler, and refuses a binary of another commit."""
    repository = sources(folder)
    revision = output("git", "-C", repository, "rev-parse", "HEAD").strip()
    scratch_folder(folder / "right", binary, revision)
    scratch_folder(folder / "wrong", binary, "another")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "swift").write_text(
        '#!/bin/sh\necho "$@" >> "$COMPILED/arguments"\ncp -R "$COMPILED/." .build/static\n')
    (programs / "swift").chmod(0o755)
    (repository / ".build").mkdir()

    def built(compiled: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "COMPILED": str(folder / compiled)}
        return run(repository / "deploy/release/build", "--no-image", version(), folder / f"{compiled}-made",
                   env=environment, cwd=folder)

    problems: Problems = []
    refused = built("wrong")
    if refused.returncode == 0 or "is another version: genai_usage_exporter, version" not in refused.stderr:
        problems.append(f"another commit: {refused.returncode} {refused.stderr}")
    shutil.rmtree(repository / ".build/static")
    done = built("right")
    made = folder / "right-made"
    if done.returncode != 0 or len(list(made.iterdir())) != 8:
        return [*problems, f"build: {done.returncode} {done.stderr} {list(made.iterdir())}"]
    if "-c release --static-swift-stdlib" not in (folder / "right/arguments").read_text():
        problems.append("the compiler was called otherwise")
    notes = (made / "RELEASE_NOTES.md").read_text()
    if not notes.startswith("### ") or f"[{version()}]" in notes or len(notes) < 100:
        problems.append(f"notes: {notes}")
    if run("sha256sum", "--check", "SHA256SUMS", cwd=made).stdout.count(": OK\n") != 7:
        problems.append((made / "SHA256SUMS").read_text())
    # The files have the commit's time.
    commit = output("git", "-C", repository, "log", "-1", "--format=%ct").strip()
    with tarfile.open(one(made, "*.tar.gz")) as opened:
        problems += [f"{each.name}: {each.mtime}" for each in opened if str(each.mtime) != commit]
    return problems


CHECKS: dict[str, Callable[[Path, Path], Problems]] = {
    each.__name__: each
    for each in (scripts, reproducible, debian, rpm, archive, sbom, maintainer, refusals, build)
}


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] not in CHECKS:
        print(f"{__doc__}\nChecks: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        problems = CHECKS[sys.argv[1]](Path(sys.argv[2]).resolve(), Path(folder))
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
