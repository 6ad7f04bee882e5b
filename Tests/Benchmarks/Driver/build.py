"""The size of the stripped, statically linked release binary, and the duration of a cold build."""

import shutil
import subprocess
import time

from tables import mebibytes, show
from workplace import BUILT, ROOT, run, say


def main(work, names):
    """Builds once in a new directory, after downloading the dependencies."""
    if names:
        raise SystemExit("build takes no arguments")
    scratch = BUILT / "cold"
    shutil.rmtree(scratch, ignore_errors=True)
    options = ["--package-path", ROOT, "--scratch-path", scratch]
    run("swift", "package", *options, "resolve")
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "genai_usage_exporter"]
    say("build: cold, this takes many minutes")
    begun = time.perf_counter()
    subprocess.run([str(word) for word in command + options], stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - begun
    binary = scratch / "release/genai_usage_exporter"
    stripped = work.new("stripped")
    run("strip", "-o", stripped, binary)
    show(
        "Release build with --static-swift-stdlib",
        ["cold build, s", "binary, MiB", "stripped, MiB"],
        [[f"{seconds:,.0f}", mebibytes(binary.stat().st_size), mebibytes(stripped.stat().st_size)]])
    shutil.rmtree(scratch, ignore_errors=True)
