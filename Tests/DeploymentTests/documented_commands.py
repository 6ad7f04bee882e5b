#!/usr/bin/env python3
"""Runs the commands of the documents as a reader does, in the order of each page, and checks the configs shown there.

    documented_commands.py BINARY

Each page has a folder of its own, with the README's config, a ledger with the usage of a demo, and a demo that serves.
Prints one line per finding; exits with 1 if there is any. A finding is a command that fails, a config that `check`
refuses, or a command that is neither run nor listed in `ELSEWHERE` with the reason.
"""

import contextlib
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The beginning of a command, and why it is not run here.
ELSEWHERE = {
    "$(command -v sudo) apt-get": "installs packages, and builds",
    ".ci/test": "runs this test",
    "swift ": "runs a build or this test suite",
    "GENAI_TEST_KILLS": "runs this test suite",
    "TSAN_OPTIONS": "rebuilds everything with a sanitizer",
    "ASAN_OPTIONS": "rebuilds everything with a sanitizer",
    "Tests/Benchmarks/run": "takes more than an hour",
    "Tests/Fuzzing/run": "takes a minute for each target; the seeds are run by FuzzingTests",
    "genai_usage_exporter once": "needs a provider; OnceTests run it",
    "systemctl": "needs a running systemd",
    "docker": "needs a container engine",
    "kubectl": "needs a cluster; the manifests are checked by ManifestTests",
    "helm": "needs a cluster; the chart is rendered by ChartTests",
    "litestream": "Litestream is not in Debian",
    "pip install focus-validator": "needs Python 3.12",
    "pip install spdx-tools": "needs a release; the SBOM is checked by ReleaseTests",
    "sha256sum": "needs a release; the checksums are checked by ReleaseTests",
    "git tag": "changes the repository",
    "apt ": "needs a release; the package is checked by ReleaseTests",
    "dnf ": "needs a release; the package is checked by ReleaseTests",
    "jb ": "needs jsonnet-bundler",
    "deploy/mixin/generate": "changes the repository, or needs a config; MixinTests run it",
    "deploy/release/build": "builds for a quarter of an hour; its parts are checked by ReleaseTests",
}
# Commands that run until they are stopped.
LASTING = ("genai_usage_exporter serve",)
SECONDS = 300


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


def pages():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split()]


def reason(block):
    return next((why for start, why in ELSEWHERE.items() if block.startswith(start)), None)


class Reader:
    """Runs commands with the program in the search path, and its demo at an address of its own."""

    def __init__(self, folder, binary):
        self.folder = folder
        self.findings = []
        programs = folder / "bin"
        programs.mkdir()
        (programs / "genai_usage_exporter").symlink_to(binary)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            **{name: "key" for page in pages() for name in re.findall(r"_env: (\w+)", page.read_text())},
        }
        self.demo = subprocess.Popen(
            [binary, "demo", "--storage.path", folder / "demo", "--web.listen-address", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        found = re.search(r"http://([^/]+)/metrics", self.demo.stdout.readline())
        self.address = found.group(1)
        ready = f"until curl -sf http://{self.address}/-/ready; do sleep 0.5; done"
        self.expect(self.shell(ready, folder), "demo", ready)

    def shell(self, script, cwd):
        return subprocess.run(
            ["timeout", str(SECONDS), "bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def here(self, block):
        """The block with this machine's address and folders."""
        block = block.replace("localhost:10061", self.address).replace("/var/lib/prometheus", "tsdb")
        lines = []
        for line in block.splitlines():
            if line.startswith(LASTING):
                # 124 is the status of a program that had to be stopped.
                line = f"timeout 5 {line} --web.listen-address 127.0.0.1:0 || [ $? = 124 ]"
            lines.append(line)
        return "\n".join(lines)

    def read(self, page):
        name = str(page.relative_to(ROOT))
        folder = self.folder / name.replace("/", "_")
        folder.mkdir()
        config = next(block for block in blocks(ROOT / "README.md", "yaml") if block.startswith("accounts:"))
        (folder / "genai_usage_exporter.yml").write_text(config)
        snapshot = f"genai_usage_exporter ledger snapshot --storage.path {self.folder}/demo --output data/ledger.sqlite"
        (folder / "data").mkdir()
        self.expect(self.shell(snapshot, folder), name, snapshot)
        # It stands for the reader's own ledger, which is not a demo's.
        with contextlib.closing(sqlite3.connect(folder / "data/ledger.sqlite")) as ledger, ledger:
            ledger.execute("DELETE FROM setting WHERE name = 'simulated'")
        for part in ("Sources", "Tests", "deploy", "grafana"):
            (folder / part).symlink_to(ROOT / part)
        ran = 0
        for block in blocks(page, "sh"):
            if reason(block) is None:
                self.expect(self.shell(self.here(block), folder), name, block)
                ran += 1
        for block in blocks(page, "yaml"):
            if re.search(r"^accounts:$", block, re.M):
                (folder / "shown.yml").write_text(block)
                check = "genai_usage_exporter check --config.file shown.yml"
                self.expect(self.shell(check, folder), name, block)
                ran += 1
        return ran

    def expect(self, outcome, name, block):
        if outcome.returncode != 0:
            self.findings.append(f"{name}: exit {outcome.returncode} of {block!r}: {outcome.stdout}{outcome.stderr}")

    def close(self):
        self.demo.terminate()
        self.demo.wait(timeout=30)


def main(binary):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="genai-test-"))
    reader = Reader(folder, pathlib.Path(binary).resolve())
    try:
        ran = sum(reader.read(page) for page in pages())
    finally:
        reader.close()
        shutil.rmtree(folder)
    for finding in reader.findings:
        print(finding)
    print(f"{ran} commands and configs, {len(reader.findings)} findings", file=sys.stderr)
    return 1 if reader.findings or not ran else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
