#!/usr/bin/env python3
"""Runs a program under the restrictions of a systemd service unit on machines where systemd is not process 1.

    restricted_run.py [options] UNIT BINARY [ARGUMENT…]     the arguments replace those of ExecStart
    restricted_run.py --self-test UNIT                      tries what the unit forbids; exits with 0 if all is denied

Applies each directive of [Service] with the kernel features that systemd uses: namespaces, mounts, capabilities, limits
and seccomp. Fails on an unsupported directive or value, so that none is silently ignored. SYSTEMD_ONLY lists the
directives that only systemd can apply, with the reasons. Standard error lists the applied directives.

Runs as root, and as any user if the kernel permits user namespaces. Exits with the program's exit code, 128 + N after
signal N, or 125 if the restrictions could not be applied. Forwards SIGTERM, SIGINT and SIGHUP.
Needs Linux 5.12, libseccomp and systemd-analyze.
"""
from __future__ import annotations

import argparse
import ctypes
import errno
import os
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

OWN_FAILURE = 125
# From systemd's range for DynamicUser.
DYNAMIC_ID = 64000
OWN_USER, OWN_GROUP = os.getuid(), os.getgid()

SYSTEMD_ONLY = {
    "Type": "systemd uses it to determine when startup is complete",
    "ExecReload": "a command for systemd to run",
    "Restart": "systemd starts the service again",
    "RestartSec": "systemd starts the service again",
    "RestartForceExitStatus": "systemd starts the service again",
    "RestartPreventExitStatus": "systemd starts the service again",
    "TimeoutStopSec": "systemd stops the service",
    "MemoryHigh": "a control group, which systemd owns",
    "MemoryMax": "a control group, which systemd owns",
    "TasksMax": "a control group, which systemd owns",
    "DevicePolicy": "a control group, which systemd owns; /dev holds only harmless devices here",
    "RemoveIPC": "systemd cleans up after the end; the IPC namespace ends with the program here",
}


class Refusal(Exception):
    """The restrictions cannot be applied as in the unit."""


# --- The kernel's interface -----------------------------------------------------------------------------------------

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x80
NAMESPACES = (
    CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
KEYCTL_JOIN_SESSION_KEYRING = 1
CAPABILITY_VERSION_3 = 0x20080522


def check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise Refusal(f"{what}: {os.strerror(code)}")
    return result


def mount(source: str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    check(
        libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()),
        f"mount {kind or source} on {target}")


def set_read_only(path: Path, read_only: bool, recursive: bool = False) -> None:
    class MountAttributes(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]

    change = MountAttributes(*((MOUNT_ATTR_RDONLY, 0) if read_only else (0, MOUNT_ATTR_RDONLY)), 0, 0)
    check(
        libc.syscall(
            seccomp.number("mount_setattr"), AT_FDCWD, os.fsencode(path), AT_RECURSIVE if recursive else 0,
            ctypes.byref(change), ctypes.c_size_t(ctypes.sizeof(change))),
        f"mount_setattr {path}")


def prctl(option: int, *arguments: int) -> int:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return libc.prctl(option, *padded)


def unshare(flags: int) -> None:
    check(libc.unshare(flags), "unshare")


def map_only_user(inside: int, outside_user: int, outside_group: int) -> None:
    """Maps a single user and group in the user namespace of this process."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside} {outside_user} 1")
    Path("/proc/self/gid_map").write_text(f"{inside} {outside_group} 1")


# --- System call filters --------------------------------------------------------------------------------------------

class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp_rule_add(3)."""

    _fields_ = [
        ("argument", ctypes.c_uint), ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


def differs(argument: int, value: int) -> Comparison:
    return Comparison(argument, 1, value, 0)


def below(argument: int, value: int) -> Comparison:
    return Comparison(argument, 2, value, 0)


def equals(argument: int, value: int) -> Comparison:
    return Comparison(argument, 4, value, 0)


def above(argument: int, value: int) -> Comparison:
    return Comparison(argument, 6, value, 0)


def has_bits(argument: int, bits: int) -> Comparison:
    return Comparison(argument, 7, bits, bits)


class Seccomp:
    """The required functions of libseccomp, for the machine's own architecture."""

    ALLOW, KILL_PROCESS, BAD_ARCHITECTURE_ATTRIBUTE = 0x7FFF0000, 0x80000000, 2
    # Far above the system call numbers of any architecture.
    NUMBERS = range(1024)

    def __init__(self) -> None:
        try:
            self.library = ctypes.CDLL("libseccomp.so.2")
        except OSError as problem:
            raise Refusal(f"libseccomp is not installed: {problem}") from problem
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
        self.library.seccomp_arch_native.restype = ctypes.c_uint32

    @staticmethod
    def error(code: int) -> int:
        return 0x00050000 | code

    def number(self, name: str) -> int:
        """The number of a system call; negative if this architecture or this library does not have it."""
        return self.library.seccomp_syscall_resolve_name(name.encode())

    def unknown_numbers(self) -> list[int]:
        architecture = self.library.seccomp_arch_native()
        return [
            number for number in self.NUMBERS
            if not self.library.seccomp_syscall_resolve_num_arch(ctypes.c_uint32(architecture), number)]

    def filter(self, otherwise: int) -> Filter:
        return Filter(self.library, self, otherwise)


class Filter:
    """One seccomp filter. The kernel evaluates every loaded filter and applies the strictest result."""

    def __init__(self, library: ctypes.CDLL, owner: Seccomp, otherwise: int) -> None:
        self.library = library
        self.owner = owner
        self.otherwise = otherwise
        self.context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))
        self.call("seccomp_attr_set", Seccomp.BAD_ARCHITECTURE_ATTRIBUTE, ctypes.c_uint32(Seccomp.KILL_PROCESS))

    def call(self, function: str, *arguments: object) -> None:
        result = getattr(self.library, function)(self.context, *arguments)
        if result < 0:
            raise Refusal(f"{function}: {os.strerror(-result)}")

    def add(self, action: int, system_call: str | int, *comparisons: Comparison) -> None:
        number = self.owner.number(system_call) if isinstance(system_call, str) else system_call
        if number < 0 or action == self.otherwise:
            return
        array = (Comparison * len(comparisons))(*comparisons)
        self.call("seccomp_rule_add_array", ctypes.c_uint32(action), number, len(comparisons), array)

    def load(self) -> None:
        self.call("seccomp_load")


