"""Kernels without a cold start: forked from a process that has imported what notebooks use.

A page's process forks its kernel first of all, while it has a single thread and no connection: only then is a fork
safe. The kernel waits until Jupyter launches it through a *kernel provisioner* (an entry point in pyproject.toml),
which papermill need not know of. Where no kernel waits, the provisioner starts an ordinary one.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
from importlib.metadata import entry_points
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

PROVISIONER = "sobstat-forked"
LAUNCHER = "ipykernel_launcher"
# Of Linux' prctl: a process is sent a signal when its parent ends; its name in a list of processes.
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def can_fork() -> bool:
    """Whether this process can be forked safely: on Linux, while it has a single thread.

    Elsewhere the system's own libraries may have started threads that nobody sees.
    """
    return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1


class WaitingKernel:
    """A forked process that becomes a kernel when it is told to; for Jupyter it is like a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self):
        context = multiprocessing.get_context("fork")
        orders, self._orders = context.Pipe(duplex=False)
        self._process = context.Process(target=_wait_for_orders, args=(orders,))
        self._process.start()
        orders.close()
        self.pid = self._process.pid
        self.launched = False

    def launch(self, arguments: list[str], env: dict[str, str], cwd: str) -> None:
        """Let it become a kernel with these arguments of `ipykernel_launcher`."""
        self._orders.send((arguments, env, cwd))
        self.launched = True

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


# The kernel that waits in this process to be launched, if there is one.
_waiting: list[WaitingKernel] = []


def prepare_kernel() -> WaitingKernel | None:
    """Fork a kernel, which the next launch in this process takes; None where forking is not to be had."""
    if not can_fork() or PROVISIONER not in entry_points(group=KernelProvisionerFactory.GROUP_NAME).names:
        return None
    try:
        kernel = WaitingKernel()
    except OSError:  # no memory, or too many processes: an ordinary start may still succeed
        return None
    _waiting[:] = [kernel]
    KernelProvisionerFactory.instance().default_provisioner_name = PROVISIONER
    return kernel


class ForkedProvisioner(LocalProvisioner):
    """Launches the kernel that waits, or an ordinary one where none does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        if not _waiting or cmd[:3] != [sys.executable, "-m", LAUNCHER]:
            return await super().launch_kernel(cmd, **kwargs)
        kernel = _waiting.pop()
        self.cwd = kwargs.get("cwd") or os.getcwd()
        kernel.launch(cmd[3:], kwargs["env"], self.cwd)
        self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid
        return self.connection_info


def _wait_for_orders(orders: Connection) -> None:
    """The life of a forked kernel: nothing of the process that it was forked from stays, but what was imported."""
    os.setsid()
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it goes with its page's process, even if it hangs
    prctl(PR_SET_NAME, b"ipykernel")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.closerange(3, orders.fileno())
    os.closerange(orders.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    try:
        arguments, env, cwd = orders.recv()
    except EOFError:  # the page failed before its notebook ran
        return
    orders.close()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    tempfile.tempdir = None  # where `env` says
    np.random.seed()  # Python's own generator is seeded anew by each fork
    sys.argv = [LAUNCHER, *arguments]
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
