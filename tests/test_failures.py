"""What goes wrong while an edition is made: it is told clearly, the site stays, and nothing is left behind."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from dying import publish_once
from small import readable, small_base, small_notebook
from sobstat.demo import write_demo
from sobstat.edition import hooks
from sobstat.edition.check import check_edition
from sobstat.edition.due import due_months
from sobstat.edition.manifest import read_edition
from sobstat.edition.plan import EditionParams, Page, read_params
from sobstat.edition.publish import publish
from sobstat.edition.record import Record, RunReport
from sobstat.edition.run import PageFailed
from sobstat.edition.site import locked
from sobstat.errors import ReportError, SobstatError
from sobstat.load import load_extract
from sobstat.months import Month
from sobstat.regions import RIKET

FULL_DISK = """import os, glob
[build] = glob.glob("../site/.build/2025-10-*/edition")
os.makedirs(f"{build}/riket", exist_ok=True)
os.symlink("/dev/full", f"{build}/riket/.full.html.part")"""
LEAVE_A_PROCESS = 'import subprocess; subprocess.Popen(["sleep", "600"], start_new_session=True)'


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder whose site has September 2025."""
    base = small_base(tmp_path_factory.mktemp("failures"))
    publish_once(base, "2025-09", [])
    return base


@pytest.fixture
def base(published, tmp_path):
    """A copy of that folder to break."""
    base = Path(shutil.copytree(published, tmp_path / "base", symlinks=True))
    shutil.rmtree(base / "runs")
    return base


