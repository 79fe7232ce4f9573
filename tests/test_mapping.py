"""Files of other systems, read by a mapping: what becomes of them, and what is said of mappings that are wrong."""

import gzip
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extracts import NOW, Library, check
from sobstat import cli
from sobstat.contract import sources
from sobstat.delivered.mapped import mapped_columns
from sobstat.delivered.mapping import SourceMapping, read_mapping
from sobstat.errors import SobstatError
from sobstat.load import load_extract

EXAMPLE = Path(__file__).parent.parent / "params" / "mapping_example.yml"
LOG = """\
Case ID|Activity|Resource|Start|Kön|Program
17|Registrerad|Anna|01.10.2025 08:30|K|Sömn
17|Samtal||02.10.2025 08:30|K|Sömn
17|Samtal||02.10.2025 08:30|K|Sömn
17|Avslutad|Anna|26.10.2025 02:30|K|Sömn
18|Registrerad|Bo|31.10.2025 23:59|1|
18|Återupptagen|Bo|i går|1|
"""


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return con.execute(sql).fetchall()


def write(folder: Path, content: str, name: str = "logg.txt", encoding: str = "cp1252") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode(encoding))
    return folder


def mapped(folder: Path, text: str):
    (folder / "m.yml").write_text(text, "utf-8")
    return read_mapping(folder / "m.yml")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    write(folder / "in", LOG)
    result = load_extract(folder / "in", folder / "w.duckdb", mapping=read_mapping(EXAMPLE), now=NOW, max_set_aside=0.1)
    return folder / "w.duckdb", result


def test_another_case_log_becomes_transactions(example):
    warehouse, _ = example
    rows = query(
        warehouse,
        "SELECT arende_id, arendetyp, status, tidpunkt, moment, kon, vardgivare_id FROM transaktion ORDER BY tidpunkt",
    )
    assert rows == [
        ("17", "Process", "Inprogress", datetime(2025, 10, 1, 6, 30), "Sömn", "Kvinna", None),
        ("17", "Process", "Samtal", datetime(2025, 10, 2, 6, 30), "Sömn", "Kvinna", None),
        ("17", "Process", "Samtal", datetime(2025, 10, 2, 6, 30), "Sömn", "Kvinna", None),
        ("17", "Process", "Done", datetime(2025, 10, 26, 0, 30), "Sömn", "Kvinna", None),
        ("18", "Process", "Inprogress", datetime(2025, 10, 31, 22, 59), "Registrerad", "Man", None),
    ]


def test_it_is_counted(example):
    report = Library(example[0], "riket", "2025-10", "2025-10", 0)
    check(
        report.table("per-manad"),
        """
        | manad   | startade | avslutade | behandlare |
        | 2025-10 | 2        | 1         | 2          |
        """,
    )


def test_every_row_of_it_is_accounted_for(example):
    warehouse, result = example
    assert {name: (c.read, c.kept, c.repeats, c.set_aside) for name, c in result.per_file.items()} == {
        "logg.txt: arenden": (6, 5, 0, 1),
        "logg.txt: behandlare": (4, 2, 2, 0),
    }
    assert result.notices == [("behandlare", "passed over, since a column that must be given is empty", 2)]
    assert query(warehouse, "SELECT rad, skal, innehall->>'tidpunkt', innehall->>'status' FROM karantan") == [
        (6, "tidpunkt is not a time in ISO 8601", "i går", "Inprogress")
    ]


def test_the_same_rows_in_another_order_change_nothing(tmp_path, example):
    warehouse, _ = example
    header, *rows = LOG.splitlines(keepends=True)
    write(tmp_path / "in", header + "".join(reversed(rows)), name="logg-2.txt")
    result = load_extract(tmp_path / "in", warehouse, mapping=read_mapping(EXAMPLE), now=NOW, max_set_aside=0.1)
    assert (result.total.kept, result.total.repeats) == (0, 9)


def test_no_persons_id_of_it_reaches_the_warehouse(example):
    assert query(example[0], "SELECT count(*) FROM behandlare WHERE CAST(behandlare AS VARCHAR) = 'Anna'") == [(0,)]
    assert b"Anna" not in example[0].read_bytes()


# ---------- Ways to write the same ----------

COLUMNS = """
  columns:
    transaktion_id: nr
    arende_id: "case:id"
    arendetyp: {value: Process}
    status: {column: lifecycle, values: {Inprogress: "yes", Done: 02}}
    tidpunkt: """