seccomp = Seccomp()


def system_calls(names: Sequence[str]) -> set[str]:
    """The system calls of names and @groups, as defined by the installed systemd."""
    found: set[str] = set()
    for name in names:
        if ":" in name:
            raise Refusal(f"SystemCallFilter: a custom error number is not supported: {name}")
        if not name.startswith("@"):
            found.add(name)
            continue
        output = subprocess.run(
            ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=False)
        if output.returncode != 0:
            raise Refusal(f"systemd-analyze syscall-filter {name}: {output.stderr.strip()}")
        lines = [line.strip() for line in output.stdout.splitlines()[1:]]
        found |= system_calls([line for line in lines if line and not line.startswith("#")])
    return found


def refusing(names: Sequence[str], code: int = errno.EPERM) -> Filter:
    made = seccomp.filter(Seccomp.ALLOW)
    for name in sorted(system_calls(names)):
        made.add(Seccomp.error(code), name)
    return made


def address_families_filter(families: Sequence[str]) -> Filter:
    allowed = sorted(int(getattr(socket, name)) for name in families)
    made = seccomp.filter(Seccomp.ALLOW)
    refused = Seccomp.error(errno.EAFNOSUPPORT)
    made.add(refused, "socket", below(0, allowed[0]))
    made.add(refused, "socket", above(0, allowed[-1]))
    for family in set(range(allowed[0], allowed[-1])) - set(allowed):
        made.add(refused, "socket", equals(0, family))
    return made


def write_execute_filter() -> Filter:
    write, execute, shared_execute = 2, 4, 0o100000
    made = seccomp.filter(Seccomp.ALLOW)
    refused = Seccomp.error(errno.EPERM)
    made.add(refused, "mmap", has_bits(2, write | execute))
    made.add(refused, "mprotect", has_bits(2, execute))
    made.add(refused, "pkey_mprotect", has_bits(2, execute))
    made.add(refused, "shmat", has_bits(2, shared_execute))
    return made