@pytest.fixture
def temporary(monkeypatch):
    """A folder of its own for temporary files."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def set_params(base: Path, text: str) -> None:
    (base / "p.yml").write_text(f"months: 2\nmin_antal: 0\nregions: [riket]\n{text}", "utf-8")


def sobstat(base: Path, *arguments: str, before: tuple[str, ...] = (), **options) -> subprocess.CompletedProcess:
    command = [*before, sys.executable, "-m", "sobstat", *arguments, "--params", "p.yml", "--warehouse", "w.duckdb"]
    return subprocess.run([*command, "--site", "site"], cwd=base, capture_output=True, text=True, **options)


def the_report(base: Path) -> tuple[str, dict]:
    """The only run report: for a person, for a machine."""
    [text], [data] = (list((base / "runs").glob(f"*.{suffix}")) for suffix in ("txt", "json"))
    return text.read_text("utf-8"), json.loads(data.read_text("utf-8"))


def test_every_failed_page_is_in_the_run_report_with_cell_error_and_command(base, temporary):
    cells = {
        "dör": "import os; os._exit(9)",
        "hänger": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",  # nothing but SIGKILL helps
        "fel": "1 / 0",
        "citerar": 'raise KeyError("vardtagare 12345678901234567890 has 7 " + "x" * 5000)',
        "full": FULL_DISK,
    }
    for name, cell in cells.items():
        small_notebook(base / "notebooks", name, "region", cell)
    notebooks = ", ".join(f"{name}: {{title: T}}" for name in [*cells, "liten"])
    set_params(base, f"cell_timeout: 15\nnotebooks: {{{notebooks}}}\n")
    before = readable(base / "site")
    done = sobstat(base, "publish", "--month", "2025-10", "--keep-going")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "5 pages failed."
    text, report = the_report(base)
    assert f"The run report is {next((base / 'runs').glob('*.txt')).relative_to(base)}." in done.stderr
    assert (report["outcome"], report["month"]) == ("failed", "2025-10")
    pages = {page["notebook"]: page for page in report["pages"]}
    assert {name: (page["outcome"], page["cell"]) for name, page in pages.items()} == {
        "dör": ("failed", 4),
        "hänger": ("failed", 4),
        "fel": ("failed", 4),
        "citerar": ("failed", 4),
        "full": ("failed", None),
        "liten": ("made", None),
    }
    assert pages["dör"]["error"].startswith("its kernel died")
    assert pages["hänger"]["error"] == "it took longer than 15 seconds (cell_timeout in the params file)"
    assert pages["fel"]["error"] == "ZeroDivisionError: division by zero"
    assert "No space left on device" in pages["full"]["error"]
    assert "vardtagare # has # xxx" in pages["citerar"]["error"]
    assert len(pages["citerar"]["error"]) < 400
    assert "12345678901234567890" not in text + json.dumps(report) + done.stderr
    command = "sobstat rerun --from 2025-09 --to 2025-10 --region riket --notebook fel --warehouse w.duckdb --verbose"
    assert pages["fel"]["command"] == f"{command} --params p.yml"
    for name in cells:
        assert f"{name} for riket failed" in text
    assert readable(base / "site") == before
    assert os.listdir(temporary) == []
    assert [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(base / "notebooks")] == []
    build = base / report["build"]
    assert {path.name for path in build.rglob("*") if path.is_file()} == {"liten.html"}
    for name in cells:  # mended: what was made is kept
        shutil.copy(base / "notebooks" / "liten.ipynb", base / "notebooks" / f"{name}.ipynb")
    shutil.rmtree(base / "runs")
    assert sobstat(base, "publish", "--month", "2025-10").returncode == 0
    outcomes = {page["notebook"]: page["outcome"] for page in the_report(base)[1]["pages"]}
    assert outcomes == dict.fromkeys(cells, "made") | {"liten": "kept"}


def test_the_command_in_the_report_shows_the_error_again(base):
    small_notebook(base / "notebooks", "fel", "region", "1 / 0")
    set_params(base, "notebooks: {fel: {title: T}}\n")
    sobstat(base, "publish", "--month", "2025-10")
    command = the_report(base)[1]["pages"][0]["command"].split()
    done = subprocess.run([sys.executable, "-m", *command], cwd=base, capture_output=True, text=True)
    assert done.returncode == 1
    assert "fel for Riket: cell 4: ZeroDivisionError: division by zero" in done.stderr


CHANGED = {
    "vanished warehouse": (
        'from pathlib import Path; Path("../w.duckdb").unlink(missing_ok=True)',
        SobstatError,
        "There is no warehouse",
    ),
    "changed notebook": ('open("liten.ipynb", "a").write(" ")', ReportError, "changed while the edition was made"),
}


@pytest.mark.parametrize(("cell", "error", "message"), CHANGED.values(), ids=CHANGED.keys())
def test_what_changes_under_the_publisher_is_noticed(base, cell, error, message):
    small_notebook(base / "notebooks", "liten", cell)
    before = readable(base / "site")
    with pytest.raises(error, match=message):
        publish_once(base, "2025-10", [])
    assert readable(base / "site") == before


def test_a_read_only_target_is_told(base):
    without_privileges = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()
    for folder in [*(base / "site").rglob("*"), base / "site"]:
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o555)
    before = readable(base / "site")
    done = sobstat(base, "publish", "--month", "2025-10", before=without_privileges)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("site cannot be written to")
    assert readable(base / "site") == before


def test_the_lock_and_temporary_files_go_with_the_publisher_even_if_something_outlives_it(base, temporary):
    """A notebook's own child keeps running: it holds nothing of the publisher's."""
    small_notebook(base / "notebooks", "liten", LEAVE_A_PROCESS, "import time; time.sleep(600)")
    command = [sys.executable, "-m", "sobstat", "publish", "--params", "p.yml", "--warehouse", "w.duckdb"]
    publisher = subprocess.Popen([*command, "--site", "site"], cwd=base, stderr=subprocess.DEVNULL)
    family = psutil.Process(publisher.pid)
    sleepers = []
    while not sleepers:
        assert publisher.poll() is None
        time.sleep(0.1)
        sleepers = [child for child in family.children(recursive=True) if child.name() == "sleep"]
    publisher.kill()
    publisher.wait()
    assert sleepers[0].is_running()
    with locked(base / "site"):
        pass
    sleepers[0].kill()
    end = time.monotonic() + 120
    while os.listdir(temporary) and time.monotonic() < end:
        time.sleep(0.1)
    assert os.listdir(temporary) == []


def test_due_months_are_published_oldest_first_until_one_fails(base):
    """Unattended, under a private umask, with commands for success and failure."""
    small_notebook(base / "notebooks", "liten", 'assert to_month != "2025-10", "an odd month"')
    set_params(base, "first_month: 2025-08\nnotebooks: {liten: {title: T}}\n")
    shutil.rmtree(base / "site")
    hook = f"{sys.executable} -c 'import os, sys; e = os.environ; " + (
        'print(e["SOBSTAT_MONTH"], e["SOBSTAT_OUTCOME"], len(sys.stdin.read()) > 200, '
        'os.path.getsize(e["SOBSTAT_REPORT"]) > 200, file=open("told", "a"))\''
    )
    done = sobstat(base, "publish", "--on-success", hook, "--on-failure", hook, umask=0o077)
    assert done.returncode == 1
    assert done.stdout.split() == ["site/2025-08/index.html", "site/2025-09/index.html"]
    assert done.stderr.splitlines()[-1].startswith("The run report is")
    assert (base / "told").read_text().splitlines() == [
        "2025-08 published True True",
        "2025-09 published True True",
        "2025-10 failed True True",
    ]
    for path in (base / "site").rglob("*"):
        public = 0o755 if path.is_dir() else 0o644
        private = ".build" in path.parts
        assert private or path.stat().st_mode & 0o777 == public, path
    assert (base / "site" / ".build").stat().st_mode & 0o777 == 0o700
    assert (base / "site" / "senaste").resolve() == (base / "site" / "2025-09").resolve()
    # The same again, mended: what is left is made, and then nothing is due.
    small_notebook(base / "notebooks", "liten", "region")
    assert sobstat(base, "publish").stdout.split() == ["site/2025-10/index.html"]
    done = sobstat(base, "publish", "--on-success", hook)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing is due" in done.stderr
    assert len((base / "told").read_text().splitlines()) == 3


def test_later_months_that_were_not_tried_are_named_and_the_failure_command_hears_of_everything(base):
    set_params(base, "first_month: 2025-08\nnotebooks: {saknas: {title: T}}\n")
    shutil.rmtree(base / "site")
    done = sobstat(base, "publish")
    assert done.returncode == 2
    assert "no notebook" in done.stderr.splitlines()[0]
    assert "Later months are due too, and were not tried: 2025-09, 2025-10." in done.stderr
    (base / "w.duckdb").unlink()
    done = sobstat(base, "publish", "--on-failure", "tee told")
    assert done.returncode == 2
    assert "There is no warehouse w.duckdb" in done.stderr.splitlines()[0]
    assert "There is no warehouse w.duckdb" in (base / "told").read_text()


DUE = {
    "after the site's earliest": (["2025-07", "2025-09"], None, ["2025-08", "2025-10"]),
    "nothing": (["2025-10"], None, []),
    "an empty site": ([], None, ["2025-10"]),
    "from the first month asked for": (["2025-10"], "2025-08", ["2025-08", "2025-09"]),
}


@pytest.mark.parametrize(("there", "first", "due"), DUE.values(), ids=DUE.keys())
def test_months_that_are_due(published, tmp_path, there, first, due):
    state = tmp_path / ".states" / "1"
    state.mkdir(parents=True)
    for month in there:
        (state / month).symlink_to(f"../../.editions/{month}-x")
    (tmp_path / ".now").symlink_to(".states/1")
    params = EditionParams(notebooks={}, first_month=first)
    assert [str(month) for month in due_months(published / "w.duckdb", tmp_path, params)] == due


def test_no_month_before_the_first_transaction_is_due(published, tmp_path):
    params = EditionParams(notebooks={}, first_month="2015-01")
    months = due_months(published / "w.duckdb", tmp_path, params)
    assert months[0] >= Month(2015, 10)


def test_a_first_month_that_is_none_is_refused(tmp_path):
    (tmp_path / "p.yml").write_text("first_month: oktober\nnotebooks: {}\n", "utf-8")
    with pytest.raises(SobstatError, match=r"first_month: .*'oktober' is not a month"):
        read_params(tmp_path / "p.yml")


def test_a_clock_that_is_behind_the_latest_load_decides_nothing(tmp_path):
    write_demo(tmp_path / "in", arenden=10, to_month="2025-10")
    load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=datetime(2999, 1, 1, tzinfo=UTC))
    params = EditionParams(notebooks={})
    with pytest.raises(SobstatError, match=r"The clock says \d{4}-.*, but the latest load is of 2999-01-01"):
        due_months(tmp_path / "w.duckdb", tmp_path / "site", params)
    with pytest.raises(SobstatError, match="set this machine's clock right"):
        publish(tmp_path / "w.duckdb", tmp_path / "site", params, month=Month(2025, 10))
    assert not (tmp_path / "site").exists()


def test_what_is_published_stays_unless_it_is_replaced_openly(base):
    before = readable(base / "site")
    publish_once(base, "2025-09", [])
    assert not (base / "runs").exists() or not list((base / "runs").iterdir())
    set_params(base, "min_antal: 5\nnotebooks: {liten: {title: Liten}}\n")
    done = sobstat(base, "publish", "--month", "2025-09")
    assert done.returncode == 2
    assert "2025-09 is published already" in done.stderr
    assert "differs in min_antal." in done.stderr
    assert "sobstat republish --month 2025-09 --reason" in done.stderr
    assert readable(base / "site") == before


WEIGHT = {"light enough": (1000, None), "too heavy": (1, r"riket/liten\.html: weighs \d+ kB")}


@pytest.mark.parametrize(("kilobytes", "fault"), WEIGHT.values(), ids=WEIGHT.keys())
def test_a_page_has_a_budget(published, kilobytes, fault):
    folder = (published / "site" / "2025-09").resolve()
    if fault is None:
        facts = check_edition(folder, read_edition(folder), published / "site", kilobytes)
        assert facts["complete"] == {"regions": 2, "pages": 2, "tables": 0}
        assert facts["pages"]["pages"] == 7  # with the index and the four about the statistics
    else:
        with pytest.raises(ReportError, match=fault):
            check_edition(folder, read_edition(folder), published / "site", kilobytes)


HOOKS = {
    "well": ("cat", None),
    "reads nothing": ("true", None),
    "fails": ("sh -c 'exit 3'", "failed with exit code 3"),
    "does not exist": ("no-such-program", "could not be run"),
    "hangs": ("sh -c 'sleep 600 & sleep 600'", "was not done after 0.2 seconds and was stopped"),
}


@pytest.mark.parametrize(("line", "complaint"), HOOKS.values(), ids=HOOKS.keys())
def test_a_command_that_fails_or_hangs_is_told(line, complaint):
    told = hooks.run_hook(hooks.parse_command(line), "x" * 100_000, {}, timeout=60 if complaint is None else 0.2)
    assert (complaint is None and told is None) or complaint in told


@pytest.mark.parametrize("line", ["", "mail 'x"])
def test_a_command_that_is_none_is_refused(line):
    with pytest.raises(SobstatError, match="command"):
        hooks.Hooks(line, None, print)


def test_a_failing_command_is_complained_of_and_nothing_else():
    said = []
    with hooks.Hooks("false", None, said.append) as told:
        told.tell(RunReport(Record("site", "2025-10", outcome="published"), "text", None, None))
    assert said == ["The command false failed with exit code 1."]


def test_a_failed_page_comes_whole_out_of_its_process():
    failure = pickle.loads(pickle.dumps(PageFailed(Page("liten", "Liten", RIKET), 4, "its kernel died")))
    assert str(failure) == "liten for Riket: cell 4: its kernel died"
