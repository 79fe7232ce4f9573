"""The HSA catalogue as it is delivered: zip, XML or JSON, read unit by unit, and loaded as the contract's files."""

import gzip
import json
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extracts import make_extract, write_extract
from hsa_files import GIVER, UNIT, as_json, as_xml, as_zip, many, unit
from older import KEY, make_older
from sobstat import cli
from sobstat.delivered import hsa_units
from sobstat.delivered.hsa import GONE, CatalogueReport, convert, find_catalogue
from sobstat.delivered.hsa_units import read_units
from sobstat.errors import SobstatError
from sobstat.load import LoadResult, load_extract
from sobstat.pseudonyms import KEY_VARIABLE

NOW = datetime(2026, 7, 1, tzinfo=UTC)
# Two vårdgivare, one with a mailbox for a twin, one in lower case; units flagged and not, of an unknown vårdgivare, of
# none; archived, ended, still to end; without an id.
SKANE = "o=Vård\\, Skåne,l=Skåne län,c=SE"
UNITS = [
    unit("SE2321000255-A", "Vård, Skåne", SKANE, orgNo="232100-0255", **GIVER),
    unit("SE2321000255-A", "Brevlåda", "cn=Brevlåda"),
    unit("se2120000803-g", "Region Gotland", "o=Region Gotland,l=Stockholms län,c=SE", orgNo="212000-0803", **GIVER),
    unit("SE2321000255-A1", "Enhet ett", f"ou=Ett,{SKANE}", hsaResponsibleHealthCareProvider="SE2321000255-A", **UNIT),
    unit("SE2321000255-A2", "Enhet två", "ou=Två,c=SE", hsaResponsibleHealthCareProvider="SE0000000000-0"),
    unit("SE2321000255-A3", "Arkiverad", f"ou=Tre,{SKANE}", hsaArchivedObject="true", **UNIT),
    unit("SE2321000255-A4", "Slutade", f"ou=Fyra,{SKANE}", endDate="2020-01-31T00:00:00+01:00", **UNIT),
    unit("SE2321000255-A5", "Slutar sedan", f"ou=Fem,{SKANE}", endDate="20280101000000Z", **UNIT),
    unit(None, "Utan id", f"ou=Utan,{SKANE}", **UNIT),
    unit("  ", "Blankt id", f"ou=Blank,{SKANE}"),
]
READ = {
    "SE2321000255-A": ("Vård, Skåne", "12"),
    "SE2120000803-G": ("Region Gotland", "09"),
}
JSON_NAMES = {"hsaIdentity": "unitHsaId", "name": "unitName", "DN": "dn", "isHsaHealthCareUnit": "unitIsHealthCareUnit"}


def as_newer_json(units: list[dict]) -> bytes:
    """A list of objects with other names, real booleans, and the vårdgivare as an object of its own."""
    objects = []
    for fields in units:
        held = {JSON_NAMES.get(name, name): True if text == "true" else text for name, text in fields.items()}
        if giver := held.pop("hsaResponsibleHealthCareProvider", None):
            held["healthCareProvider"] = {"hsaId": giver, "name": "En annan"}
        objects.append({**held, "telephoneNumbers": [{"name": "Växel", "hsaId": "SE9"}], "mail": None})
    return json.dumps(objects).encode()