def load_one(tmp_path, tidpunkt: str, options: str = "files: '*'") -> object:
    mapping = mapped(tmp_path, f"arenden:\n  {options}{COLUMNS}{tidpunkt}")
    load_extract(tmp_path / "in", tmp_path / "w.duckdb", mapping=mapping, now=NOW)
    return query(tmp_path / "w.duckdb", "SELECT tidpunkt, status FROM transaktion")[0]


TIMES = {
    "ISO 8601 in Stockholm": ("2025-10-01 10:00", "tid"),
    "in UTC, without saying it": ("2025-10-01T08:00:00.000", "{column: tid, timezone: UTC}"),
    "in UTC, but says another": ("2025-10-01 10:00:00,000+02:00", "{column: tid, timezone: UTC}"),
    "of a form": ("2025/10/01 10:00:00", '{column: tid, format: "%Y/%m/%d %H:%M:%S"}'),
    "of a form, in UTC": ("2025/10/01 08:00", '{column: tid, format: "%Y/%m/%d %H:%M", timezone: UTC}'),
    "of the second form": ("1 Oct 2025 10:00", '{column: tid, format: ["%Y/%m/%d %H:%M", "%d %b %Y %H:%M"]}'),
    "of a form with an offset": ("01.10.2025 09:00 +0100", '{column: tid, format: "%d.%m.%Y %H:%M %z"}'),
    "of a form with milliseconds": ("2025/10/01 10:00:00.000", '{column: tid, format: "%Y/%m/%d %H:%M:%S.%f"}'),
    "of no form, but ISO 8601": ("2025-10-01T08:00:00Z", '{column: tid, format: "%d.%m.%Y"}'),
}


@pytest.mark.parametrize(("text", "tidpunkt"), TIMES.values(), ids=TIMES.keys())
def test_times_are_read_as_the_mapping_says(tmp_path, text, tidpunkt):
    write(tmp_path / "in", f'nr,case:id,lifecycle,tid\n1,A,yes,"{text}"\n')
    assert load_one(tmp_path, tidpunkt) == (datetime(2025, 10, 1, 8), "Inprogress")


def as_gzip(path: Path, rows: str) -> None:
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(rows.encode()))


def as_parquet(path: Path, rows: str) -> None:
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT 1.0::DOUBLE AS nr, 'A' AS \"case:id\", '02' AS lifecycle, "
            f"TIMESTAMP '2025-10-01 10:00' AS tid) TO '{path}.parquet'"
        )


FORMS = {
    "tabs": (lambda path, rows: path.write_text(rows.replace(",", "\t")), "delimiter: tab"),
    "UTF-16": (lambda path, rows: path.write_text(rows, "utf-16"), "encoding: UTF-16"),
    "gzip": (as_gzip, "files: '*.csv.gz'"),
    "Parquet": (as_parquet, "files: '*.parquet'"),
}


@pytest.mark.parametrize(("form", "option"), FORMS.values(), ids=FORMS.keys())
def test_files_come_in_many_forms(tmp_path, form, option):
    (tmp_path / "in").mkdir()
    form(tmp_path / "in" / "arenden.csv", "nr,case:id,lifecycle,tid\n1,A,02,2025-10-01 10:00\n")
    assert load_one(tmp_path, "tid", option) == (datetime(2025, 10, 1, 8), "Done")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.randoms())
def test_ids_made_of_rows_are_as_many_as_the_rows_in_whatever_order(rows, random):
    """The SQL of an id, over rows of one column."""
    mapping = SourceMapping(columns={"transaktion_id": {"hash_of": "x"}})
    sql = mapped_columns(sources()["arenden"], mapping)[0][0]

    def ids(rows: list[str]) -> set[str]:
        listed = ", ".join(f"({rad}, '{text}')" for rad, text in enumerate(rows))
        return {id_ for (id_,) in duckdb.execute(f"SELECT {sql} FROM (VALUES {listed}) AS t(rad, k0)").fetchall()}

    assert len(ids(rows)) == len(rows)
    assert ids(rows) == ids(random.sample(rows, len(rows)))


def test_an_id_made_of_rows_holds_nothing_of_a_person():
    columns = {"transaktion_id": {"hash_of": "row"}, "vardtagare_id": "person", "moment": "moment"}
    mapping = SourceMapping(columns=columns)
    sql = mapped_columns(sources()["arenden"], mapping)[0][0]
    assert mapping.columns_read == ["person", "moment"]  # k0 and k1
    assert ("k0" in sql, "k1" in sql) == (False, True)


