"""Which län a unit of the HSA catalogue belongs to, and by which way that is known."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sobstat.delivered.county import REGIONS, county, county_code, parse_dn, read_overrides
from sobstat.errors import SobstatError
from sobstat.regions import LAN

DNS = {
    "plain": ("ou=Enhet,o=Giver,c=SE", [("ou", "Enhet"), ("o", "Giver"), ("c", "SE")]),
    "escaped comma": (r"cn=BVC\, Viken,l=Skåne län", [("cn", "BVC, Viken"), ("l", "Skåne län")]),
    "escaped byte": (r"cn=BVC\2C Viken\5c", [("cn", "BVC, Viken\\")]),
    "escaped UTF-8": (r"l=Sk\C3\A5ne l\c3\a4n", [("l", "Skåne län")]),
    "quotes": ('ou="Viken, norra; + = öst",L=Skåne', [("ou", "Viken, norra; + = öst"), ("l", "Skåne")]),
    "escaped quote": (r"ou=Viken \"norra,l=Skåne", [("ou", 'Viken "norra'), ("l", "Skåne")]),
    "open quote": ('ou=3" rör,l=Skåne', [("ou", '3" rör'), ("l", "Skåne")]),
    "several values": ("cn=A+serialNumber=1,o=B", [("cn", "A"), ("serialnumber", "1"), ("o", "B")]),
    "semicolons and blanks": (" ou = A ; l = Skåne ", [("ou", "A"), ("l", "Skåne")]),
    "no part": ("Skåne,l=Skåne", [("l", "Skåne")]),
    "a lone backslash at the end": ("l=Skåne\\", [("l", "Skåne\\")]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("dn", "parts"), DNS.values(), ids=DNS.keys())
def test_a_distinguished_name_is_cut_as_rfc_4514_says(dn, parts):
    assert parse_dn(dn) == parts


def escaped(value: str) -> str:
    """As RFC 4514 writes a value; blanks at its ends are escaped too, so that none is lost here."""
    return re.sub(r'[,;+"\\<>=#]', lambda found: f"\\{found[0]}", value)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])).map(str.strip)))
def test_what_is_escaped_is_read_as_it_was(values):
    dn = ",".join(f"ou={escaped(value)}" for value in values)
    assert parse_dn(dn) == [("ou", value) for value in values]


@given(st.text())
def test_no_name_breaks_the_reading(text):
    assert all("=" not in kind for kind, _ in parse_dn(text))


SPELLINGS = {
    "Sörmlands län": "04",
    "Södermanland": "04",
    "Stockholm": "01",
    "STOCKHOLMS LÄN": "01",
    "Västra Götalands län": "14",
    "Västra Götaland": "14",
    "Västra Götalandsregionen": "14",
    "Vastra Gotalands lan": "14",
    "Region Jämtland Härjedalen": "23",
    "Landstinget i Östergötland": "05",
    "Stockholms läns landsting": "01",
    " skåne  län ": "12",
    "Ska\u030ane": "12",
    "Dalarna": "20",
    "1": "01",
    "09": "09",
    "Kungsbacka": "",
    "99": "",
    "": "",
    "län": "",
}


@pytest.mark.parametrize(("text", "code"), SPELLINGS.items())
def test_a_county_is_known_in_its_spellings(text, code):
    assert county_code(text) == code


@pytest.mark.parametrize("lan", LAN, ids=lambda lan: lan.slug)
def test_every_county_is_known_by_code_and_name(lan):
    assert {county_code(text) for text in (lan.lan_kod, lan.namn, lan.namn.removesuffix(" län"))} == {lan.lan_kod}


def test_every_region_has_a_valid_organisation_number():
    assert sorted(REGIONS.values()) == [lan.lan_kod for lan in LAN]
    for number in REGIONS:
        digits = [int(digit) * (2 - at % 2) for at, digit in enumerate(number)]
        assert sum(sum(divmod(digit, 10)) for digit in digits) % 10 == 0, number


STOCKHOLM, GOTLAND = "232100-0016", "212000-0803"
# The unit's own codes, its municipality, DN, organisation number; what is known, and by which way.
WAYS = {
    "a code goes first": (["12"], "0180", "l=Uppsala län", GOTLAND, ("12", "code")),
    "a code without its zero": (["3"], "", "", "", ("03", "code")),
    "a name": (["99", "Uppsala län"], "", "l=Skåne län", "", ("03", "code")),
    "a municipality": ([], "0980", "l=Stockholms län", "", ("09", "code")),
    "a code that is none": (["99"], "9999", "l=Skåne län", "", ("12", "dn")),
    "the DN before the region": ([], "", "l=Skåne län", STOCKHOLM, ("12", "dn")),
    "the county beside a place": ([], "", "l=Kungsbacka,o=Giver,l=Hallands län,c=SE", "", ("13", "dn")),
    "the outermost of two": ([], "", "l=Uppsala,o=Giver,l=Skåne län,c=SE", "", ("12", "dn")),
    "Gotland under Stockholm": ([], "", "o=Region Gotland,l=Stockholms län", GOTLAND, ("09", "organisation")),
    "Stockholm": ([], "", "l=Stockholms län", STOCKHOLM, ("01", "dn")),
    "another's unit in Stockholm": ([], "", "l=Stockholms län", "232100-0255", ("01", "dn")),
    "a region without l=": ([], "", "o=Region Skåne,c=SE", "16232100-0255", ("12", "organisation")),
    "no region": ([], "", "o=Bolaget AB,c=SE", "556000-0001", ("", "unknown")),
    "nothing": ([], "", "", "", ("", "unknown")),
}


@pytest.mark.parametrize(("named", "kommun_kod", "dn", "org_nr", "known"), WAYS.values(), ids=WAYS.keys())
def test_the_ways_to_a_county_in_their_order(named, kommun_kod, dn, org_nr, known):
    assert county("SE1", named, kommun_kod, dn, org_nr, {}) == known


def test_an_override_decides_what_nothing_else_does():
    overrides = dict.fromkeys(["SE1"], "09")
    assert county("SE1", [], "", "l=Stockholms län", "556000-0001", overrides) == ("09", "override")
    assert county("SE1", [], "", "", "", overrides) == ("09", "override")
    assert county("SE1", [], "", "l=Skåne län", "", overrides) == ("12", "dn")
    assert county("SE2", [], "", "l=Stockholms län", "", overrides) == ("01", "dn")


def test_overrides_name_counties_as_people_do(tmp_path):
    path = tmp_path / "hsa_lan.yml"
    path.write_text(
        "# Gotland\nse2120000803-a001: gotland\nSE5560000001-1: 01\nSE5560000001-2: Region Skåne\n", "utf-8"
    )
    assert read_overrides(path) == {"SE2120000803-A001": "09", "SE5560000001-1": "01", "SE5560000001-2": "12"}
    path.write_text("# none yet\n", "utf-8")
    assert read_overrides(path) == {}
    assert read_overrides(tmp_path / "nowhere.yml") == {}


def test_every_fault_of_the_overrides_is_told_with_the_nearest_name(tmp_path):
    path = tmp_path / "hsa_lan.yml"
    path.write_text("SE2120000803-A001: gottland\nA001: skane\nSE2120000803-A002: riket\n", "utf-8")
    with pytest.raises(SobstatError, match=r"3 fault\(s\); nothing was loaded") as error:
        read_overrides(path)
    said = str(error.value)
    assert all(words in said for words in ["nearest match is gotland", "A001 is no HSA-id", "riket is no län"])


@pytest.mark.parametrize("text", ["- SE1\n", "SE1: [\n", "gotland\n", "[a]: b\n"])
def test_overrides_of_another_shape_are_refused(tmp_path, text):
    path = tmp_path / "hsa_lan.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(SobstatError, match=r"expected lines such as SE2120000803-A001: gotland"):
        read_overrides(path)