XML = as_xml(UNITS)
FORMS = {
    "XML": ("hsaunits.xml", XML),
    "in upper case": ("HSAUNITS.XML", XML),
    "by the service's name": ("FileGetHsaUnitsResponse-2026.xml", XML),
    "a later version, with a prefix": (
        "hsa.xml",
        as_xml(UNITS, prefix="ns2", namespace="urn:riv:hsa:HsaWsResponder:4", root="GetHsaUnitsResponse"),
    ),
    "no namespace": ("hsa.xml", XML.replace(b' xmlns="urn:riv:hsa:HsaWsResponder:3"', b"")),
    "in an envelope": ("hsa.xml", b"<s:E xmlns:s='urn:s'><s:B>" + XML.partition(b"?>\n")[2] + b"</s:B></s:E>"),
    "with a mark": ("hsa.xml", b"\xef\xbb\xbf" + XML),
    "UTF-16": ("hsa.xml", as_xml(UNITS, encoding="utf-16")),
    "Latin-1": ("hsa.xml", as_xml(UNITS, encoding="iso-8859-1")),
    "Windows": ("hsa.xml", as_xml(UNITS, encoding="windows-1252")),
    "gzip": ("hsaunits.xml.gz", gzip.compress(XML)),
    "zip": ("hsaunits.zip", as_zip(hsaunits_xml=XML)),
    "zip with a folder": (
        "hsaunits.zip",
        as_zip(export__hsaunits_xml=XML, MACOSX___hsaunits_xml=b"\0", README_txt=b"hej"),
    ),
    "zip of two": ("hsaunits.zip", as_zip(a_xml=as_xml(UNITS[:4]), b_xml=as_xml(UNITS[4:]))),
    "JSON": ("hsaunits.json", as_json(UNITS)),
    "JSON with a mark": ("hsaunits.json", as_json(UNITS, "utf-8-sig")),
    "JSON in UTF-16": ("hsaunits.json", as_json(UNITS, "utf-16")),
    "JSON by other names": ("hsaunits.json", as_newer_json(UNITS)),
    "JSON in gzip": ("hsaunits.json.gz", gzip.compress(as_json(UNITS))),
    "JSON in a zip": ("hsaunits.zip", as_zip(units_json=as_json(UNITS))),
}


def load(folder: Path, name: str, content: bytes, warehouse: Path) -> LoadResult:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return load_extract(folder, warehouse, now=NOW)


def rows(warehouse: Path, source: str = "hsa_vardgivare") -> dict[str, tuple]:
    """A source's rows by id."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        found = con.execute(f"SELECT * EXCLUDE laddning FROM {source} ORDER BY hsa_id").fetchall()
    return {hsa_id: tuple(values) for hsa_id, *values in found}


def converted(folder: Path, name: str, content: bytes) -> tuple[list[dict[str, tuple]], CatalogueReport]:
    """The rows of both sources, by id, that a delivery gives where there is no warehouse yet, and its report."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    files, report = convert(find_catalogue(folder), folder, folder / "w.duckdb", NOW, 1)
    with duckdb.connect() as con:
        found = [con.execute(f"FROM '{file.path}'").fetchall() for file in files]
    return [{hsa_id: tuple(values) for hsa_id, *values in source} for source in found], report


GIVEN = {
    "SE2321000255-A": ("Vård, Skåne", "", "12", None),
    "SE2120000803-G": ("Region Gotland", "", "09", None),
    "SE2321000255-A1": ("Enhet ett", "SE2321000255-A", "12", None),
    "SE2321000255-A2": ("Enhet två", "SE0000000000-0", "", None),
    "SE2321000255-A3": ("Arkiverad", "", "12", None),
    "SE2321000255-A4": ("Slutade", "", "12", None),
    "SE2321000255-A5": ("Slutar sedan", "", "12", None),
}


@pytest.mark.parametrize(("name", "content"), FORMS.values(), ids=FORMS.keys())
def test_every_form_of_delivery_gives_the_same_rows_and_counts(tmp_path, name, content):
    found, report = converted(tmp_path, name, content)
    assert found == [READ, GIVEN]
    assert (report.units, report.twins, report.without_id) == (10, 1, 2)
    assert report.rows == {"hsa_vardgivare": 2, "hsa_vardenhet": 7}
    assert (report.flagged, report.archived, report.unknown_provider) == (4, 2, 1)
    assert report.counties == {
        "hsa_vardgivare": {"code": 0, "dn": 1, "organisation": 1, "override": 0, "unknown": 0},
        "hsa_vardenhet": {"code": 0, "dn": 5, "organisation": 1, "override": 0, "unknown": 1},
    }


def test_newer_services_give_the_county_and_the_municipality(tmp_path):
    units = [
        {"hsaIdentity": "SE1", "publicName": "A", "countyCode": 9, "isHsaHealthCareProvider": True},
        {"hsaIdentity": "SE2", "name": "B", "county": {"code": "12"}, "municipality": {"code": 1280, "name": "Malmö"}},
        {"hsaIdentity": "SE3", "name": "C", "municipalityCode": "980"},
    ]
    (givers, found), _ = converted(tmp_path, "hsa.json", as_json(units))
    assert givers == {"SE1": ("A", "09")}
    assert found == {"SE1": ("A", "", "09", None), "SE2": ("B", "", "12", "1280"), "SE3": ("C", "", "09", "0980")}


