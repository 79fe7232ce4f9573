"""A PostgreSQL of the tests' own, in a temporary folder, listening on a socket there and nowhere else."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

import psutil

from absent import go_without

PASSWORD = "hemligt-lösen"
NOBODY = 65534


class Server:
    """A running PostgreSQL. Its user `lasare` comes in with PASSWORD."""

    def __init__(self, programs: Path, folder: Path):
        self.programs, self.folder = programs, folder
        self.address = f"postgresql://lasare@/postgres?host={folder}"

    def as_nobody(self, program: str, *arguments: str, **options) -> str:
        """Run a program of PostgreSQL's, which refuses root."""
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [str(self.programs / program), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", **who, **options).stdout

    def run(self, sql: str) -> str:
        options = ["--host", str(self.folder), "--username", "agare", "--dbname", "postgres", "--no-psqlrc", "--quiet"]
        return self.as_nobody("psql", *options, "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", input=sql)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c timezone=UTC"
        self.as_nobody("pg_ctl", "start", "-w", "-D", f"{self.folder}/data", "-o", options, "-l", f"{self.folder}/log")

    def kill(self) -> None:
        """All of it at once, as when the machine loses power."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        for process in [psutil.Process(first), *psutil.Process(first).children()]:
            process.kill()
        for left in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            (self.folder / left).unlink()


@contextmanager
def started() -> Iterator[Server]:
    """A server with an empty database; skips the test where there is no PostgreSQL, fails in CI."""
    found = shutil.which("pg_ctl") or max(glob("/usr/lib/postgresql/*/bin/pg_ctl"), default=None)
    if not found:
        go_without("There is no PostgreSQL to load from: install postgresql.")
    with tempfile.TemporaryDirectory(prefix="pg-") as name:  # the path of a socket is short
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        server = Server(Path(found).resolve().parent, folder)
        server.as_nobody("initdb", "-D", f"{folder}/data", "-U", "agare", "-A", "trust", "-E", "UTF8", "--no-sync")
        (folder / "data" / "pg_hba.conf").write_text("local all agare trust\nlocal all all scram-sha-256\n")
        server.start()
        server.run(f"CREATE ROLE lasare LOGIN PASSWORD '{PASSWORD}'")
        yield server
        server.as_nobody("pg_ctl", "stop", "-m", "immediate", "-D", f"{folder}/data")
