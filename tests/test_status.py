"""The status: what is loaded, due, published and wrong, and the exit code that monitoring goes by."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from extracts import NOW
from sobstat.cli.operation import in_words
from sobstat.demo import write_demo
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition import site as published
from sobstat.edition.manifest import write_manifest
from sobstat.edition.notices import REPLACED, WITHDRAWN, Notice
from sobstat.edition.plan import Edition, EditionParams, Page
from sobstat.edition.record import PUBLISHED, Record, recorded
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.load_log import logged
from sobstat.months import Month, Period
from sobstat.operation import status
from sobstat.regions import RIKET
from sobstat.warehouse import SCHEMA_VERSION

PARAMS = EditionParams(notebooks={}, publication_day=5)
# October 2025 is loaded.
BEFORE, AFTER = datetime(2025, 11, 5, 12, tzinfo=UTC), datetime(2025, 11, 6, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("status")
    write_demo(folder / "in", arenden=60, to_month="2025-10")
    load_extract(folder / "in", folder / "w.duckdb", now=NOW)
    return folder


@pytest.fixture
def base(loaded, tmp_path):
    """A folder with a warehouse and its key, and a site that has September 2025."""
    for name in ("w.duckdb", "w.key"):
        (tmp_path / name).write_bytes((loaded / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    place(tmp_path / "site", "2025-09")
    return tmp_path


def place(site, *months: str, notices: tuple[Notice, ...] = ()) -> None:
    """Let the site hold an edition of each month, without a page."""
    published.prepare(site)
    editions = published.addresses(site)
    for month in map(Month.parse, months):
        page = Page("oversikt", "Översikt", RIKET)
        edition = Edition(month, Period(month, month), Thresholds(), (page,), "2025-10-02", False, notices=notices)
        name = f"{month}-{len(notices)}"
        build = published.build_folder(site, name)
        write_manifest(build, edition, {"load": 1}, [])
        published.keep(site, build, name)
        editions[str(month)] = name
    published.switch(site, editions, {}, max(map(Month.parse, editions)))


def read(base, now: datetime = BEFORE, **params) -> status.Status:
    return status.read_status(
        base / "w.duckdb", base / "site", base / "runs", PARAMS.model_copy(update=params), now=now
    )


def test_a_month_is_overdue_when_its_day_has_passed(base):
    assert read(base).due == [{"month": "2025-10", "day": "2025-11-05", "overdue": False, "held": True}]
    assert read(base).wrong == []
    assert read(base, AFTER).wrong == ["2025-10 was to be published on 2025-11-05, and is not."]
    place(base / "site", "2025-10")
    assert read(base, AFTER).due == []
    assert read(base, AFTER).wrong == []


def test_months_whose_extract_has_not_come_are_overdue_too(base):
    place(base / "site", "2025-10")
    found = read(base, datetime(2026, 2, 1, tzinfo=UTC))
    assert [(month["month"], month["overdue"], month["held"]) for month in found.due] == [
        ("2025-11", True, False),
        ("2025-12", True, False),
        ("2026-01", False, False),
    ]
    [wrong] = found.wrong
    assert wrong.startswith("2025-11 to 2025-12 was to be published by 2026-01-05, and is not loaded")


def test_it_tells_what_is_loaded(base):
    found = read(base)
    assert (found.whole_to, found.synthetic, found.schema) == ("2025-10", True, SCHEMA_VERSION)
    rows = {source["source"]: source["rows"] for source in found.sources}
    assert rows["befolkning"] == 42420  # 10 years, 21 län, 2 kön, 101 ages
    loads = {(source["load"], source["time"]) for source in found.sources if source["source"] != "befolkning_totalt"}
    assert loads == {(1, "2026-06-01 00:00:00")}
    assert rows["befolkning_totalt"] == 0


def test_it_tells_what_became_of_each_edition(base):
    replaced = Notice(REPLACED, "2025-11-03", "Fel", "2025-10-02", "2025-09-v1")
    place(base / "site", "2025-09", notices=(replaced,))
    withdrawn = Notice(WITHDRAWN, "2025-11-04", "Fel", "2025-10-02")
    place(base / "site", "2025-10", notices=(replaced, withdrawn))
    october, september = read(base).published
    assert (october["month"], october["version"], october["withdrawn"]) == ("2025-10", 2, True)
    assert (september["month"], september["version"], september["withdrawn"]) == ("2025-09", 2, False)
    assert "2025-10, version 2 of data loaded 2025-10-02, 1 region(s), withdrawn" in in_words(read(base))


def test_a_load_that_failed_is_wrong_until_one_succeeds(base):
    with pytest.raises(SobstatError), logged(base / "in", base / "w.duckdb", pytest.fail):
        raise SobstatError("2 of 3 rows cannot be used.\n  a list that is not told")
    [wrong] = read(base).wrong
    assert wrong.startswith("The last load failed, of ")
    assert wrong.endswith("2 of 3 rows cannot be used.")
    with logged(base / "in", base / "w.duckdb", pytest.fail) as log:
        log.outcome = "loaded"
    assert read(base).wrong == []


def test_a_publication_that_failed_is_wrong_while_something_is_due(base):
    def run() -> Record:
        return Record("site", "2025-10", started="2025-11-05T05:30:00+00:00")

    with pytest.raises(SobstatError), recorded(run(), base / "runs", lambda report: None):
        raise SobstatError("a page failed")
    [wrong] = read(base).wrong
    assert wrong.startswith("The last publication failed at ")
    record = run()
    with recorded(record, base / "runs", lambda report: None):  # in the same second
        record.outcome = PUBLISHED
    assert read(base).wrong == []
    (base / "runs" / "2025-11-05T053000Z-2025-10-2.json").unlink()
    place(base / "site", "2025-10")
    assert read(base).wrong == []
    assert read(base).last_run["outcome"] == "failed"


def test_a_key_that_others_can_read_or_that_is_missing_is_wrong(base, monkeypatch):
    (base / "w.key").chmod(0o640)
    assert read(base).wrong == [f"The key {base / 'w.key'} is not as it must be: others can read it."]
    (base / "w.key").unlink()
    assert read(base).wrong == [f"The key {base / 'w.key'} is not as it must be: missing."]
    monkeypatch.setenv("SOBSTAT_KEY", "00" * 32)
    assert read(base).wrong == []
    assert read(base).key == "in the environment"


def test_a_disk_without_room_for_the_next_load_is_wrong(base, monkeypatch):
    assert read(base).needed == 2 * (base / "w.duckdb").stat().st_size
    monkeypatch.setattr(status, "ROOM", 10**9)
    [wrong] = read(base).wrong
    assert wrong.startswith("The next load needs ")


def test_a_damaged_log_is_told(base):
    (base / "w.loads.jsonl").write_text('{"time": "2025', "utf-8")
    with pytest.raises(SobstatError, match=r"w.loads.jsonl cannot be read: it is no JSON"):
        read(base)


COMMAND = """
import sys
from sobstat.cli import main
try:
    main()
finally:
    assert "pandas" not in sys.modules
"""


@pytest.mark.parametrize(("first_month", "code"), [("2099-01", 0), ("2025-09", 1)])
def test_the_exit_code_is_for_monitoring_and_the_answer_quick(base, first_month, code):
    (base / "p.yml").write_text(f"notebooks: {{}}\nfirst_month: {first_month}\n", "utf-8")
    words = ["status", "--json", "--warehouse", "w.duckdb", "--site", "site", "--params", "p.yml"]
    done = subprocess.run([sys.executable, "-c", COMMAND, *words], cwd=base, capture_output=True, text=True)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert bool(json.loads(done.stdout)["wrong"]) == bool(code)
