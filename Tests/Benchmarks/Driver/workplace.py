"""Where the benchmark's files are, and what it was told to do."""

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
    """A whole number from the environment."""
    return int(os.environ.get(name, default))


class Workplace:
    """A folder on the disk of the repository, for ledgers, pages and logs; removed at the end."""

    def __init__(self):
        BUILT.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="work-", dir=BUILT))
        self._names = 0

    def remove(self):
        """Deletes everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self, name):
        """A path that nothing has yet."""
        self._names += 1
        return self.folder / f"{self._names}-{name}"


def ours(*arguments):
    """Runs a part of the benchmark that is written in Swift to its end, and answers what it printed."""
    return run(OURS, *arguments)


def run(*command):
    """Runs a program to its end and answers what it printed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} {' '.join(map(str, command[1:]))} ended with {done.returncode}")
    return done.stdout


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def say(text):
    """Tells whoever waits what is being done; the tables go to standard output."""
    print(text, file=sys.stderr, flush=True)
