"""Bad and hostile input: what a malformed extract, row or warehouse is told, and that nothing is lost or half-written.

Every case is a line of a table: what is given, and what `sobstat load` must say or hold.
"""

import codecs
import gzip
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from extracts import NOW
from sobstat import cli
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.reading import LONGEST_ROW

EXAMPLE = Path(__file__).parent / "example"
HEADER = (
    "transaktion_id,arende_id,arendetyp,status,tidpunkt,process,moment,vardgivare_id,vardenhet_id,vardtagare_id,"
    "kon,alder,avslutningsorsak"
)
COLUMNS = HEADER.split(",")
ROW = "T1,A1,Process,Inprogress,2025-10-01T08:00:00Z,KBT (process),KBT,SE01-A,SE01-A1,hemlig,Kvinna,40,"
PERSON = "hemlig"
BOM = codecs.BOM_UTF8.decode()


def changed(**values: str) -> str:
    """ROW with some values replaced, quoted where CSV needs it."""
    cells = dict(zip(COLUMNS, ROW.split(","), strict=True)) | values
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if set(',"\r\n') & set(cell) else cell for cell in cells.values()
    )


def lines(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return "".join(f"{line}{end}" for line in [header, *rows])


def parquet(**replaced: str) -> Callable[[Path], None]:
    """Writes ROW as a Parquet file, some columns replaced by SQL expressions; `None` leaves a column out."""

    def write(path: Path) -> None:
        columns = {name: f"'{cell}'" for name, cell in zip(COLUMNS, ROW.split(","), strict=True)} | replaced
        listed = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items() if sql)
        with duckdb.connect() as con:
            rows = "(SELECT 1 LIMIT 0)" if "no_rows" in replaced else "(SELECT 1)"
            con.execute(f"COPY (SELECT {listed} FROM {rows}) TO '{path.parent}/part' (FORMAT parquet)")
        (path.parent / "part").rename(path)

    return write


def give(folder: Path, name: str, content) -> Path:
    """A folder with one file: text, bytes, or what a function makes of its path."""
    folder.mkdir(exist_ok=True)
    if callable(content):
        content(folder / name)
    else:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return con.execute(sql).fetchall()


