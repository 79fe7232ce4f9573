"""What tests of forked kernels run in processes of their own."""

import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

import psutil
from jupyter_client import KernelManager

from sobstat.edition import server
from sobstat.edition.kernels import prepare_kernel
from sobstat.edition.run import Job


def serve_without_forking(*arguments) -> None:
    """A server with a second thread, so that it cannot be forked safely."""
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    server.serve(*arguments)


def look_at_the_server(job: Job) -> tuple[int, int, int]:
    """In place of making a page: the server's open files, its memory in bytes, and its dead children."""
    parent = psutil.Process(os.getppid())
    dead = 0
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):  # it has been buried meanwhile
            dead += child.status() == psutil.STATUS_ZOMBIE
    return parent.num_fds(), parent.memory_info().rss, dead


def interrupt_a_kernel(results: Connection) -> None:
    """Send whether a kernel was forked, how a cell that is interrupted ends, and how the next one does."""
    waiting = prepare_kernel()
    manager = KernelManager(kernel_name="python3", transport="ipc", ip="k")
    manager.start_kernel()
    try:
        kernel = manager.client()
        kernel.start_channels()
        kernel.wait_for_ready(timeout=120)

        def outcome(code: str, meanwhile=lambda: None) -> str:
            asked = kernel.execute(code, stop_on_error=False)  # or what follows at once is passed over
            meanwhile()
            while (reply := kernel.get_shell_msg(timeout=120))["parent_header"]["msg_id"] != asked:
                pass
            return reply["content"].get("ename") or reply["content"]["status"]

        def interrupt() -> None:
            while kernel.get_iopub_msg(timeout=120)["msg_type"] != "stream":  # what the cell prints: it runs
                pass
            manager.interrupt_kernel()

        slept = outcome("import time; print('running', flush=True); time.sleep(600)", interrupt)
        results.send((waiting.launched, slept, outcome("1 + 1")))
    finally:
        manager.shutdown_kernel(now=True)
