"""The command line as people and scripts meet it, in a process of its own."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from sobstat.cli import app
from sobstat.declarations import dimensions, measures, reports

ROOT = Path(__file__).parent.parent
EXAMPLE = Path(__file__).parent / "example"
PERIOD = ["--from", "2025-09", "--to", "2025-10"]


def sobstat(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "sobstat", *map(str, arguments)], capture_output=True, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a loaded example at the default place."""
    folder = tmp_path_factory.mktemp("cli")
    done = sobstat("load", EXAMPLE, cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    assert "436 rows read = 436 kept + 0 repeats + 0 set aside" in done.stderr.decode()
    return folder


WRONG_USE = {
    "no such command": (["publiish"], "No such command 'publiish'"),
    "no such option": (["table", "per-lan", "--form", "2025-09"], "No such option"),
    "missing option": (["table", "per-lan", "--from", "2025-09"], "Missing option '--to'"),
    "no such report": (["table", "per-kommun", *PERIOD], "no report 'per-kommun'"),
    "almost a report": (["table", "per-laan", *PERIOD], "nearest match is per-lan"),
    "no such region": (["table", "per-lan", *PERIOD, "--region", "skone"], "nearest match is skane"),
    "no such format": (["table", "per-lan", *PERIOD, "--format", "xml"], "no format 'xml'"),
    "too early": (["table", "per-lan", "--from", "2015-09", "--to", "2025-10"], "data are shown from 2015-10"),
    "reversed": (["table", "per-lan", "--from", "2025-10", "--to", "2025-09"], "before it starts"),
    "not over": (["table", "per-lan", "--from", "2025-10", "--to", "2999-01"], "is not over"),
    "no warehouse": (["table", "per-lan", *PERIOD, "--warehouse", "none.duckdb"], "no warehouse none.duckdb"),
    "no extract": (["load", "nowhere"], "no extract folder nowhere"),
    "no ärenden": (["demo", "--out", "x", "--arenden", "0"], "at least 1 ärende"),
    "no such notebook": (["rerun", *PERIOD, "--region", "skane", "--notebook", "x", "--params", "p.yml"], "p.yml"),
    "a file where a folder should be": (
        ["load", str(EXAMPLE), "--warehouse", f"{__file__}/w.duckdb"],
        "cannot be used",
    ),
    "no such month": (["publish", "--month", "2025-13"], "is not a month"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG_USE.values(), ids=WRONG_USE.keys())
def test_wrong_use_gives_one_clear_sentence_and_exit_code_2(folder, arguments, message):
    done = sobstat(*arguments, cwd=folder)
    error = done.stderr.decode()
    assert done.returncode == 2, error
    assert message in error.splitlines()[0]
    assert "Traceback" not in error
    assert done.stdout == b""


def test_a_traceback_comes_when_asked_for(folder):
    done = sobstat("table", "per-lan", *PERIOD, "--region", "skone", "--verbose", cwd=folder)
    assert "Traceback" in done.stderr.decode()


def test_the_same_table_as_csv_json_and_text(folder):
    csv = sobstat("table", "per-process", *PERIOD, "--format", "csv", cwd=folder).stdout.decode()
    assert csv.splitlines() == [
        "process,startade,avslutade,andel_avslutade",
        "Internet-KBT vid depression (process),5,2,0.4000",
        "Stresshjälpen (process),3,2,0.6667",
    ]
    rows = json.loads(sobstat("table", "per-process", *PERIOD, "--format", "json", cwd=folder).stdout)
    assert rows[1] == {
        "process": "Stresshjälpen (process)",
        "startade": 3,
        "avslutade": 2,
        "andel_avslutade": 0.6667,
    }
    text = sobstat("table", "per-process", *PERIOD, cwd=folder).stdout.decode()
    assert "Stresshjälpen (process)        3         2          0.6667" in text


def test_hidden_values_are_empty_with_a_status(folder):
    csv = sobstat("table", "vardtagare-per-kon", *PERIOD, "--format", "csv", cwd=folder).stdout.decode()
    assert csv.splitlines() == ["kon,vardtagare,vardtagare_status,andel", *[f"{k},,dold," for k in KON]]


KON = ["Kvinna", "Man", "Okänt"]


def test_months_that_are_not_loaded_are_told_from_empty_ones(folder):
    done = sobstat("table", "per-manad", "--from", "2025-12", "--to", "2026-01", "--format", "csv", cwd=folder)
    assert "last transaction in data/sobstat.duckdb is of 2025-11-02" in done.stderr.decode()
    assert done.stdout.decode().splitlines()[1:] == ["2025-12,0,0,0", "2026-01,0,0,0"]


def test_a_damaged_warehouse_is_told_from_a_busy_one(folder, tmp_path):
    whole = (folder / "data" / "sobstat.duckdb").read_bytes()
    (tmp_path / "w.duckdb").write_bytes(whole[: len(whole) // 2])
    done = sobstat("table", "per-lan", *PERIOD, "--warehouse", tmp_path / "w.duckdb")
    error = done.stderr.decode()
    assert done.returncode == 2
    assert "damaged" in error or "not a warehouse" in error
    assert "Traceback" not in error


def test_every_load_is_logged_with_its_files_and_outcome_also_one_that_failed(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "arenden.csv").write_text("T1,hemlig person\n", "utf-8")
    for extract in (EXAMPLE, EXAMPLE, tmp_path / "bad"):
        sobstat("load", extract, "--warehouse", "w.duckdb", cwd=tmp_path)
    log = tmp_path / "w.loads.jsonl"
    loads = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [load["outcome"] for load in loads] == ["loaded", "nothing new", "failed"]
    assert loads[2]["why"] == "1 file(s) cannot be read; nothing was loaded."
    [file] = loads[2]["files"]
    assert file == {"file": "arenden.csv", "size": 17, "sha256": hashlib.sha256(b"T1,hemlig person\n").hexdigest()}
    assert "hemlig" not in log.read_text("utf-8")
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_does_not_fail_the_load(tmp_path):
    (tmp_path / "w.loads.jsonl").mkdir()
    done = sobstat("load", EXAMPLE, "--warehouse", "w.duckdb", cwd=tmp_path)
    assert done.returncode == 0
    assert "log of loads w.loads.jsonl could not be written" in done.stderr.decode()


def test_quiet_says_nothing(folder):
    done = sobstat("load", EXAMPLE, "--quiet", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_help_without_arguments_tells_a_newcomer_what_to_do():
    done = sobstat()
    printed = done.stdout.decode()
    assert done.returncode == 0
    assert all(command in printed for command in ["demo", "load", "table", "publish", "rerun"])
    assert "sobstat demo --out data/in" in printed
    assert "\x1b" not in printed  # no colours where there is no terminal


def test_every_command_shows_examples_that_it_understands():
    for group in [app, *(group.typer_instance for group in app.registered_groups)]:
        for shown in group.registered_commands:
            examples = [line for line in shown.epilog.splitlines() if line.startswith("sobstat ")]
            assert examples, shown
            for example in examples:
                _, *words = shlex.split(example.partition(" >")[0])
                command = get_command(app)
                while hasattr(command, "commands"):
                    command = command.commands[words.pop(0)]
                command.make_context("", words)  # raises for what it does not take


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("sobstat re", {"rerun", "republish", "restore"}),
        ("sobstat table per-1000-per-l", {"per-1000-per-lan"}),
        ("sobstat table per-lan --region vasterb", {"vasterbotten"}),
        ("sobstat table per-lan --format j", {"json"}),
        ("sobstat rerun --from 2016-1", {"2016-10", "2016-11", "2016-12"}),
        ("sobstat rerun --notebook inv", {"invanare"}),
    ],
)
def test_the_tab_key_completes(typed, expected):
    words = {"_SOBSTAT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    command = Path(sys.executable).with_name("sobstat")
    done = subprocess.run([command], env=os.environ | words, capture_output=True, text=True, cwd=ROOT)
    assert set(done.stdout.split()) == expected


def test_the_tab_key_waits_for_no_library_of_tables():
    program = "import sys, sobstat.cli; print({'pandas', 'altair', 'scipy', 'nbformat'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"


def test_load_as_json(tmp_path):
    outcomes = []
    for _ in range(2):
        done = sobstat("load", EXAMPLE, "--warehouse", "w.duckdb", "--json", "--quiet", cwd=tmp_path)
        result = json.loads(done.stdout)
        outcomes.append((result["outcome"], result["rows"]["read"], result["created"]))
    assert outcomes == [("loaded", 436, True), ("nothing new", 436, False)]


def test_list_names_all_that_can_be_asked_for():
    listed = json.loads(sobstat("list", "--json").stdout)
    assert [report["id"] for report in listed["reports"]] == list(reports())
    assert [measure["definition"] for measure in listed["measures"]] == [m.definition for m in measures().values()]
    printed = sobstat("list").stdout.decode()
    assert all(name in printed for name in [*reports(), *measures(), *dimensions()])


def test_sources_prints_the_contract():
    printed = sobstat("sources").stdout.decode()
    assert "| `tidpunkt` | ISO 8601" in printed
    assert "`vardtagare_id` | text, turned into a keyed pseudonym" in printed
    assert "## HSA catalogue as it is delivered: `hsa*.zip`" in printed