def test_without_any_flag_every_unit_is_taken_for_a_vardgivare(tmp_path):
    units = [unit("SE1", "A", "l=Skåne län"), unit("SE2", "B")]
    (givers, _), report = converted(tmp_path, "hsa.xml", as_xml(units, root="HsaUnitsResponse"))
    assert givers == {"SE1": ("A", "12"), "SE2": ("B", "")}
    assert report.flagged == 0


BOMB = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
IN_A_ZIP = as_zip(hsaunits_xml=XML)
HEAD = b"<r><hsaUnit><hsaIdentity>SE1</hsaIdentity>"
BAD = {
    "entities": ("hsa.xml", f"{BOMB}<a>&c;</a>".encode(), "declares a document type or entities"),
    "a file outside": ("hsa.xml", f"{EXTERNAL}<a>&b;</a>".encode(), "declares a document type or entities"),
    "a document type": ("hsa.xml", b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>', "declares a document type"),
    "XML cut off": ("hsa.xml", XML[:-40], "not whole, or not well-formed"),
    "no XML": ("hsa.xml", b"hsaIdentity;name\n", "not whole, or not well-formed"),
    "nothing": ("hsa.xml", b"", "not whole, or not well-formed"),
    "another encoding than declared": ("hsa.xml", XML.replace("å".encode(), b"\xe5"), "not whole, or not well-formed"),
    "an unknown encoding": ("hsa.xml", XML.replace(b'"utf-8"', b'"x-none"'), "not whole, or not well-formed"),
    "deep": ("hsa.xml", b"<r>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</r>", "more than 50 deep"),
    "a name without end": ("hsa.xml", HEAD + b"<name>" + b"x" * 10**7, "more than 5 MB without the end of a unit"),
    "a zip that unpacks to much": ("hsa.zip", as_zip(a_xml=HEAD + bytes([32]) * 10**7), "more than 5 MB"),
    "JSON without end": ("hsa.json", b'[{"name": "' + b"x" * 10**7, "more than 5 MB without the end of a unit"),
    "JSON deep": ("hsa.json", b'{"a":' * 10**5, "more than 50 deep"),
    "JSON deep in a unit": ("hsa.json", b'[{"name":' + b"[" * 10**5, "more than 50 deep"),
    "a number without end": ("hsa.json", b'[{"name": ' + b"9" * 10**5 + b"}]", "not whole, or not well-formed"),
    "zip cut off": ("hsa.zip", IN_A_ZIP[:-30], "not a whole zip or gzip file"),
    "zip damaged": ("hsa.zip", IN_A_ZIP[:60] + b"????" + IN_A_ZIP[64:], "not a whole zip or gzip file"),
    "zip that points before itself": ("hsa.zip", IN_A_ZIP[:-6] + b"\xff\xff\xff\x7f\0\0", "not a whole zip or gzip"),
    "no zip": ("hsa.zip", XML, "not a whole zip or gzip file"),
    "gzip cut off": ("hsa.xml.gz", gzip.compress(XML)[:-20], "not a whole zip or gzip file"),
    "zip encrypted": (
        "hsa.zip",
        IN_A_ZIP.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
        "encrypted",
    ),
    "zip of other files": ("hsa.zip", as_zip(hsaunits_csv=b"x"), "the zip holds 0 XML or JSON files"),
    "JSON cut off": ("hsa.json", as_json(UNITS)[:-5], "not whole, or not well-formed"),
    "no JSON": ("hsa.json", XML, "not whole, or not well-formed"),
    "JSON in UTF-16 cut off": ("hsa.json", as_json(UNITS, "utf-16")[:-1], "not whole, or not well-formed"),
    "no units": ("hsa.xml", b"<FileGetHsaUnitsResponse/>", "holds no unit with an id; expected hsaUnit"),
    "no ids": ("hsa.json", as_json([{"name": "A"}]), "holds no unit with an id; expected hsaUnit"),
    "no vårdgivare": ("hsa.xml", as_xml([unit("SE1", isHsaHealthCareProvider="false")]), "flagged as a vårdgivare"),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A warehouse into which the catalogue was loaded."""
    folder = tmp_path_factory.mktemp("loaded")
    load(folder / "in", "hsaunits.xml", XML, folder / "w" / "w.duckdb")
    return folder / "w" / "w.duckdb"


@pytest.mark.parametrize(("name", "content", "expected"), BAD.values(), ids=BAD.keys())
def test_a_catalogue_that_cannot_be_read_stops_the_load(tmp_path, loaded, capsys, name, content, expected):
    before = loaded.read_bytes()
    (tmp_path / name).write_bytes(content)
    assert cli.run(cli.app, ["load", str(tmp_path), "--warehouse", str(loaded)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("1 file(s) cannot be read; nothing was loaded.")
    assert f"  {name}: " in said
    assert expected in said
    assert len(said) < 500
    assert loaded.read_bytes() == before


def test_its_fault_is_told_with_those_of_other_files(tmp_path):
    (tmp_path / "arenden.csv").write_text("x,y\n", "utf-8")
    with pytest.raises(SobstatError, match=r"2 file\(s\)") as error:
        load(tmp_path, "hsa.xml", b"", tmp_path / "w" / "w.duckdb")
    assert "arenden.csv: " in str(error.value)
    assert "hsa.xml: " in str(error.value)


def test_what_unpacks_to_more_than_a_catalogue_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hsa_units, "MOST_BYTES", len(XML))
    two = as_zip(a_xml=XML, b_xml=XML)
    with pytest.raises(SobstatError, match="unpacks to more than"):
        load(tmp_path / "in", "hsa.zip", two, tmp_path / "w.duckdb")


@pytest.mark.parametrize(("name", "write"), [("hsa.xml", as_xml), ("hsa.json", as_json)])
def test_units_are_read_one_at_a_time_and_not_held(tmp_path, name, write):
    path, position = tmp_path / name, []
    path.write_bytes(write(many(3_000)))
    next(read_units(path, position.append))
    assert position[-1] < path.stat().st_size / 5
    tracemalloc.start()
    assert sum(1 for _ in read_units(path)) == 3_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_500_000


@pytest.mark.parametrize("other", ["hsa_vardgivare.csv", "hsa_vardenhet.parquet", "hsaunits.zip"])
def test_a_folder_with_two_catalogues_is_refused(tmp_path, other):
    (tmp_path / other).write_bytes(b"")
    with pytest.raises(SobstatError, match="the HSA catalogue more than once") as error:
        load(tmp_path, "hsaunits.xml", XML, tmp_path / "w" / "w.duckdb")
    assert other in str(error.value)
    assert "hsaunits.xml" in str(error.value)


def test_the_file_itself_may_be_given_and_the_report_is_told_and_logged(tmp_path, capsys):
    path, warehouse = tmp_path / "hsaunits.zip", tmp_path / "w" / "w.duckdb"
    path.write_bytes(as_zip(hsaunits_xml=XML))
    assert cli.run(cli.app, ["load", str(path), "--warehouse", str(warehouse), "--json"]) == 0
    said = capsys.readouterr()
    assert "10 units read = 7 kept + 1 twins + 2 without an id; 2 are vårdgivare" in said.err
    assert "hsa_vardgivare: county by code 0, dn 1, organisation 1, override 0, unknown 0" in said.err
    report = json.loads(said.out)["hsa"]
    assert (report["units"], report["counties"]["hsa_vardenhet"]["dn"]) == (10, 5)
    logged = json.loads((tmp_path / "w" / "w.loads.jsonl").read_text("utf-8"))
    assert logged["hsa"] == report
    assert [file["file"] for file in logged["files"]] == ["hsaunits.zip"]


def test_faults_of_the_overrides_are_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").mkdir()
    overrides = tmp_path / "params" / "hsa_lan.yml"
    overrides.write_text("SE2321000255-A2: gottland\n", "utf-8")
    with pytest.raises(SobstatError, match="nearest match is gotland"):
        load(tmp_path / "in", "hsa.xml", b"", tmp_path / "w.duckdb")
    overrides.write_text("SE2321000255-A2: gotland\nSE2321000255-A1: gotland\nSE0000000000-9: gotland\n", "utf-8")
    report = load(tmp_path / "in", "hsa.xml", XML, tmp_path / "w.duckdb").hsa
    assert rows(tmp_path / "w.duckdb", "hsa_vardenhet")["SE2321000255-A2"][2] == "09"
    assert report.counties["hsa_vardenhet"] == {"code": 0, "dn": 5, "organisation": 1, "override": 1, "unknown": 0}
    assert report.unused == ["SE0000000000-9", "SE2321000255-A1"]


def test_what_leaves_the_catalogue_keeps_its_last_name_and_county_and_is_marked_once(tmp_path):
    warehouse, later = tmp_path / "w.duckdb", as_xml(UNITS[2:4])
    load(tmp_path / "in", "hsa.xml", XML, warehouse)
    assert not load(tmp_path / "in", "hsa.xml", XML, warehouse).changed

    result = load(tmp_path / "in", "hsa.xml", later, warehouse)
    assert result.hsa.gone == {"hsa_vardgivare": 1, "hsa_vardenhet": 5}
    assert result.removed == 0
    marked = {"SE2321000255-A": (f"Vård, Skåne{GONE}", "12"), "SE2120000803-G": ("Region Gotland", "09")}
    assert rows(warehouse) == marked
    assert rows(warehouse, "hsa_vardenhet")["SE2321000255-A2"] == (f"Enhet två{GONE}", "SE0000000000-0", None, None)

    assert not load(tmp_path / "in", "hsa.xml", later, warehouse).changed
    assert rows(warehouse) == marked
    load(tmp_path / "in", "hsa.xml", XML, warehouse)
    assert rows(warehouse) == READ


def test_what_the_contracts_files_brought_is_kept_too(tmp_path):
    extract = make_extract("| arende_id | status | tidpunkt |\n| A1 | Done | 2025-10-01 |")
    warehouse = tmp_path / "w.duckdb"
    load_extract(write_extract(extract, tmp_path / "contract"), warehouse, now=NOW)
    load(tmp_path / "in", "hsa.xml", XML, warehouse)
    assert rows(warehouse) == READ | {
        "SE00-N": (f"Giver N{GONE}", None),
        "SE01-A": (f"Giver A{GONE}", "01"),
        "SE12-B": (f"Giver B{GONE}", "12"),
        "SE99-Z": (f"Giver Z{GONE}", "99"),
    }


def test_the_oldest_warehouse_is_upgraded_by_a_load_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    warehouse = make_older(1, tmp_path / "w.duckdb")
    result = load(tmp_path / "in", "hsa.xml", XML, warehouse)
    assert result.hsa.gone["hsa_vardgivare"] == 1
    assert rows(warehouse) == READ | {"SE01-A": (f"Giver A{GONE}", "12")}


FLAG = st.sampled_from(["true", "false", "1", "", None])
SOME = st.builds(
    lambda hsa_id, dn, giver, enhet, owner: unit(
        hsa_id,
        dn=dn,
        isHsaHealthCareProvider=giver,
        isHsaHealthCareUnit=enhet,
        hsaResponsibleHealthCareProvider=owner,
    ),
    st.sampled_from(["SE1", "se1", "SE2", "SE3 ", "", None]),
    st.sampled_from(["l=Skåne län", "l=Stockholms län", ""]),
    FLAG,
    FLAG,
    st.sampled_from(["SE1", "SE9", None]),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(SOME, max_size=12).map(lambda some: [unit("SE0", isHsaHealthCareProvider="true"), *some]))
def test_every_unit_is_accounted_for(units):
    with tempfile.TemporaryDirectory() as folder:
        (givers, found), report = converted(Path(folder), "hsa.xml", as_xml(units))
    ids = [given.get("hsaIdentity", "").strip().upper() for given in units]
    flags = [given.get("isHsaHealthCareProvider") in ("true", "1") for given in units]
    assert report.units == len(units) == report.rows["hsa_vardenhet"] + report.twins + report.without_id
    assert report.without_id == ids.count("")
    assert found.keys() == set(ids) - {""}
    assert givers.keys() == {hsa_id for hsa_id, giver in zip(ids, flags, strict=True) if hsa_id and giver}
    assert all(sum(ways.values()) == report.rows[source] for source, ways in report.counties.items())