def namespaces_filter() -> Filter:
    made = seccomp.filter(Seccomp.ALLOW)
    refused = Seccomp.error(errno.EPERM)
    # Its flags are in memory, which a filter cannot read. C libraries fall back to clone.
    made.add(Seccomp.error(errno.ENOSYS), "clone3")
    # With zero the kernel takes the namespace type from the file descriptor.
    made.add(refused, "setns", equals(1, 0))
    for flag in NAMESPACES:
        made.add(refused, "unshare", has_bits(0, flag))
        made.add(refused, "setns", has_bits(1, flag))
        if flag != CLONE_NEWTIME:
            # In clone this bit belongs to the exit signal number.
            made.add(refused, "clone", has_bits(0, flag))
    return made


def realtime_filter() -> Filter:
    made = seccomp.filter(Seccomp.ALLOW)
    usual = (os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE)
    for policy in set(range(max(usual))) - set(usual):
        made.add(Seccomp.error(errno.EPERM), "sched_setscheduler", equals(1, policy))
    made.add(Seccomp.error(errno.EPERM), "sched_setscheduler", above(1, max(usual)))
    # Its policy is in memory, which a filter cannot read.
    made.add(Seccomp.error(errno.EPERM), "sched_setattr")
    return made


def set_id_filter() -> Filter:
    made = seccomp.filter(Seccomp.ALLOW)
    refused = Seccomp.error(errno.EPERM)
    mode_arguments = {
        "chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "mkdir": 1, "mkdirat": 2, "mknod": 1, "mknodat": 2,
        "creat": 1}
    for bit in (stat.S_ISUID, stat.S_ISGID):
        for name, argument in mode_arguments.items():
            made.add(refused, name, has_bits(argument, bit))
        for creating in (os.O_CREAT, os.O_TMPFILE):
            made.add(refused, "open", has_bits(1, creating), has_bits(2, bit))
            made.add(refused, "openat", has_bits(2, creating), has_bits(3, bit))
    # Its mode is in memory, which a filter cannot read.
    made.add(Seccomp.error(errno.ENOSYS), "openat2")
    return made


def personality_filter() -> Filter:
    ask_only = 0xFFFFFFFF
    made = seccomp.filter(Seccomp.ALLOW)
    made.add(Seccomp.error(errno.EPERM), "personality", differs(0, libc.personality(ctypes.c_ulong(ask_only))))
    return made


def system_call_filter(lists: Sequence[str], action: int) -> Filter:
    """An allow list minus the entries of later lines with ~."""
    if not lists or lists[0].startswith("~"):
        raise Refusal("SystemCallFilter: only an allow list is supported")
    # systemd adds it to every allow list.
    allowed = system_calls(["@default"])
    for entry in lists:
        if entry.startswith("~"):
            allowed -= system_calls(entry[1:].split())
        else:
            allowed |= system_calls(entry.split())
    made = seccomp.filter(action)
    for name in sorted(allowed):
        made.add(Seccomp.ALLOW, name)
    # Like systemd, so that programs built for newer kernels fall back to older calls.
    for number in seccomp.unknown_numbers():
        made.add(Seccomp.error(errno.ENOSYS), number)
    return made


# --- The unit file --------------------------------------------------------------------------------------------------

@dataclass
class Plan:
    """The settings collected from the directives."""

    unit: str
    command: list[str] = field(default_factory=list)
    state_folder: str | None = None
    state_mode: int = 0o755
    credentials: list[tuple[str, Path]] = field(default_factory=list)
    mask: int = 0o022
    limits: dict[int, int] = field(default_factory=dict)
    system_calls: list[str] = field(default_factory=list)
    refusal: int = Seccomp.KILL_PROCESS
    filters: list[Filter] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)

    @property
    def state_path(self) -> Path | None:
        return Path("/var/lib") / self.state_folder if self.state_folder else None

    @property
    def credentials_path(self) -> Path:
        return Path("/run/credentials") / self.unit


Handler = Callable[[Plan, str], None]


def exactly(wanted: str, filters: Callable[[], Filter] | None = None) -> Callable[[str], Handler]:
    """A directive with a single supported value."""

    def named(directive: str) -> Handler:
        def handle(plan: Plan, value: str) -> None:
            if value != wanted:
                raise Refusal(f"{directive}={value}: only “{wanted}” is supported")
            if filters:
                plan.filters.append(filters())

        return handle

    return named


def limit_of(kind: int) -> Callable[[str], Handler]:
    return lambda directive: lambda plan, value: plan.limits.update({kind: int(value)})


def set_command(plan: Plan, value: str) -> None:
    plan.command = shlex.split(value)


