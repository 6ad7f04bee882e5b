"""Paths and settings of the benchmark."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEERS = ROOT / "Tests/Benchmarks/Peers"
BUILT = ROOT / ".build/benchmarks"
EXPORTER = BUILT / "genai_usage_exporter"
OURS = ROOT / ".build/static/release/benchmarks"


def setting(name, default):
    """An integer from the environment."""
    return int(os.environ.get(name, default))


class Workplace:
    """A directory on the repository's disk for ledgers, pages and logs; removed at the end."""

    def __init__(self):
        BUILT.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="work-", dir=BUILT))
        self._names = 0

    def remove(self):
        """Deletes the directory."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self, name):
        """A new, unused path."""
        self._names += 1
        return self.folder / f"{self._names}-{name}"


def ours(*arguments):
    """Runs a Swift command of the benchmark to completion and returns its output."""
    return run(OURS, *arguments)


def run(*command):
    """Runs a program to completion and returns its output."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} {' '.join(map(str, command[1:]))} ended with {done.returncode}")
    return done.stdout


def free_port():
    """A free port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def say(text):
    """Reports progress on standard error; the tables go to standard output."""
    print(text, file=sys.stderr, flush=True)