# ---------- Mappings that are wrong, and files that are not as they say ----------

GOOD = "arenden:\n  files: '*'" + COLUMNS + "tid\n"
WRONG = {
    "no such source": ("arende:\n  columns: {}\n", "arende: there is no such source (the nearest is arenden)"),
    "no such column": (
        GOOD + "    Moment: m\n",
        "Moment: there is no such column (the nearest is moment",
    ),
    "a required one": ("behandlare:\n  columns: {arende_id: a}\n", "behandlare_id: is required, and not mapped"),
    "a near value": (GOOD.replace("Done", "done"), "status: 'done' is no value that counts (the nearest is Done)"),
    "another sex": (GOOD + "    kon: {column: k, values: {F: 1}}\n", "kon: 'F' is no value that counts"),
    "one for two": (GOOD.replace("02", "yes"), "status: values: 'yes' stands for two values"),
    "two ways": (GOOD.replace("value:", "column: x, value:"), "arendetyp: give one of column, value and hash_of"),
    "an unknown word": (GOOD.replace("values:", "vlues:"), "vlues: Extra inputs are not permitted"),
    "a form of no time": (GOOD.replace("tid\n", "{column: t, format: '%Q'}\n"), "'%Q' is not a form of time"),
    "no time zone": (GOOD.replace("tid\n", "{column: t, timezone: Europe/Stokholm}\n"), "nearest is Europe/Stockholm"),
    "no encoding": (GOOD.replace("files:", "encoding: latin-99\n  files:"), "there is no encoding 'latin-99'"),
    "no delimiter": (GOOD.replace("files:", "delimiter: '||'\n  files:"), "give one character, or tab"),
    "a person's hash": (
        GOOD.replace("nr", "{hash_of: [p]}") + "    vardtagare_id: p\n",
        "transaktion_id: hash_of names p, which holds persons' ids",
    ),
    "half a catalogue": (
        "hsa_vardgivare:\n  table: v\n  new_since: {column: c, overlap: 10}\n  columns: {hsa_id: h}\n",
        "new_since: the source is replaced whole by a load",
    ),
    "an id that does not stay": (
        "arenden:\n  table: t\n  new_since: {column: c, overlap: 1}" + COLUMNS.replace("nr", "{hash_of: x}") + "t\n",
        "transaktion_id: hash_of must name c",
    ),
    "two places": (GOOD.replace("files:", "table: t\n  files:"), "give one of files, table and query"),
    "an overlap of nothing": (
        "arenden:\n  table: t\n  new_since: {column: c, overlap: 0 days}" + COLUMNS + "t\n",
        "give a time such as 1 day",
    ),
    "outside the folder": (GOOD.replace("'*'", "../x.csv"), "give a name or pattern of files in the extract folder"),
    "no mapping": ("- a\n", "maps no source: see params/mapping_example.yml"),
    "no YAML": ("a: [", "is not a YAML file"),
    "a table of a folder": (GOOD.replace("files: '*'", "table: t"), "arenden is mapped from a database"),
    "no such file": (GOOD.replace("'*'", "'x*'"), "holds no file x*, which arenden is mapped from; found logg.txt"),
    "a column that is not there": (GOOD.replace("nr", "No"), "logg.txt: arenden: column No is missing; found nr, "),
    "nearly there": (GOOD.replace(": lifecycle", ": Lifecycel"), "column Lifecycel (nearest found: lifecycle) is"),
    "not that encoding": (GOOD.replace("files:", "encoding: ascii\n  files:"), "not ASCII: byte 0xc3 found"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told(tmp_path, capsys, text, message):
    write(tmp_path / "in", "nr,case:id,lifecycle,tid\n1,Sömn,yes,2025-10-01\n", encoding="utf-8")
    (tmp_path / "m.yml").write_text(text, "utf-8")
    options = ["--mapping", str(tmp_path / "m.yml"), "--warehouse", str(tmp_path / "w.duckdb")]
    assert cli.run(cli.app, ["load", str(tmp_path / "in"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "w.duckdb").exists()


def test_every_fault_is_told_at_once(tmp_path):
    with pytest.raises(SobstatError, match=r"m\.yml has 6 fault\(s\); nothing was read"):
        mapped(tmp_path, "arende: {}\nbehandlare:\n  columns: {behandlare: b}\nbefolkning:\n  colums: {}\n")