def set_state_folder(plan: Plan, value: str) -> None:
    if "/" in value or ":" in value or " " in value:
        raise Refusal(f"StateDirectory={value}: only one plain name is supported")
    plan.state_folder = value


def set_state_mode(plan: Plan, value: str) -> None:
    plan.state_mode = int(value, 8)


def add_credential(plan: Plan, value: str) -> None:
    name, _, path = value.partition(":")
    plan.credentials.append((name, Path(path)))


def set_mask(plan: Plan, value: str) -> None:
    plan.mask = int(value, 8)


def add_system_calls(plan: Plan, value: str) -> None:
    if not value:
        raise Refusal("SystemCallFilter=: resetting the list is not supported")
    plan.system_calls.append(value)


def set_refusal(plan: Plan, value: str) -> None:
    plan.refusal = Seccomp.error(int(getattr(errno, value)))


def restrict_families(plan: Plan, value: str) -> None:
    if value == "none" or value.startswith("~"):
        raise Refusal(f"RestrictAddressFamilies={value}: only an allow list is supported")
    plan.filters.append(address_families_filter(value.split()))


def plain(handler: Handler) -> Callable[[str], Handler]:
    return lambda directive: handler


KNOWN: dict[str, Callable[[str], Handler]] = {
    "ExecStart": plain(set_command),
    "LoadCredential": plain(add_credential),
    "StateDirectory": plain(set_state_folder),
    "StateDirectoryMode": plain(set_state_mode),
    "UMask": plain(set_mask),
    "LimitCORE": limit_of(resource.RLIMIT_CORE),
    "LimitNOFILE": limit_of(resource.RLIMIT_NOFILE),
    "SystemCallFilter": plain(add_system_calls),
    "SystemCallErrorNumber": plain(set_refusal),
    "RestrictAddressFamilies": plain(restrict_families),
    # Every filter here denies system calls of other architectures.
    "SystemCallArchitectures": exactly("native"),
    "DynamicUser": exactly("yes"),
    "NoNewPrivileges": exactly("yes"),
    "CapabilityBoundingSet": exactly(""),
    "AmbientCapabilities": exactly(""),
    "PrivateUsers": exactly("yes"),
    "PrivateDevices": exactly("yes", lambda: refusing(["@raw-io"])),
    "PrivateMounts": exactly("yes"),
    "PrivateTmp": exactly("yes"),
    "PrivateIPC": exactly("yes"),
    "KeyringMode": exactly("private"),
    "ProtectSystem": exactly("strict"),
    "ProtectHome": exactly("yes"),
    "ProtectProc": exactly("invisible"),
    "ProcSubset": exactly("pid"),
    "ProtectClock": exactly("yes", lambda: refusing(["@clock"])),
    "ProtectControlGroups": exactly("yes"),
    "ProtectHostname": exactly("yes", lambda: refusing(["sethostname", "setdomainname"])),
    "ProtectKernelLogs": exactly("yes", lambda: refusing(["syslog"])),
    "ProtectKernelModules": exactly("yes", lambda: refusing(["@module"])),
    "ProtectKernelTunables": exactly("yes", lambda: refusing(["_sysctl"])),
    "LockPersonality": exactly("yes", personality_filter),
    "MemoryDenyWriteExecute": exactly("yes", write_execute_filter),
    "RestrictNamespaces": exactly("yes", namespaces_filter),
    "RestrictRealtime": exactly("yes", realtime_filter),
    "RestrictSUIDSGID": exactly("yes", set_id_filter),
}

# Always applied by this program. A unit without one of them would run more strictly here than under systemd, and the
# test would prove too little about the program and too much about the unit.
REQUIRED = (
    "ExecStart", "DynamicUser", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "PrivateUsers",
    "PrivateDevices", "PrivateMounts", "PrivateTmp", "PrivateIPC", "KeyringMode", "ProtectSystem", "ProtectHome",
    "ProtectProc", "ProcSubset", "ProtectControlGroups", "ProtectHostname", "ProtectKernelModules",
    "ProtectKernelTunables", "SystemCallArchitectures", "SystemCallFilter")


# Directives whose lines accumulate.
REPEATABLE = ("LoadCredential", "SystemCallFilter")


