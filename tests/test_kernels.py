"""Kernels that are forked: as fresh as ordinary ones, without secrets, and none outlives its publisher."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import forking
from dying import publish_once
from small import small_base, small_notebook
from sobstat.edition import kernels, workers
from sobstat.edition.run import PARAMETERS, LocalKernelManager
from sobstat.edition.server import Orders
from sobstat.edition.site import locked
from sobstat.errors import ReportError
from sobstat.pseudonyms import KEY_VARIABLE

# What a kernel is, for the tests to look at: it is written beside the notebook.
CONFESSION = f"""
import json, os, random, tempfile
from pathlib import Path
import numpy, psutil
family = [psutil.Process(), *psutil.Process().parents()[:2]]
server = family[-1]
told = {{
    "pid": os.getpid(),
    "chance": [random.random(), numpy.random.random()],
    "temporary": tempfile.gettempdir(),
    "names": sorted(name for name in globals() if name[0] != "_"),
    "threads": os.environ["SOBSTAT_THREADS"],
    "key": [b"{KEY_VARIABLE}" in Path(f"/proc/{{one.pid}}/environ").read_bytes() for one in family],
    "in environment": "{KEY_VARIABLE}" in os.environ,
    "server": [server.num_threads(), server.net_connections("all"), [f.path for f in server.open_files()]],
}}
Path(f"{{region}}.told").write_text(json.dumps(told))
"""
OWN = {"json", "os", "random", "tempfile", "Path", "numpy", "psutil", "family", "server"} | PARAMETERS
IPYTHONS = {"In", "Out", "exit", "quit", "get_ipython", "open"}
# It tells who makes its page, and hangs so that nothing but SIGKILL helps.
HANG = """
import json, os, psutil, signal
from pathlib import Path
page, server, publisher = [parent.pid for parent in psutil.Process().parents()[:3]]
pids = {"kernel": os.getpid(), "page": page, "server": server, "publisher": publisher}
Path("part").write_text(json.dumps(pids))
os.rename("part", "pids.told")
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return small_base(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def temporary(monkeypatch):
    """A folder of its own for temporary files."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def pages_of(base: Path) -> list[dict]:
    """The pages in the latest run report, and that report's words on kernels."""
    latest = max((base / "runs").glob("*.json"), key=lambda path: path.stat().st_mtime)
    return json.loads(latest.read_text("utf-8"))["pages"]


def test_a_forked_kernel_is_as_fresh_as_any_other_and_knows_no_secret(base, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "00" * 32)
    small_notebook(base / "notebooks", "liten", CONFESSION)
    publish_once(base, "2025-10", [])
    assert [page["forked"] for page in pages_of(base)] == [True, True]
    assert KEY_VARIABLE in os.environ
    riket, gotland = (json.loads((base / "notebooks" / f"{name}.told").read_text()) for name in ("riket", "gotland"))
    assert riket["pid"] != gotland["pid"]
    assert not set(riket["chance"]) & set(gotland["chance"])
    assert riket["temporary"] != gotland["temporary"]
    assert not Path(riket["temporary"]).exists()
    for told in (riket, gotland):
        assert told["threads"] == str(max(1, os.cpu_count() // 2))
        assert told["key"] == [False] * 3
        assert not told["in environment"]
        assert told["server"] == [1, [], []]
        assert set(told["names"]) - OWN <= IPYTHONS


def test_where_nothing_can_be_forked_kernels_start_as_usual_and_the_run_report_says_so(base, monkeypatch):
    small_notebook(base / "notebooks", "liten", "region")
    monkeypatch.setattr(workers, "serve", forking.serve_without_forking)
    publish_once(base, "2025-09", ["gotland"])
    assert [page["forked"] for page in pages_of(base)] == [False]
    text = max((base / "runs").glob("*.txt"), key=lambda path: path.stat().st_mtime).read_text("utf-8")
    assert "Kernels  0 forked, 1 started anew" in text


def test_where_a_fork_fails_the_kernel_starts_as_usual(monkeypatch):
    def full():
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(kernels, "can_fork", lambda: True)
    monkeypatch.setattr(kernels, "WaitingKernel", full)
    assert kernels.prepare_kernel() is None


def test_people_at_work_get_ordinary_kernels():
    """The provisioner is there to be chosen, and nothing but the publisher chooses it."""
    assert kernels.PROVISIONER in entry_points(group="jupyter_client.kernel_provisioners").names
    assert LocalKernelManager(kernel_name="python3").kernel_spec.metadata.get("kernel_provisioner") is None
    factory = kernels.KernelProvisionerFactory.instance()
    assert factory.default_provisioner_name == "local-provisioner"


def test_a_forked_kernel_can_be_interrupted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=forking.interrupt_a_kernel, args=(sender,))
    with workers.server_environment(), sender:
        process.start()
    assert receiver.recv() == (True, "KeyboardInterrupt", "ok")
    process.join()


def test_hundreds_of_forks_leave_nothing_behind():
    """Memory, open files and dead processes of the server stay as they were."""
    jobs = [SimpleNamespace(page=number) for number in range(300)]
    with workers.page_server() as server:
        made = list(server.make(Orders(jobs, 2, False, "duckdb", forking.look_at_the_server)))
    seen = [how.seconds for _, how in made]
    assert len(seen) == 300
    files, memory, dead = (list(column) for column in zip(*seen, strict=True))
    assert min(files[-20:]) <= max(files[:20])  # the least: pipes of forks under way are open
    assert max(dead) <= 2
    assert memory[-1] - memory[20] < 2_000_000


def test_a_server_that_is_killed_before_it_has_orders_is_told():
    with workers.page_server() as server:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        with pytest.raises(ReportError, match=r"was killed \(by the system"):
            list(server.make(Orders([], 1, False, "duckdb")))


# A publisher that is killed as soon as its server has been started.
KILLED_EARLY = """
import multiprocessing, os, signal
from sobstat.edition.workers import page_server
with page_server():
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_server_ends_with_a_publisher_that_is_killed_before_it_gives_orders(temporary):
    publisher = subprocess.Popen([sys.executable, "-c", KILLED_EARLY], stdout=subprocess.PIPE, text=True)
    server = int(publisher.stdout.readline())
    assert publisher.wait() == -signal.SIGKILL
    wait_for(lambda: not psutil.pid_exists(server) and not os.listdir(temporary))


@pytest.mark.parametrize(("length", "code"), [(workers.LONGEST_TEMPORARY, 0), (workers.LONGEST_TEMPORARY + 1, 2)])
def test_a_path_too_long_for_sockets_is_refused_and_no_shorter_one(base, temporary, length, code):
    folder = Path(temporary, "x" * (length - len(str(temporary)) - 1))
    folder.mkdir()
    small_notebook(base / "notebooks", "liten", "")
    command = [sys.executable, "-m", "sobstat", "publish", "--params", "p.yml", "--warehouse", "w.duckdb"]
    command += ["--site", f"long-{length}", "--month", "2025-10", "--region", "gotland"]
    done = subprocess.run(command, cwd=base, env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert ("Let TMPDIR name one with at most 75 of them." in done.stderr) == (code > 0)


@pytest.mark.parametrize("victim", ["publisher", "server", "page"])
def test_no_process_outlives_one_that_is_killed(base, temporary, victim):
    """Not even a kernel that hangs; what was begun is gone, and the next publication is free to begin."""
    told = base / "notebooks" / "pids.told"
    told.unlink(missing_ok=True)
    small_notebook(base / "notebooks", "liten", HANG)
    command = [sys.executable, "-m", "sobstat", "publish", "--params", "p.yml", "--warehouse", "w.duckdb"]
    command += ["--site", "killed", "--month", "2025-10", "--region", "gotland"]
    publisher = subprocess.Popen(command, cwd=base, stderr=subprocess.PIPE, text=True)
    wait_for(told.exists)
    pids = json.loads(told.read_text())
    assert pids["publisher"] == publisher.pid
    family = psutil.Process(publisher.pid).children(recursive=True)
    assert {pids["kernel"], pids["page"], pids["server"]} < {child.pid for child in family}
    os.kill(pids[victim], signal.SIGKILL)
    _, said = publisher.communicate()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    wait_for(lambda: not os.listdir(temporary))
    assert not (base / "killed" / "2025-10").exists()
    with locked(base / "killed"):
        pass
    if victim != "publisher":
        assert publisher.returncode == 1
        assert "was killed (by the system, for lack of memory?)" in said.splitlines()[0]


def wait_for(happens, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