def state(folder: Path) -> dict[str, tuple]:
    """Everything in a folder: names, modes, bytes; but for the log, which tells of failed loads too."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
        if not path.name.endswith(".loads.jsonl")
    }


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Path:
    """A folder with a warehouse that holds the example."""
    folder = tmp_path_factory.mktemp("loaded")
    load_extract(EXAMPLE, folder / "w.duckdb", now=NOW)
    return folder


@pytest.fixture
def warehouse(loaded, tmp_path) -> Path:
    """A copy of it for a test of its own."""
    shutil.copytree(loaded, tmp_path / "w")
    return tmp_path / "w" / "w.duckdb"


# ---------- Files that cannot be read as their source: name, contents, what the message must say ----------

TRUNCATED = gzip.compress(lines(ROW).encode())[:-12]
BAD_FILES = {
    "empty": ("arenden.csv", "", ["empty file"]),
    "a byte order mark alone": ("arenden.csv", BOM, ["empty file"]),
    "blank first line": ("arenden.csv", "\n" + lines(ROW), ["the first line is blank"]),
    "no header": ("arenden.csv", f"{ROW}\n", ["no header", "transaktion_id"]),
    "title above the header": ("arenden.csv", "SOB 2025\n" + lines(ROW), ["no header"]),
    "separator line above the header": ("arenden.csv", "sep=;\n" + lines(ROW).replace(",", ";"), ["no header"]),
    "tabs": ("arenden.csv", lines(ROW).replace(",", "\t"), ["no header", "separated by comma or semicolon"]),
    "pipes": ("arenden.csv", lines(ROW).replace(",", "|"), ["no header", "separated by comma or semicolon"]),
    "missing column": ("arenden.csv", lines(header=HEADER.replace(",moment", "")), ["column moment is missing", "kon"]),
    "misspelt column": ("arenden.csv", lines(header=HEADER.replace("moment", "momment")), ["nearest found: momment"]),
    "upper-case header": ("arenden.csv", lines(ROW, header=HEADER.upper()), ["moment (nearest found: MOMENT)"]),
    "one column in upper case": ("arenden.csv", lines(header=HEADER.replace("kon", "KON")), ["nearest found: KON"]),
    "column twice": ("arenden.csv", lines(header=HEADER + ",kon"), ["column kon occurs twice"]),
    "half a header": ("arenden.csv", lines(header="kon,alder"), ["no header: the first line names 2 of the columns"]),
    "control characters in a header": ("arenden.csv", lines(header=HEADER.replace("kon", "\x1bkon")), ["␛kon"]),
    "another source's columns": (
        "behandlare.csv",
        lines(),
        ["behandlare_id (nearest found: vardtagare_id) is missing"],
    ),
    "Latin-1": ("arenden.csv", lines(changed(kon="Ökänd")).encode("latin-1"), ["not UTF-8", "0xd6"]),
    "Latin-1 far down": ("arenden.csv", lines(*[ROW] * 9999, "Å").encode("latin-1"), ["not UTF-8", "0xc5"]),
    "UTF-16": ("arenden.csv", lines(ROW).encode("utf-16"), ["not UTF-8"]),
    "UTF-16 without a mark": ("arenden.csv", lines(ROW).encode("utf-16-le"), ["NUL bytes found, as in UTF-16"]),
    "UTF-32": ("arenden.csv", lines(ROW).encode("utf-32"), ["not UTF-8"]),
    "nothing but NUL": ("arenden.csv", bytes(4096), ["NUL bytes found"]),
    "surrogates in UTF-8": ("arenden.csv", lines(ROW).encode() + b"\xed\xa0\x80", ["not UTF-8", "0xed"]),
    "open quote": ("arenden.csv", lines('"T1,A1'), ["not a CSV file", "line 2", "unexpected end"]),
    "text after a quote": ("arenden.csv", lines(ROW.replace("KBT,", '"KBT" x,')), ["not a CSV file", "line 2"]),
    "100 MB in a field": ("arenden.csv", lines(ROW + "x" * 10**8), ["line 2 belongs to a row of more than 1000000"]),
    "100 MB in quotes": ("arenden.csv", lines('"' + "x\n" * 5 * 10**7), ["belongs to a row of more than 1000000"]),
    "100 MB of header": ("arenden.csv", "x" * 10**8, ["line 1 belongs to a row of more than 1000000"]),
    "gzip cut off": ("arenden.csv.gz", TRUNCATED, ["not a whole gzip file"]),
    "gzip of another checksum": ("arenden.csv.gz", TRUNCATED + bytes(12), ["not a whole gzip file"]),
    "gzip with a tail": ("arenden.csv.gz", gzip.compress(lines(ROW).encode()) + b"tail", ["not a whole gzip file"]),
    "gzip of noise": ("arenden.csv.gz", b"\x1f\x8b\x08" + os.urandom(500), ["cannot be read"]),
    "gzip of nothing": ("arenden.csv.gz", gzip.compress(b""), ["empty file"]),
    "gzip of a gzip": ("arenden.csv.gz", gzip.compress(gzip.compress(b"x")), ["not UTF-8"]),
    "no gzip": ("arenden.csv.gz", lines(ROW), ["not a whole gzip file"]),
    "gzip named csv": ("arenden.csv", gzip.compress(lines(ROW).encode()), ["not UTF-8", "0x8b"]),
    "spreadsheet named csv": ("arenden.csv", b"PK\x03\x04" + bytes(30), ["NUL bytes found"]),
    "Parquet named csv": ("arenden.csv", parquet(), ["cannot be read"]),
    "csv named Parquet": ("arenden.parquet", lines(ROW), ["not a readable Parquet file"]),
    "Parquet of nothing": ("arenden.parquet", b"", ["not a readable Parquet file"]),
    "Parquet of its marks": ("arenden.parquet", b"PAR1" + bytes(8) + b"PAR1", ["not a readable Parquet file"]),
    "Parquet without a column": ("arenden.parquet", parquet(moment=None), ["column moment is missing"]),
    "Parquet in upper case": (
        "arenden.parquet",
        parquet(**dict.fromkeys(COLUMNS), **{name.upper(): "'x'" for name in COLUMNS}),
        ["moment (nearest found: MOMENT)"],
    ),
    "Parquet of lists": ("arenden.parquet", parquet(moment="['x']"), ["column moment holds VARCHAR[]"]),
    "Parquet of structs": ("arenden.parquet", parquet(kon="{'a': 1}"), ["column kon holds STRUCT"]),
    "Parquet of maps": ("arenden.parquet", parquet(kon="MAP {'a': 1}"), ["column kon holds MAP"]),
    "Parquet of bytes": ("arenden.parquet", parquet(moment="'x'::BLOB"), ["column moment holds BLOB"]),
    "a folder": ("arenden-2.csv", Path.mkdir, ["arenden-2.csv is not a file"]),
    "a pipe": ("arenden-2.csv", os.mkfifo, ["arenden-2.csv is not a file"]),
    "a link to nowhere": ("arenden-2.csv", lambda path: path.symlink_to("x"), ["arenden-2.csv is not a file"]),
    "a link to itself": ("arenden-2.csv", lambda path: path.symlink_to(path), ["arenden-2.csv is not a file"]),
    "a name that steers a terminal": ("arenden\x1b[31m\n.csv", "", ["arenden␛[31m .csv: empty file"]),
    "a name that is no UTF-8": ("arenden\udce5.csv", lines(ROW), ["arenden\ufffd.csv is not UTF-8: rename"]),
    "another kind of file": ("arenden.xlsx", b"PK\x03\x04", ["holds no extract file: expected arenden*", ".parquet"]),
    "a catalogue without rows": ("hsa_vardgivare.csv", "hsa_id,namn,lan_kod\n", ["would empty the"]),
    "a catalogue without usable rows": ("hsa_vardgivare.csv", "hsa_id,namn,lan_kod\n,x,01\n", ["cannot be used"]),
    "a population without rows": ("befolkning.csv", "ar,lan_kod,kon,alder,antal\n", ["would empty the"]),
}


@pytest.mark.parametrize(("name", "content", "expected"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_stops_the_load_and_leaves_the_warehouse(tmp_path, warehouse, capsys, name, content, expected):
    before = state(warehouse.parent)
    folder = give(tmp_path / "in", name, content)
    assert cli.run(cli.app, ["load", str(folder), "--warehouse", str(warehouse)]) == 2
    said = capsys.readouterr().err
    assert [words for words in expected if words not in said] == []
    assert len(said) < 1000
    assert PERSON not in said, "a person's id is shown"
    assert "\x1b" not in said
    assert state(warehouse.parent) == before


def test_every_bad_file_is_named_at_once(tmp_path):
    folder = give(tmp_path / "in", "arenden-1.csv", "x,y\n")
    give(folder, "behandlare.csv", "")
    give(folder, "befolkning.parquet", "PAR1")
    with pytest.raises(SobstatError, match=r"3 file\(s\) cannot be read; nothing was loaded") as error:
        load_extract(folder, tmp_path / "w" / "w.duckdb")
    assert all(name in str(error.value) for name in ["arenden-1.csv", "behandlare.csv", "befolkning.parquet"])
    assert list((tmp_path / "w").iterdir()) == []


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, Path.touch], ids=["no folder", "empty", "a file"])
def test_a_folder_without_an_extract_is_refused(tmp_path, warehouse, make):
    make(tmp_path / "in")
    before = state(warehouse.parent)
    with pytest.raises(SobstatError, match="extract"):
        load_extract(tmp_path / "in", warehouse)
    assert state(warehouse.parent) == before


def bomb(pattern: str) -> bytes:
    """A gzip file of 3 kB for each 10 MB that it unpacks to, 2 GB in all; none of it holds a whole row."""
    return gzip.compress(lines().encode()) + gzip.compress((pattern * (10**7 // len(pattern))).encode()) * 200


# The peak of the loading process alone: what it was forked from may be larger.
LOAD_AND_TELL_PEAK = """
import re, sys
from sobstat import cli
code = cli.run(cli.app, sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(code)
"""
BOMBS = {"a line": bomb("x"), "a quoted field": bomb('"x\n')[:-1], "a row of short lines": bomb('"a\n",')}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_does_not_fill_the_memory(tmp_path, content):
    folder = give(tmp_path / "in", "arenden.csv.gz", content)
    command = [sys.executable, "-c", LOAD_AND_TELL_PEAK, "load", str(folder), "--warehouse", str(tmp_path / "w.duckdb")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "nothing was loaded" in done.stderr
    assert "Traceback" not in done.stderr
    assert int(done.stdout) < 700_000  # kB
    assert not (tmp_path / "w.duckdb").exists()


# ---------- Files that look odd and are read all the same: name, contents, ids of the rows kept ----------

TWO = [ROW, changed(transaktion_id="T2")]
ODD_FILES = {
    "CR alone ends a line": ("arenden.csv", lines(*TWO, end="\r"), ["T1", "T2"]),
    "several line ends": ("arenden.csv", lines(end="\r\n") + f"{TWO[0]}\r{TWO[1]}", ["T1", "T2"]),
    "blank lines": ("arenden.csv", lines("", *TWO, "", ""), ["T1", "T2"]),
    "a byte order mark twice": ("arenden.csv", BOM * 2 + lines(*TWO), ["T1", "T2"]),
    "blanks in the header": ("arenden.csv", lines(*TWO, header=HEADER.replace(",", " , ")), ["T1", "T2"]),
    "a quoted header": ("arenden.csv", lines(*TWO, header='"' + HEADER.replace(",", '","') + '"'), ["T1", "T2"]),
    "semicolons, CRLF, mark": (
        "arenden.csv",
        BOM + lines(*TWO, end="\r\n").replace(",", ";"),
        ["T1", "T2"],
    ),
    "columns that nobody knows": ("arenden.csv", lines(f"{ROW},x,y", header=HEADER + ",extra,extra"), ["T1"]),
    "quotes inside a field": ("arenden.csv", lines(ROW.replace(",KBT,", ',K"B"T,')), ["T1"]),
    "a line end inside a field": ("arenden.csv", lines(changed(moment="K\nB")), ["T1"]),
    "a row as long as can be": ("arenden.csv", lines(ROW + "x" * (LONGEST_ROW - len(ROW) - 1)), ["T1"]),
    "no row": ("arenden.csv", lines(), []),
    "two gzips in one": (
        "arenden.csv.gz",
        b"".join(gzip.compress(f"{x}\n".encode()) for x in [HEADER, *TWO]),
        ["T1", "T2"],
    ),
    "upper-case suffix": ("arenden.CSV", lines(ROW), ["T1"]),
    "upper-case name": ("ARENDEN.CSV.GZ", gzip.compress(lines(ROW).encode()), ["T1"]),
    "an odd name": ("arenden åäö 😀 'x' \"y\";.parquet", parquet(), ["T1"]),
    "Parquet without rows": ("arenden.parquet", parquet(no_rows="1"), []),
    "Parquet of an enum": ("arenden.parquet", parquet(kon="'Man'::ENUM ('Man')"), ["T1"]),
    "Parquet with a column named as a row's number": (
        "arenden.parquet",
        parquet(file_row_number="9", filename="1"),
        ["T1"],
    ),
    "Parquet with a name in both cases": ("arenden.parquet", parquet(KON="'x'"), ["T1"]),
    "Parquet ids of other types": ("arenden.parquet", parquet(transaktion_id="7", arende_id="uuid()"), ["7"]),
    "Parquet ids with decimals": ("arenden.parquet", parquet(transaktion_id="7::DECIMAL(38, 10)"), ["7"]),
    "Parquet ids as floating point": ("arenden.parquet", parquet(transaktion_id="7e0::DOUBLE"), ["7"]),
}


@pytest.mark.parametrize(("name", "content", "ids"), ODD_FILES.values(), ids=ODD_FILES.keys())
def test_an_odd_file_is_read(tmp_path, name, content, ids):
    folder = give(tmp_path / "in", name, content)
    result = load_extract(folder, tmp_path / "w.duckdb", now=NOW)
    assert (result.total.read, result.total.kept) == (len(ids), len(ids))
    assert query(tmp_path / "w.duckdb", "SELECT transaktion_id FROM transaktion ORDER BY ALL") == [
        (id_,) for id_ in ids
    ]
    assert query(tmp_path / "w.duckdb", "SELECT fil FROM laddad_fil") == [(name,)]


def test_a_name_that_is_a_pattern_is_one_file(tmp_path):
    folder = tmp_path / "in"
    for number, name in enumerate(["arenden*.parquet", "arenden1.parquet", "arenden[12].parquet", "arenden?.parquet"]):
        give(folder, name, parquet(transaktion_id=str(number)))
    result = load_extract(folder, tmp_path / "w.duckdb", now=NOW)
    assert [(count.read, count.kept) for count in result.per_file.values()] == [(1, 1)] * 4


def test_a_file_of_no_known_kind_is_not_passed_over_in_silence(tmp_path, capsys):
    folder = give(tmp_path / "in", "arenden.csv", lines(ROW))
    give(folder, "Behandlare.XLSX", b"PK")
    give(folder, "readme.txt", "x")
    assert cli.run(cli.app, ["load", str(folder), "--warehouse", str(tmp_path / "w.duckdb")]) == 0
    said = capsys.readouterr().err
    assert "Behandlare.XLSX was passed over" in said
    assert "readme.txt" not in said


# ---------- Rows that cannot be used: the values, and the reason that the quarantine gives ----------

NO_TIME = "tidpunkt is not a time in ISO 8601"
NO_AGE = "alder is not a number"
BAD_ROWS = {
    "no transaktion_id": ({"transaktion_id": ""}, "transaktion_id is missing"),
    "transaktion_id of wide blanks": ({"transaktion_id": "\u3000\u00a0"}, "transaktion_id is missing"),
    "blank arende_id": ({"arende_id": "  "}, "arende_id is missing"),
    "no arendetyp": ({"arendetyp": ""}, "arendetyp is missing"),
    "no status": ({"status": ""}, "status is missing"),
    "no time": ({"tidpunkt": ""}, "tidpunkt is missing"),
    "a word for a time": ({"tidpunkt": "igår"}, NO_TIME),
    "a word that DuckDB knows": ({"tidpunkt": "epoch"}, NO_TIME),
    "infinity": ({"tidpunkt": "infinity"}, NO_TIME),
    "seconds since 1970": ({"tidpunkt": "1759305600"}, NO_TIME),
    "no such day": ({"tidpunkt": "2025-02-29T08:00:00"}, NO_TIME),
    "30 February": ({"tidpunkt": "2025-02-30"}, NO_TIME),
    "month 13": ({"tidpunkt": "2025-13-01"}, NO_TIME),
    "year 0": ({"tidpunkt": "0000-01-01"}, NO_TIME),
    "year 12025": ({"tidpunkt": "12025-10-01"}, NO_TIME),
    "24 o'clock": ({"tidpunkt": "2025-10-01T24:00:00"}, NO_TIME),
    "24 o'clock in UTC": ({"tidpunkt": "2025-10-01T24:00:00Z"}, NO_TIME),
    "25 o'clock": ({"tidpunkt": "2025-10-01T25:00:00"}, NO_TIME),
    "a leap second": ({"tidpunkt": "2016-12-31T23:59:60Z"}, NO_TIME),
    "an hour alone": ({"tidpunkt": "2025-10-01T08"}, NO_TIME),
    "offset of 25 hours": ({"tidpunkt": "2025-10-01T08:00:00+25:00"}, NO_TIME),
    "offset of 75 minutes": ({"tidpunkt": "2025-10-01T08:00:00+01:75"}, NO_TIME),
    "a zone by name": ({"tidpunkt": "2025-10-01T08:00:00 Europe/Stockholm"}, NO_TIME),
    "a typographic minus": ({"tidpunkt": "2025-10-01T08:00:00−01:00"}, NO_TIME),
    "full-width digits in a time": ({"tidpunkt": "２０２５-10-01"}, NO_TIME),
    "day before month": ({"tidpunkt": "01/10/2025 08:00"}, NO_TIME),
    "no dashes": ({"tidpunkt": "20251001T080000Z"}, NO_TIME),
    "a week": ({"tidpunkt": "2025-W40-3"}, NO_TIME),
    "NUL after a time": ({"tidpunkt": "2025-10-01T08:00:00Z\0"}, NO_TIME),
    "the first day of year 1 in UTC": ({"tidpunkt": "0001-01-01T00:00:00Z"}, NO_TIME),
    "a second too late": ({"tidpunkt": "2026-06-01T00:00:01Z"}, "tidpunkt is in the future"),
    "a second too late in Stockholm": ({"tidpunkt": "2026-06-01T02:00:01"}, "tidpunkt is in the future"),
    "year 9999": ({"tidpunkt": "9999-12-31T23:59:59Z"}, "tidpunkt is in the future"),
    "age in words": ({"alder": "fyrtio"}, NO_AGE),
    "age with a unit": ({"alder": "40 år"}, NO_AGE),
    "age with an underscore": ({"alder": "3_4"}, NO_AGE),
    "age with a comma": ({"alder": "40,5"}, NO_AGE),
    "age in full-width digits": ({"alder": "４０"}, NO_AGE),
    "hexadecimal age": ({"alder": "0x28"}, NO_AGE),
    "infinite age": ({"alder": "inf"}, NO_AGE),
    "age NaN": ({"alder": "NaN"}, NO_AGE),
    "age beyond every number": ({"alder": "1e309"}, NO_AGE),
    "two faults": ({"status": "", "alder": "x"}, f"status is missing; {NO_AGE}"),
}


@pytest.fixture(scope="module")
def quarantine(tmp_path_factory) -> dict[int, tuple[str, str]]:
    """Row → reason and contents, of an extract of all BAD_ROWS."""
    folder = tmp_path_factory.mktemp("rows")
    rows = [changed(**{"transaktion_id": f"T{n}"} | values) for n, (values, _) in enumerate(BAD_ROWS.values())]
    give(folder / "in", "arenden.csv", lines(*rows))
    result = load_extract(folder / "in", folder / "w.duckdb", now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.set_aside) == (len(rows), 0, len(rows))
    return {row: said for row, *said in query(folder / "w.duckdb", "SELECT rad, skal, innehall FROM karantan")}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(quarantine, case):
    reason, contents = quarantine[list(BAD_ROWS).index(case) + 1]
    assert reason == BAD_ROWS[case][1]
    assert '"process":"KBT (process)"' in contents
    assert PERSON not in contents


ILL_CUT = {
    "a field too many": ("Man,Man", "14 fields, the header has 13"),
    "another separator": (ROW.replace(",", ";"), "1 fields, the header has 13"),
    "NUL alone": ("\0" * 4096, "1 fields, the header has 13"),
    "a blank": (" ", "1 fields, the header has 13"),
}


@pytest.mark.parametrize(("text", "reason"), ILL_CUT.values(), ids=ILL_CUT.keys())
def test_a_row_that_is_cut_ill_is_set_aside_without_its_text(tmp_path, text, reason):
    row = ROW.replace("Kvinna", text) if "Man" in text else text
    give(tmp_path / "in", "arenden.csv", lines(changed(transaktion_id="T0"), row))
    result = load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.set_aside) == (2, 1, 1)
    assert query(tmp_path / "w.duckdb", "SELECT rad, skal, innehall FROM karantan") == [(2, reason, None)]


def test_a_header_in_the_middle_is_set_aside(tmp_path):
    give(tmp_path / "in", "arenden.csv", lines(ROW) + BOM + lines(changed(transaktion_id="T2")))
    result = load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.set_aside) == (3, 2, 1)


# ---------- Values that keep the row: the column, the text, what the warehouse holds ----------

KEPT = {
    "UTC": ("tidpunkt", "2025-10-31T23:30:00Z", datetime(2025, 10, 31, 23, 30)),
    "lower-case letters": ("tidpunkt", "2025-10-31t23:30:00z", datetime(2025, 10, 31, 23, 30)),
    "offset": ("tidpunkt", "2025-10-31T23:30:00+01:00", datetime(2025, 10, 31, 22, 30)),
    "offset without colon": ("tidpunkt", "2025-10-31T23:30:00 +0100", datetime(2025, 10, 31, 22, 30)),
    "short offset": ("tidpunkt", "2025-10-31 23:30:00+01", datetime(2025, 10, 31, 22, 30)),
    "the largest offset": ("tidpunkt", "2025-10-31T23:30:00+14:00", datetime(2025, 10, 31, 9, 30)),
    "local winter": ("tidpunkt", "2025-12-01T00:30:00", datetime(2025, 11, 30, 23, 30)),
    "local summer": ("tidpunkt", "2025-07-01T00:30", datetime(2025, 6, 30, 22, 30)),
    "autumn hour, the first": ("tidpunkt", "2025-10-26T02:30:00", datetime(2025, 10, 26, 0, 30)),
    "autumn hour, the second": ("tidpunkt", "2025-10-26T02:30:00+01:00", datetime(2025, 10, 26, 1, 30)),
    "autumn hour in September, as until 1995": ("tidpunkt", "1995-09-24T02:30:00", datetime(1995, 9, 24, 0, 30)),
    "spring gap": ("tidpunkt", "2025-03-30T02:30:00", datetime(2025, 3, 30, 1, 30)),
    "fraction": ("tidpunkt", "2025-10-01T08:00:00.123456789Z", datetime(2025, 10, 1, 8, 0, 0, 123456)),
    "comma fraction": ("tidpunkt", "2025-10-01T08:00:00,5Z", datetime(2025, 10, 1, 8, 0, 0, 500000)),
    "date": ("tidpunkt", "2025-10-01", datetime(2025, 9, 30, 22, 0)),
    "blanks around a time": ("tidpunkt", " 2025-10-01T08:00:00Z ", datetime(2025, 10, 1, 8)),
    "the load's own second": ("tidpunkt", "2026-06-01T00:00:00Z", datetime(2026, 6, 1)),
    "year 1": ("tidpunkt", "0001-06-01T00:00:00Z", datetime(1, 6, 1)),
    "HSA-id": ("vardgivare_id", " se01-a\u00a0", "SE01-A"),
    "wide space around an HSA-id": ("vardgivare_id", "\u2003SE01-A\u3000", "SE01-A"),
    "wide space after an HSA-id": ("vardgivare_id", "SE01-A\u3000", "SE01-A"),
    "a letter beyond ASCII in an HSA-id": ("vardgivare_id", "se01-å ", "SE01-Å"),
    "unknown kon": ("kon", "kvinna", None),
    "kon with a blank": ("kon", "Kvinna ", None),
    "age beyond": ("alder", "121", None),
    "age far beyond": ("alder", "1e308", None),
    "age below": ("alder", "-1", None),
    "age 0": ("alder", "0", 0),
    "age 120": ("alder", "120", 120),
    "age with decimals": ("alder", "40.0", 40),
    "blank moment": ("moment", "  ", None),
    "wide space for a person": ("vardtagare", "\u2003", None),
    "no-break space for a person": ("vardtagare", "\u00a0", None),
    "NA": ("arende_id", "NA", "NA"),
    "null": ("process", "null", "null"),
    "nan": ("arende_id", "nan", "nan"),
    "blanks in an id": ("arende_id", " A 1 ", " A 1 "),
    "NUL in an id": ("arende_id", "A\x001", "A\x001"),
    "an id of 5 000 characters": ("arende_id", "Å" * 5000, "Å" * 5000),
    "a name of 5 000 characters": ("moment", "Å" * 5000, "Å" * 5000),
    "quotes in a name": ("moment", 'K "B" T', 'K "B" T'),
    "a composed letter": ("moment", "Ångest", "Ångest"),
    "a decomposed letter": ("moment", "A\u030angest", "A\u030angest"),
    "control characters in a name": ("moment", "K\x00B\x1b[31mT\x7f\x85", "K␀B␛[31mT␡ "),
    "white space in a name": ("moment", "\tK\r\nBT", " K  BT"),
    "control characters in an HSA-id": ("vardgivare_id", "se01\x1b-a", "SE01␛-A"),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory) -> Path:
    """A warehouse that holds a row for each of KEPT, in that order."""
    folder = tmp_path_factory.mktemp("kept")
    rows = [
        changed(transaktion_id=f"T{n:03}", **{column.replace("vardtagare", "vardtagare_id"): text})
        for n, (column, text, _) in enumerate(KEPT.values())
    ]
    give(folder / "in", "arenden.csv", lines(*rows))
    load_extract(folder / "in", folder / "w.duckdb", now=NOW)
    return folder / "w.duckdb"


@pytest.mark.parametrize("case", KEPT)
def test_a_value_is_held_as_the_contract_says(held, case):
    column, _, value = KEPT[case]
    number = list(KEPT).index(case)
    assert query(held, f"SELECT {column} FROM transaktion WHERE transaktion_id = 'T{number:03}'") == [(value,)]


def test_unknown_values_are_reported(tmp_path):
    give(tmp_path / "in", "arenden.csv", lines(changed(kon="X", alder="130", moment="\x1b")))
    assert load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW).notices == [
        ("arenden", "age outside 0–120, counted as Okänd", 1),
        ("arenden", "control characters in a name, shown as signs", 1),
        ("arenden", "unknown kon, counted as Okänt", 1),
    ]


LAN_KOD = {"01": "01", "1": "01", " 12 ": "12", "": None, "00": "00", "99": "99", "１": "0１", "012": "012", "x": "0x"}


def test_a_county_code_is_two_digits_or_unknown(tmp_path):
    rows = "".join(f"SE{n},x,{text}\n" for n, text in enumerate(LAN_KOD))
    give(tmp_path / "in", "hsa_vardgivare.csv", f"hsa_id,namn,lan_kod\n{rows}")
    result = load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW)
    assert query(tmp_path / "w.duckdb", "SELECT lan_kod FROM hsa_vardgivare ORDER BY hsa_id") == [
        (code,) for code in LAN_KOD.values()
    ]
    assert result.notices == [("hsa_vardgivare", "lan_kod is not a county code, counted as unknown", 5)]


# ---------- Rows against each other, and the share that is set aside ----------


def test_too_many_rows_set_aside_fail_the_load_unless_told_to_go_on(tmp_path, warehouse, capsys):
    before = state(warehouse.parent)
    rows = [changed(transaktion_id=f"T{n}", status="" if n < 2 else "Done") for n in range(100)]
    folder = give(tmp_path / "in", "arenden.csv", lines(*rows))
    load = ["load", str(folder), "--warehouse", str(warehouse)]
    assert cli.run(cli.app, load) == 2
    said = capsys.readouterr().err
    assert "2 of 100 rows cannot be used" in said
    assert "2 row(s): status is missing" in said
    assert "--max-set-aside" in said
    assert state(warehouse.parent) == before
    assert load_extract(folder, warehouse, now=NOW, max_set_aside=0.02).total.kept == 98


def test_one_row_in_a_hundred_may_be_set_aside(tmp_path):
    rows = [changed(transaktion_id=f"T{n}", status="" if n < 1 else "Done") for n in range(100)]
    folder = give(tmp_path / "in", "arenden.csv", lines(*rows))
    assert load_extract(folder, tmp_path / "w.duckdb", now=NOW).total.set_aside == 1


def test_of_two_rows_with_one_id_the_later_in_file_order_wins(tmp_path):
    folder = give(tmp_path / "in", "arenden-b.csv", lines(changed(moment="Second"), ROW))
    give(folder, "arenden-a.csv", lines(changed(moment="First"), ROW))
    result = load_extract(folder, tmp_path / "w.duckdb", now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.repeats, result.total.set_aside) == (4, 1, 1, 2)
    assert query(tmp_path / "w.duckdb", "SELECT moment FROM transaktion") == [("KBT",)]
    assert query(tmp_path / "w.duckdb", "SELECT fil, rad FROM karantan ORDER BY 1") == [
        ("arenden-a.csv", 1),
        ("arenden-b.csv", 1),
    ]


def test_two_files_with_the_same_rows_are_repeats(tmp_path):
    folder = give(tmp_path / "in", "arenden.csv", lines(*TWO))
    give(folder, "arenden (kopia).csv", lines(*TWO))
    result = load_extract(folder, tmp_path / "w.duckdb", now=NOW)
    assert (result.total.read, result.total.kept, result.total.repeats) == (4, 2, 2)


def test_hsa_ids_that_differ_in_case_are_one(tmp_path):
    rows = "hsa_id,namn,lan_kod\nse1-a,First,01\nSE1-A ,Second,12\n"
    give(tmp_path / "in", "hsa_vardgivare.csv", rows)
    result = load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW, max_set_aside=1)
    assert query(tmp_path / "w.duckdb", "SELECT hsa_id, namn, lan_kod FROM hsa_vardgivare") == [
        ("SE1-A", "Second", "12")
    ]
    assert result.reasons == [("hsa_vardgivare", "another row with the same hsa_id comes later", 1)]


def test_persons_ids_are_compared_as_they_stand(tmp_path):
    ids = ["a", "A", "a ", "a\0", "NA", "null", "x" * 5000]
    rows = [changed(transaktion_id=f"T{n}", vardtagare_id=id_) for n, id_ in enumerate(ids)]
    give(tmp_path / "in", "arenden.csv", lines(*rows))
    load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW)
    assert query(tmp_path / "w.duckdb", "SELECT count(DISTINCT vardtagare) FROM transaktion") == [(len(ids),)]


def test_a_therapist_on_no_arende_is_kept_and_counts_nowhere(tmp_path):
    give(tmp_path / "in", "arenden.csv", lines(ROW))
    give(tmp_path / "in", "behandlare.csv", "arende_id,behandlare_id\nnowhere,b\n")
    assert load_extract(tmp_path / "in", tmp_path / "w.duckdb", now=NOW).total.kept == 2


# ---------- Warehouses, keys and clocks that are not right: what is done to them, what is said ----------


def overwrite(text: bytes) -> Callable[[Path], None]:
    return lambda warehouse: warehouse.write_bytes(text)


def in_duckdb(sql: str, fresh: bool = False) -> Callable[[Path], None]:
    def run(warehouse: Path) -> None:
        if fresh:
            warehouse.unlink()
        with duckdb.connect(str(warehouse)) as con:
            con.execute(sql)

    return run


def key(text: str, mode: int = 0o600) -> Callable[[Path], None]:
    def write(warehouse: Path) -> None:
        warehouse.with_suffix(".key").write_text(text)
        warehouse.with_suffix(".key").chmod(mode)

    return write


later = (datetime.now(UTC) + timedelta(days=400)).replace(tzinfo=None)
BAD_WAREHOUSES = {
    "no warehouse": (overwrite(b"transaktion_id,arende_id\n"), "is not a warehouse made by"),
    "no byte": (overwrite(b""), "is not a warehouse"),
    "another database": (in_duckdb("CREATE TABLE x (a INTEGER)", fresh=True), "or another database"),
    "an older schema": (in_duckdb("UPDATE lager_version SET version = 0"), "has schema version 0"),
    "a later clock": (in_duckdb(f"UPDATE laddning SET tidpunkt = '{later}'"), "set the clock right"),
    "a lost key": (lambda warehouse: warehouse.with_suffix(".key").unlink(), "w.key is missing: put it back"),
    "an empty key": (key(""), "is not 32 bytes"),
    "a key of words": (key("hemligt" * 10), "is not 32 bytes"),
    "a key too short": (key("00" * 31), "is not 32 bytes"),
    "another key": (key("00" * 32), "key is not the one"),
    "a key for all to read": (key("00" * 32, 0o644), "chmod 600"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_WAREHOUSES.values(), ids=BAD_WAREHOUSES.keys())
def test_a_bad_warehouse_is_told_and_left_alone(tmp_path, warehouse, capsys, monkeypatch, spoil, message):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    spoil(warehouse)
    before = state(warehouse.parent)
    folder = give(tmp_path / "in", "arenden.csv", lines(ROW))
    assert cli.run(cli.app, ["load", str(folder), "--warehouse", str(warehouse)]) == 2
    assert message in capsys.readouterr().err
    assert state(warehouse.parent) == before


def test_an_earlier_clock_is_no_matter_where_nothing_is_new(warehouse):
    in_duckdb(f"UPDATE laddning SET tidpunkt = '{later}'")(warehouse)
    assert not load_extract(EXAMPLE, warehouse, now=NOW).changed


def run_as_nobody(command: Callable[[], None]) -> int:
    """What a function returns in a process without root's rights; as an ordinary user, in one of its own."""
    child = os.fork()
    if not child:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        os._exit(command())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


FORBIDDEN = {
    "a read-only folder": (lambda folder: folder.chmod(0o500), "w is read-only"),
    "a read-only warehouse": (lambda folder: (folder / "w.duckdb").chmod(0o400), "w.duckdb is read-only"),
    "an unreadable extract": (
        lambda folder: (folder / "arenden.csv").chmod(0),
        "arenden.csv cannot be used: Permission",
    ),
    "an unreadable warehouse": (lambda folder: (folder / "w.duckdb").chmod(0), "w.duckdb"),
}


@pytest.mark.parametrize(("forbid", "message"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_may_not_be_read_or_written_is_told(loaded, capfd, forbid, message):
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        folder = Path(root) / "w"
        shutil.copytree(loaded, folder)
        give(folder, "arenden.csv", lines(ROW))
        if os.geteuid() == 0:
            for path in [folder, *folder.iterdir()]:
                os.chown(path, 65534, 65534)
        before = state(folder)
        forbid(folder)
        assert run_as_nobody(lambda: cli.run(cli.app, ["load", str(folder), "--warehouse", f"{folder}/w.duckdb"])) == 2
        said = capfd.readouterr().err
        assert message in said
        assert "Traceback" not in said
        folder.chmod(0o700)
        assert {name: content for name, (_, content) in state(folder).items()} == {
            name: content for name, (_, content) in before.items()
        }


def test_the_exit_code_and_the_message_are_the_real_commands(tmp_path, warehouse):
    folder = give(tmp_path / "in", "arenden.csv", lines(header=HEADER.replace("kon,", "")))
    command = [sys.executable, "-m", "sobstat", "load", str(folder), "--warehouse", str(warehouse)]
    before = state(warehouse.parent)
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "1 file(s) cannot be read; nothing was loaded."
    assert "arenden.csv: column kon" in done.stderr.splitlines()[1]
    assert state(warehouse.parent) == before
    assert stat.S_IMODE(warehouse.stat().st_mode) == 0o600
