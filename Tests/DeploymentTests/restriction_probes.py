"""The probes of restricted_run.py --self-test, with and without restrictions: a line `name<TAB>result` per probe.

A name that begins with “may” is an access that the exporter needs. All others must be denied.
Without restrictions root succeeds, so every probe is harmless: it changes nothing, undoes its change, or has an invalid
argument that the kernel checks only after the permission.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import socket
import stat
import sys
import tempfile
import threading

libc = ctypes.CDLL(None, use_errno=True)

# Numbers of system calls without a C library function.
NUMBERS = {
    "x86_64": {"bpf": 321, "perf_event_open": 298, "kexec_load": 246},
    "aarch64": {"bpf": 280, "perf_event_open": 241, "kexec_load": 104},
}[os.uname().machine]

# Errors of a kernel or a filter that denies access. Any other error means that access was permitted.
FORBIDDEN = {errno.EPERM, errno.EACCES, errno.EROFS, errno.EAFNOSUPPORT, errno.ENOSYS, errno.ENOENT}


def call(result: int, harmless: tuple[int, ...] = ()) -> None:
    """Raises the error of a C function, unless it is one of the harmless ones."""
    code = ctypes.get_errno()
    if result < 0 and code not in harmless:
        raise OSError(code, os.strerror(code))


def refuse_if(condition: bool, reason: str) -> None:
    if condition:
        raise OSError(errno.EPERM, reason)


def create_in(folder: str) -> None:
    handle, path = tempfile.mkstemp(dir=folder)
    os.close(handle)
    os.unlink(path)


def status(name: str) -> str:
    with open("/proc/self/status") as lines:
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(name + ":"))


def has_capability() -> None:
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    refuse_if(all(int(status(name), 16) == 0 for name in sets), "all sets are empty")


def mount_something() -> None:
    if libc.unshare(0x20000) == 0:
        call(libc.mount(b"", b"/", None, ctypes.c_ulong(0x44000), None))
    call(libc.mount(b"tmpfs", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None))


def make_executable() -> None:
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call(libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 5))


def set_clock() -> None:
    # ADJ_TICK to a tick of 0, which is out of range: struct timex is zero except for its first field.
    call(libc.adjtimex((ctypes.c_long * 64)(0x4000)), harmless=(errno.EINVAL,))


def set_user_bit() -> None:
    with tempfile.NamedTemporaryFile(dir=writable) as file:
        os.chmod(file.name, 0o4700)


def change_owner() -> None:
    with tempfile.NamedTemporaryFile(dir=writable) as file:
        os.chown(file.name, os.getuid(), os.getgid())


def leave_readable() -> None:
    path = os.path.join(writable, f"readable-{os.getpid()}")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.unlink(path)
    refuse_if(mode & 0o077 == 0, oct(mode))


def see_others_files() -> None:
    refuse_if(not os.listdir("/tmp"), "/tmp is empty")


def see_device(*names: str) -> None:
    found = [name for name in os.listdir("/dev") if name.startswith(names)]
    if not found:
        raise FileNotFoundError(errno.ENOENT, "none in /dev")


def dump_core() -> None:
    refuse_if(resource.getrlimit(resource.RLIMIT_CORE)[1] <= 1, "the limit is a byte at most")


def open_socket(family: int, kind: int, protocol: int = 0) -> None:
    socket.socket(family, kind, protocol).close()


def talk_on_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
        assert server.accept()[0].recv(1) == b"x"


def keep_ledger() -> None:
    path = os.path.join(writable, f"ledger-{os.getpid()}")
    with open(path, "wb") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(b"x")
        os.fsync(file.fileno())
    os.rename(path, path + "-new")
    os.unlink(path + "-new")


def start_thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


writable = os.environ.get("STATE_DIRECTORY", tempfile.gettempdir())

PROBES = {
    "be root": lambda: refuse_if(os.getuid() != 0, f"user {os.getuid()}"),
    "become root": lambda: os.setuid(0),
    "be in other groups": lambda: os.setgroups([0]),
    "hold a capability": has_capability,
    "gain rights by exec": lambda: refuse_if(status("NoNewPrivs") == "1", "no_new_privs"),
    "write to /": lambda: create_in("/"),
    "write to /etc": lambda: create_in("/etc"),
    "write to /usr": lambda: create_in("/usr"),
    "write to /usr/local/bin": lambda: create_in("/usr/local/bin"),
    "write to /run": lambda: create_in("/run"),
    "write to /var/lib": lambda: create_in("/var/lib"),
    "write to /dev": lambda: create_in("/dev"),
    "write to a control group": lambda: os.close(os.open("/sys/fs/cgroup/cgroup.procs", os.O_WRONLY)),
    "write a kernel setting": lambda: os.close(os.open("/proc/sys/kernel/hostname", os.O_WRONLY)),
    "write to /sys": lambda: os.close(os.open("/sys/kernel/profiling", os.O_WRONLY)),
    "read /root": lambda: os.listdir("/root"),
    "read /home": lambda: os.listdir("/home"),
    "read /usr/lib/modules": lambda: os.listdir("/usr/lib/modules"),
    "read others' files in /tmp": see_others_files,
    "see other processes": lambda: os.stat("/proc/1"),
    "see the machine in /proc": lambda: os.stat("/proc/meminfo"),
    "open kernel memory": lambda: see_device("mem", "kmem", "port", "kmsg"),
    "see disks": lambda: see_device("sd", "vd", "nvme", "loop", "dm-"),
    "mount": mount_something,
    "change the root": lambda: os.chroot("/"),
    "make a user namespace": lambda: call(libc.unshare(0x10000000)),
    "make a network namespace": lambda: call(libc.unshare(0x40000000)),
    "enter a namespace": lambda: call(
        libc.setns(os.open("/proc/self/ns/uts", os.O_RDONLY), 0), harmless=(errno.EINVAL,)),
    "trace a process": lambda: call(libc.ptrace(0, 0, None, None)),
    "open a netlink socket": lambda: open_socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "open a packet socket": lambda: open_socket(socket.AF_PACKET, socket.SOCK_RAW),
    "open an ALG socket": lambda: open_socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
    "open a raw IP socket": lambda: open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "map memory to write and execute": lambda: mmap.mmap(
        -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "make written memory executable": make_executable,
    "set a set-user-id bit": set_user_bit,
    "change an owner": change_owner,
    "run in real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "change the priority": lambda: os.nice(1),
    "change the personality": lambda: call(libc.personality(ctypes.c_ulong(0x0400000))),
    "change the host name": lambda: socket.sethostname(socket.gethostname()),
    "set the clock": set_clock,
    "remove a kernel module": lambda: call(libc.delete_module(b"no such module", 0o4000), harmless=(errno.ENOENT,)),
    "read the kernel log": lambda: call(libc.klogctl(10, None, 0)),
    "swap": lambda: call(libc.swapon(b"/no such file", 0), harmless=(errno.ENOENT,)),
    "restart the machine": lambda: call(libc.reboot(1), harmless=(errno.EINVAL,)),
    "load another kernel": lambda: call(
        libc.syscall(NUMBERS["kexec_load"], 0, ctypes.c_ulong(1 << 20), None, ctypes.c_ulong(0xFFFF)),
        harmless=(errno.EINVAL,)),
    "use BPF": lambda: call(libc.syscall(NUMBERS["bpf"], 9999, None, 0), harmless=(errno.EINVAL,)),
    "measure the kernel": lambda: call(
        libc.syscall(NUMBERS["perf_event_open"], None, 0, 0, -1, ctypes.c_ulong(0)), harmless=(errno.EFAULT,)),
    "dump core": dump_core,
    "leave a file that others can read": leave_readable,
    "may keep a ledger in the state folder": keep_ledger,
    "may write to /tmp": lambda: create_in("/tmp"),
    "may write to /var/tmp": lambda: create_in("/var/tmp"),
    "may talk TCP on loopback": talk_on_loopback,
    "may open an IPv6 socket": lambda: open_socket(socket.AF_INET6, socket.SOCK_STREAM),
    "may ask for names": lambda: open_socket(socket.AF_INET, socket.SOCK_DGRAM),
    "may open a Unix socket": lambda: open_socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "may start a thread": start_thread,
    "may read certificates": lambda: os.listdir("/etc/ssl/certs"),
    "may draw random numbers": lambda: os.getrandom(16),
    "may discard output": lambda: os.close(os.open("/dev/null", os.O_WRONLY)),
}


def attempt(probe) -> str:
    try:
        probe()
    except OSError as problem:
        return f"{'refused' if problem.errno in FORBIDDEN else 'allowed'} ({problem.strerror})"
    return "allowed"


# Each in a separate process, because some of them change the process or may end it.
for name, probe in PROBES.items():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, attempt(probe).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        result = pipe.read()
    _, code = os.waitpid(child, 0)
    if code != 0:
        result = f"refused (killed by signal {os.WTERMSIG(code)})" if os.WIFSIGNALED(code) else "allowed (crashed)"
    print(f"{name}\t{result}")
    sys.stdout.flush()
