"""Starts, measures (through /proc) and stops processes."""

import os
import signal
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A process with its children; its log is shown if it exits unexpectedly."""

    def __init__(self, command, log, environment=None):
        self.command = [str(word) for word in command]
        self.log = log
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                self.command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})})
        self.pid = self._process.pid

    def check(self):
        """Raises if the process has exited."""
        if self._process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"{self.command[0]} ended with {self._process.returncode}: {file.read()[-2000:]}")

    def stop(self):
        """Stops the process and waits for its exit."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def pids(self):
        """The process and its children, for example nginx workers."""
        found = [self.pid]
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{thread}/children", encoding="ascii") as file:
                    found += [int(pid) for pid in file.read().split()]
            except (FileNotFoundError, ProcessLookupError):
                # The thread has exited since.
                pass
        return found

    def cpu_seconds(self):
        """User and system time so far, in seconds."""
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def resident_bytes(self):
        """Resident memory."""
        return self._status("VmRSS")

    def anonymous_bytes(self):
        """Resident memory that is not a file: without code and libraries, which the kernel can drop."""
        return self._status("RssAnon")

    def peak_bytes(self):
        """Peak resident memory since the start, or since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self):
        """Resets the peak (proc(5), clear_refs)."""
        for pid in self.pids():
            with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
                file.write("5")

    def _status(self, name):
        kilobytes = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith(name + ":"):
                        kilobytes += int(line.split()[1])
        return kilobytes * 1024
