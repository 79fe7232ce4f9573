"""One Spark for all pages of an edition: a Spark Connect server on this machine, for as long as they are made.

A Java in each page's kernel would take longer to start than its page to make. The server hears this machine alone, and
whoever knows its token; it ends with the publisher, even one that is killed.
"""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from sobstat.edition.kernels import PR_SET_PDEATHSIG
from sobstat.engines import CONNECT, ENGINE_VARIABLE, SPARK, check_engine, not_installed
from sobstat.errors import SobstatError
from sobstat.pseudonyms import KEY_VARIABLE

HERE = "127.0.0.1"
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
# Seconds that the server may take to start, and to end before it is killed.
START, END = 600, 30


@contextmanager
def counted_on(engine: str, warehouse: Path) -> Iterator[None]:
    """Meanwhile the engine counts where none is named, in this process and in those that it starts; `spark` is then one
    server for all of them.

    Raises SobstatError if the engine is not there, or does not read the warehouse.
    """
    check_engine(engine, warehouse)
    with start_server() if engine == SPARK else nullcontext(engine) as address:
        before = os.environ.get(ENGINE_VARIABLE)
        os.environ[ENGINE_VARIABLE] = address
        try:
            yield
        finally:
            os.environ.pop(ENGINE_VARIABLE)
            if before is not None:
                os.environ[ENGINE_VARIABLE] = before


@contextmanager
def start_server() -> Iterator[str]:
    """A server, given by its address; raises SobstatError if Spark is not installed or does not start."""
    try:
        import pyspark

        from sobstat.engines.spark import LOCAL
    except ImportError as error:
        raise not_installed(error) from error
    with socket.socket() as unused:
        unused.bind((HERE, 0))
        port = unused.getsockname()[1]
    settings = LOCAL | {"spark.connect.grpc.binding.address": HERE, "spark.connect.grpc.binding.port": str(port)}
    command = [f"{Path(pyspark.__file__).parent}/bin/spark-submit", "--class", SERVER]
    command += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    token = secrets.token_urlsafe()
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            [*command, "spark-internal"],
            env={name: value for name, value in os.environ.items() if name != KEY_VARIABLE} | {TOKEN_VARIABLE: token},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is the publisher's
            umask=0o077,
            preexec_fn=partial(_end_with, os.getpid(), ctypes.CDLL(None)) if sys.platform == "linux" else None,
        )
        try:
            if not _answers(server, port):
                said.seek(0)
                *_, last = [b"", *said.read().strip().splitlines()]
                raise SobstatError(f"The engine spark does not start ({last.decode(errors='replace')}): is Java there?")
            yield f"{CONNECT}localhost:{port}/;token={token}"
        finally:
            server.terminate()
            try:
                server.wait(END)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _answers(server: subprocess.Popen, port: int) -> bool:
    """Whether the server takes connections, once it has started or failed to."""
    end = time.monotonic() + START
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection((HERE, port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.1)
    return False


def _end_with(publisher: int, libc: ctypes.CDLL) -> None:
    """Have the system end this process when the publisher ends; it removes its temporary files then."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != publisher:
        os._exit(1)