def directives(text: str) -> list[tuple[str, str]]:
    """The directives of [Service]. [Unit] and [Install] do not affect how the service runs."""
    found: list[tuple[str, str]] = []
    section = ""
    pending = ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        line = pending + line.strip()
        pending = ""
        if line.endswith("\\"):
            pending = line[:-1] + " "
        elif line.startswith("["):
            section = line
            if section not in ("[Unit]", "[Service]", "[Install]"):
                raise Refusal(f"the section {section} is not supported")
        elif line and section == "[Service]":
            name, equal, value = line.partition("=")
            if not equal:
                raise Refusal(f"not a directive: {line}")
            found.append((name.strip(), value.strip()))
    return found


def plan_of(path: Path) -> Plan:
    plan = Plan(unit=path.name)
    seen: set[str] = set()
    for name, value in directives(path.read_text()):
        if name in SYSTEMD_ONLY:
            plan.applied.append(f"not here: {name}={value} ({SYSTEMD_ONLY[name]})")
        elif name in KNOWN:
            if name in seen and name not in REPEATABLE:
                raise Refusal(f"{name}: given twice, which is not supported")
            try:
                KNOWN[name](name)(plan, value)
            except (AttributeError, IndexError, ValueError) as problem:
                raise Refusal(f"{name}={value}: this value is not supported") from problem
            plan.applied.append(f"applied: {name}={value}")
        else:
            raise Refusal(f"{name}={value}: this directive is not supported, so it would not be applied")
        seen.add(name)
    missing = [name for name in REQUIRED if name not in seen]
    if missing:
        raise Refusal(f"the unit lacks directives that are always applied here: {', '.join(missing)}")
    # Last, because it may deny system calls that loading the others needs.
    plan.filters.append(system_call_filter(plan.system_calls, plan.refusal))
    return plan


# --- The file system ------------------------------------------------------------------------------------------------

