"""A service of the schedule, run without systemd: bubblewrap gives it what its unit says it may, and no more.

Of its rights these are tried: which paths are writable, read-only or out of reach, the network, system calls, kinds of
sockets, memory that is writable and executable, no home, no capabilities, no new privileges.
"""

import configparser
import ctypes
import errno
import os
import shlex
import shutil
import socket
import subprocess
from functools import cache
from pathlib import Path

from absent import go_without

PROJECT = Path(__file__).parent.parent
SCHEDULE = PROJECT / "params" / "schedule"
STATE = Path("/var/lib/sobstat")
# Of libseccomp: what becomes of a system call, and a test of its argument.
ALLOW, REFUSE, EQUAL = 0x7FFF0000, 0x00050000, 4
# Of Linux: the option of prctl, since 6.3, and how many kinds of sockets there are.
PR_SET_MDWE, FAMILIES = 65, 46


class Unit(dict):
    """A section of a unit, whose keys may occur several times: key → values."""

    def __setitem__(self, key, value):
        super().__setitem__(key, [*self.get(key, []), *value] if isinstance(value, list) else value)


def read_unit(name: str) -> configparser.RawConfigParser:
    """A unit, with what the services of the schedule have in common."""
    unit = configparser.RawConfigParser(dict_type=Unit, strict=False, delimiters=["="], comment_prefixes=["#"])
    unit.optionxform = str
    unit.read(SCHEDULE / name, "utf-8")
    if name.startswith("sobstat-") and name.endswith(".service"):
        unit.read(SCHEDULE / "sobstat-.service.d" / "rights.conf", "utf-8")
    return unit


def sandbox(*arguments: str) -> list[str]:
    """What stands before a command that is to see this machine read-only, and the project in /srv/sobstat."""
    if not (bwrap := shutil.which("bwrap")):
        go_without("There is no bubblewrap to try the services in: install bubblewrap.")
    root = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"]
    project = [part for place in (PROJECT, "/srv/sobstat") for part in ("--ro-bind", str(PROJECT), str(place))]
    return [bwrap, "--die-with-parent", *root, "--tmpfs", "/srv", *project, *arguments]


def run_service(name: str, state: Path, *more: str, instead: str | None = None) -> subprocess.CompletedProcess:
    """Run a service with `state` as /var/lib/sobstat: its command with `more` words, or another one with its rights."""
    service = read_unit(name)["Service"]
    arguments = ["--tmpfs", str(STATE.parent), "--ro-bind", str(state), str(STATE)]
    for folder in service["StateDirectory"].split():
        path = state.parent / folder
        path.mkdir(int(service["StateDirectoryMode"], 8), parents=True, exist_ok=True)
        arguments += ["--bind", str(path), f"{STATE.parent}/{folder}"]
    for path in service.get("ReadWritePaths", "").replace("-/", "/").split():
        arguments += ["--bind-try", path.replace(str(STATE), str(state)), path]
    shut = state.parent / "shut"
    shut.touch(mode=0)
    for path in service["InaccessiblePaths"].replace("-/", "/").split():
        there = Path(path.replace(str(STATE), str(state)))
        if there.exists():
            arguments += ["--perms", "0000", "--tmpfs", path] if there.is_dir() else ["--ro-bind", str(shut), path]
    arguments += ["--unshare-net"] if service.get("PrivateNetwork") == "yes" else []
    arguments += ["--unshare-user", "--unshare-pid", "--cap-drop", "ALL", "--chdir", service["WorkingDirectory"]]
    rules = _system_calls(service)
    return subprocess.run(
        [*sandbox(*arguments, "--seccomp", str(rules)), *shlex.split(instead or service["ExecStart"]), *more],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", **dict([service["Environment"].split("=", 1)])},
        pass_fds=[rules],
        preexec_fn=_refuse_to_execute_data if service.get("MemoryDenyWriteExecute") == "yes" else None,
    )


def _refuse_to_execute_data() -> None:
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0):
        raise OSError("Linux 6.3 or newer is needed")


class _Argument(ctypes.Structure):
    _fields_ = (
        ("number", ctypes.c_uint),
        ("test", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("other", ctypes.c_uint64),
    )


def _system_calls(service: configparser.SectionProxy) -> int:
    """SystemCallFilter and RestrictAddressFamilies as a filter of the kernel; returns the file that holds it."""
    allowed: set[str] = set()
    for line in service["SystemCallFilter"].splitlines():
        names = {call for name in line.removeprefix("~").split() for call in _calls_in(name)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    # As systemd does: what it knows is not permitted, what it does not know is not there.
    rules = ctypes.c_void_p(seccomp.seccomp_init(REFUSE | errno.ENOSYS))

    def add(action: int, name: str, *arguments: _Argument) -> None:
        if (number := seccomp.seccomp_syscall_resolve_name(name.encode())) >= 0:
            array = (_Argument * len(arguments))(*arguments)
            assert seccomp.seccomp_rule_add_array(rules, action, number, len(arguments), array) == 0

    for name in _calls_in("@known") - {"socket"}:
        add(ALLOW if name in allowed else REFUSE | errno.EPERM, name)
    families = {getattr(socket, name) for name in service["RestrictAddressFamilies"].split()}
    for family in range(FAMILIES):
        action = ALLOW if family in families else REFUSE | errno.EAFNOSUPPORT
        add(action, "socket", _Argument(0, EQUAL, family))
    file = os.memfd_create("rules")
    assert seccomp.seccomp_export_bpf(rules, file) == 0
    os.lseek(file, 0, os.SEEK_SET)
    return file


@cache
def _calls_in(name: str) -> frozenset[str]:
    """The system calls of one of systemd's sets, such as @system-service."""
    if not name.startswith("@"):
        return frozenset([name])
    if not shutil.which("systemd-analyze"):
        go_without("There is no systemd-analyze to ask for sets of system calls: install systemd.")
    told = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    entries = [line.strip() for line in told.stdout.splitlines()[1:]]
    return frozenset(call for entry in entries if entry and entry[0] != "#" for call in _calls_in(entry))
