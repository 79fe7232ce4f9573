"""Regions and months as people write them."""

from datetime import UTC, datetime

import pytest

from sobstat.errors import SobstatError
from sobstat.months import Month, Period, this_month
from sobstat.regions import LAN, REGIONS, parse_region

SLUGS = (
    "stockholm uppsala sodermanland ostergotland jonkoping kronoberg kalmar gotland blekinge skane halland "
    "vastra-gotaland varmland orebro vastmanland dalarna gavleborg vasternorrland jamtland vasterbotten norrbotten"
)


def test_the_slugs_are_those_of_the_interface():
    assert [lan.slug for lan in LAN] == SLUGS.split()
    assert len({lan.lan_kod for lan in LAN}) == 21


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.slug)
def test_every_region_is_found_by_slug_name_and_code(region):
    names = [region.slug, region.namn, region.namn.upper()] + ([region.lan_kod] if region.lan_kod else [])
    assert {parse_region(name) for name in names} == {region}


@pytest.mark.parametrize(
    ("written", "slug"),
    [
        ("Skåne", "skane"),
        ("region skåne", "skane"),
        ("Region Jönköpings län", "jonkoping"),
        ("Region Västernorrland", "vasternorrland"),
        ("Västra Götalandsregionen", "vastra-gotaland"),
        ("Region Jämtland Härjedalen", "jamtland"),
        ("Region Sörmland", "sodermanland"),
        (" 09 ", "gotland"),
        ("Västmanland", "vastmanland"),
        ("RIKET", "riket"),
    ],
)
def test_other_spellings(written, slug):
    assert parse_region(written).slug == slug


@pytest.mark.parametrize(("written", "nearest"), [("skone", "skane"), ("Stockolm", "stockholm"), ("riked", "riket")])
def test_anything_else_is_refused_with_the_nearest_match(written, nearest):
    with pytest.raises(SobstatError, match=rf"nearest match is {nearest} "):
        parse_region(written)


@pytest.mark.parametrize("written", ["", "99", "1", "åäö"])
def test_nonsense_is_refused(written):
    with pytest.raises(SobstatError, match="Unknown region"):
        parse_region(written)


@pytest.mark.parametrize("written", ["2025", "2025-13", "2025-00", "25-10", "2025-1", "oktober 2025", "0000-01", ""])
def test_what_is_no_month_is_refused(written):
    with pytest.raises(SobstatError, match="is not a month: write YYYY-MM"):
        Month.parse(written)


def test_months_count_over_years():
    assert str(Month(2025, 1) + -1) == "2024-12"
    assert str(Month(2024, 11) + 14) == "2026-01"
    assert [str(month) for month in Period.parse("2024-12", "2025-02").months] == ["2024-12", "2025-01", "2025-02"]


def test_months_in_swedish():
    assert Month(2025, 10).title == "oktober 2025"
    assert Period.parse("2024-11", "2025-10").title == "november 2024–oktober 2025"
    assert Period.parse("2025-10", "2025-10").title == "oktober 2025"


def test_periods_that_cannot_be_shown():
    with pytest.raises(SobstatError, match="data are shown from 2015-10"):
        Period.parse("2015-09", "2015-12")
    with pytest.raises(SobstatError, match="before it starts"):
        Period.parse("2025-10", "2025-09")


def test_the_month_turns_at_midnight_in_stockholm():
    assert this_month(datetime(2025, 10, 31, 22, 59, tzinfo=UTC)) == Month(2025, 10)
    assert this_month(datetime(2025, 10, 31, 23, 0, tzinfo=UTC)) == Month(2025, 11)