class FileSystem:
    """The program's view of the file system, built in a mount namespace."""

    def __init__(self, staging: Path) -> None:
        self.staging = staging
        self.opened: set[Path] = set()
        mount("", Path("/"), flags=MS_REC | MS_PRIVATE)

    def open_up(self, folder: Path) -> None:
        """Replaces a directory by one with the same entries, to which mount points can be added."""
        if folder in self.opened:
            return
        self.opened.add(folder)
        mount("tmpfs", self.staging, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        for entry in folder.iterdir():
            copy = self.staging / entry.name
            if entry.is_symlink():
                copy.symlink_to(os.readlink(entry))
            elif entry.is_dir():
                copy.mkdir()
                mount(str(entry), copy, flags=MS_BIND | MS_REC)
            else:
                copy.touch()
                mount(str(entry), copy, flags=MS_BIND)
        mount(str(self.staging), folder, flags=MS_MOVE)

    def make_folder(self, path: Path) -> None:
        if not path.is_dir():
            self.make_folder(path.parent)
            self.open_up(path.parent)
            path.mkdir()

    def place(self, source: Path, target: Path) -> None:
        """Bind-mounts a file or directory at another path."""
        if source.is_dir():
            self.make_folder(target)
        elif not target.exists():
            self.make_folder(target.parent)
            self.open_up(target.parent)
            target.touch()
        mount(str(source), target, flags=MS_BIND | MS_REC)

    def hide(self, folder: Path) -> None:
        if folder.is_dir() and not folder.is_symlink():
            mount("tmpfs", folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=000")

    def make_devices(self) -> None:
        mount("tmpfs", self.staging, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755")
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            (self.staging / name).touch()
            mount(f"/dev/{name}", self.staging / name, flags=MS_BIND)
        for name, target in {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items():
            (self.staging / name).symlink_to(f"/proc/self/fd{target}")
        (self.staging / "shm").mkdir()
        mount("tmpfs", self.staging / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
        mount(str(self.staging), Path("/dev"), flags=MS_MOVE)
        set_read_only(Path("/dev"), True)

    def make_credentials(self, plan: Plan, owner: int) -> None:
        folder = plan.credentials_path
        self.make_folder(folder)
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700")
        for name, source in plan.credentials:
            files = {f"{name}_{file.name}": file for file in source.iterdir()} if source.is_dir() else {name: source}
            for credential, file in files.items():
                copy = folder / credential
                copy.write_bytes(file.read_bytes())
                copy.chmod(0o400)
                os.chown(copy, owner, owner)
        folder.chmod(0o500)
        os.chown(folder, owner, owner)
        set_read_only(folder, True)


def arrange_files(plan: Plan, run: Run) -> None:
    files = FileSystem(run.staging)
    files.place(run.binary, Path(plan.command[0]))
    if run.configuration:
        for folder in {path.parent for _, path in plan.credentials}:
            files.place(run.configuration, folder)
        files.make_credentials(plan, run.owner)
    if plan.state_path:
        files.place(run.state, plan.state_path)
    set_read_only(Path("/"), True, recursive=True)
    if plan.state_path:
        set_read_only(plan.state_path, False)
    files.make_devices()
    for folder in ("/tmp", "/var/tmp"):
        mount("tmpfs", Path(folder), "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for folder in ("/home", "/root", "/run/user", "/usr/lib/modules", "/lib/modules"):
        files.hide(Path(folder))
    mount("proc", Path("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible,subset=pid")


# --- The run --------------------------------------------------------------------------------------------------------

@dataclass
class Run:
    """The program to run, and the directories that replace the machine's."""

    binary: Path
    arguments: list[str]
    state: Path
    staging: Path
    configuration: Path | None
    listener: socket.socket | None
    environment: dict[str, str]
    is_root: bool

    @property
    def user(self) -> int:
        return DYNAMIC_ID if self.is_root else OWN_USER

    @property
    def owner(self) -> int:
        """The program's user as seen by the process that mounts."""
        return DYNAMIC_ID if self.is_root else 0



def drop_capabilities() -> None:
    check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), "clear the ambient capabilities")
    capability = 0
    while prctl(PR_CAPBSET_DROP, capability) == 0:
        capability += 1
    if ctypes.get_errno() != errno.EINVAL:
        check(-1, f"drop capability {capability}")
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def become_program(plan: Plan, run: Run) -> NoReturn:
    os.setsid()
    os.chdir("/")
    check(libc.syscall(seccomp.number("keyctl"), KEYCTL_JOIN_SESSION_KEYRING, None), "keyctl")
    if run.is_root:
        os.setgroups([])
        os.setresgid(DYNAMIC_ID, DYNAMIC_ID, DYNAMIC_ID)
        os.setresuid(DYNAMIC_ID, DYNAMIC_ID, DYNAMIC_ID)
    # Otherwise this process does not own its files in /proc, which the next step writes.
    check(prctl(PR_SET_DUMPABLE, 1), "prctl")
    unshare(CLONE_NEWUSER)
    map_only_user(run.user, run.owner, run.owner)
    drop_capabilities()
    os.umask(plan.mask)
    for kind, value in plan.limits.items():
        resource.setrlimit(kind, (value, value))
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME": "/", "SHELL": "/bin/sh",
        **run.environment}
    if plan.state_path:
        environment["STATE_DIRECTORY"] = str(plan.state_path)
    if run.configuration:
        environment["CREDENTIALS_DIRECTORY"] = str(plan.credentials_path)
    if run.listener:
        os.dup2(run.listener.fileno(), 3)
        os.set_inheritable(3, True)
        environment |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    arguments = run.arguments or plan.command[1:]
    check(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    for made in plan.filters:
        made.load()
    os.execve(plan.command[0], [plan.command[0], *arguments], environment)


class Child:
    """A forked process that receives this process's signals and determines its exit code."""

    def __init__(self, work: Callable[[], None]) -> None:
        # Blocked until there is a process to forward them to.
        passed_on = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
        self.identity = os.fork()
        if self.identity == 0:
            try:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                for number in passed_on:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
                work()
            except (Refusal, OSError) as problem:
                print(f"restricted_run: {problem}", file=sys.stderr, flush=True)
            finally:
                os._exit(OWN_FAILURE)
        for number in passed_on:
            signal.signal(number, lambda received, _: os.kill(self.identity, received))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)

    def wait(self) -> int:
        while True:
            identity, status = os.wait()
            if identity == self.identity:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


def run_restricted(plan: Plan, run: Run) -> int:
    try:
        if run.is_root:
            unshare(CLONE_NEWPID)
        else:
            unshare(CLONE_NEWUSER | CLONE_NEWPID)
            map_only_user(0, OWN_USER, OWN_GROUP)
    except Refusal as problem:
        raise Refusal(f"{problem}: run this as root, or permit user namespaces") from problem

    def first_process() -> None:
        unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)
        arrange_files(plan, run)
        # The program may run as the same user, and must not see this process either.
        check(prctl(PR_SET_DUMPABLE, 0), "prctl")
        os._exit(Child(lambda: become_program(plan, run)).wait())

    return Child(first_process).wait()


def listener_at(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), int(port)), family=family)


def start(
    unit: Path, binary: Path, arguments: list[str], state: Path | None = None, configuration: Path | None = None,
    listen: str | None = None, environment: dict[str, str] | None = None, report: bool = True
) -> int:
    plan = plan_of(unit)
    temporary = Path(tempfile.mkdtemp(prefix="restricted-run-"))
    try:
        own_state = state or temporary / "state"
        own_state.mkdir(exist_ok=True)
        own_state.chmod(plan.state_mode)
        staging = temporary / "staging"
        staging.mkdir()
        is_root = OWN_USER == 0
        if is_root:
            for path in (own_state, *own_state.rglob("*")):
                os.chown(path, DYNAMIC_ID, DYNAMIC_ID)
        listener = listener_at(listen) if listen else None
        run = Run(
            binary.resolve(strict=True), arguments, own_state.resolve(), staging,
            configuration.resolve(strict=True) if configuration else None, listener, environment or {}, is_root)
        if report:
            for line in plan.applied:
                print(f"restricted_run: {line}", file=sys.stderr)
            if plan.credentials and not configuration:
                print("restricted_run: no credentials, because --configuration is missing", file=sys.stderr)
            if listener:
                host, port = listener.getsockname()[:2]
                print(f"restricted_run: socket {host}:{port}", file=sys.stderr)
            print(f"restricted_run: user {run.user}, state in {own_state}", file=sys.stderr, flush=True)
        return run_restricted(plan, run)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def self_test(unit: Path) -> int:
    """Runs the probes with and without the restrictions, and compares the results."""
    probes = Path(__file__).with_name("restriction_probes.py").read_text()
    # The system's Python, because the unit hides home directories, where another one may be.
    interpreter = Path("/usr/bin/python3").resolve(strict=True)
    home = {"PYTHONHOME": "/usr"}
    free = subprocess.run([interpreter, "-S", "-c", probes], capture_output=True, text=True, check=False)
    if free.returncode != 0:
        raise Refusal(f"the probes do not run: {free.stderr.strip()}")
    # A separate process, because this one must stay outside the namespaces.
    reading, writing = os.pipe()
    runner = os.fork()
    if runner == 0:
        os.dup2(writing, 1)
        code = OWN_FAILURE
        try:
            code = start(unit, interpreter, ["-S", "-c", probes], environment=home, report=False)
        except (Refusal, OSError) as problem:
            print(f"restricted_run: {problem}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        restricted = pipe.read()
    _, status = os.waitpid(runner, 0)
    if status != 0:
        raise Refusal(f"the probes ended with {os.waitstatus_to_exitcode(status)} under the restrictions")

    before = dict(line.split("\t", 1) for line in free.stdout.splitlines())
    failures = 0
    for line in restricted.splitlines():
        name, result = line.split("\t", 1)
        wanted = "allowed" if name.startswith("may ") else "refused"
        if not result.startswith(wanted):
            failures += 1
            verdict = "WRONG"
        elif wanted == "refused" and before[name].startswith("refused"):
            verdict = "right, but also refused without restrictions"
        else:
            verdict = "right"
        print(f"{verdict}: {name}: {result}")
    return 1 if failures or not restricted else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a program under the restrictions of a systemd service unit.")
    parser.add_argument("--self-test", action="store_true", help="try what the unit forbids")
    parser.add_argument("--state", type=Path, help="directory for StateDirectory; by default a temporary one")
    parser.add_argument("--configuration", type=Path, help="directory that replaces that of LoadCredential's sources")
    parser.add_argument("--listen", metavar="HOST:PORT", help="pass a socket as a socket unit does")
    parser.add_argument("unit", type=Path)
    parser.add_argument("binary", type=Path, nargs="?")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="replace those of ExecStart")
    options = parser.parse_args()
    try:
        if options.self_test:
            return self_test(options.unit)
        if not options.binary:
            parser.error("BINARY is missing")
        return start(
            options.unit, options.binary, options.arguments, options.state, options.configuration, options.listen)
    except (Refusal, OSError) as problem:
        print(f"restricted_run: {problem}", file=sys.stderr)
        return OWN_FAILURE


if __name__ == "__main__":
    sys.exit(main())
