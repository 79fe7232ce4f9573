"""The pages that lead to the others: the start page, an edition's index, the archive, and withdrawal notices."""

from datetime import date

import pandas as pd
from markupsafe import Markup

from sobstat.declarations import measures, reports
from sobstat.edition.key_figures import COLUMNS, key_figures, latest_values
from sobstat.edition.pages import common
from sobstat.edition.plan import Edition
from sobstat.figures.svg import draw, specification
from sobstat.loads import releases
from sobstat.open_data.texts import SERVICE, archive_name
from sobstat.regions import LAN, RIKET
from sobstat.swedish import day_in_words, enumerate_words, known, number
from sobstat.templating import render

ARCHIVE = "arkiv.html"
# So many notes and former editions stand on the start page; all stand on the page about loads and in the archive.
RELEASES, EDITIONS = 3, 6
MAP_REPORT, MAP_MEASURE = "per-1000-per-lan", "startade_per_1000"
Tables = dict[tuple[str, str], pd.DataFrame]


def render_edition_index(edition: Edition, assets: dict[str, str], tables: Tables) -> str:
    """An edition's index, `<month>/index.html`; `tables` are its CSV files read back, by region and report."""
    values = common(edition, assets, root="../", home="", address="index.html")
    return _overview(edition, tables, values | {"title": edition.month.title.capitalize(), "editions": []})


def render_start(edition: Edition, assets: dict[str, str], tables: Tables, editions: list[Edition]) -> str:
    """The site's start page, `index.html`: the latest edition, and the way to the others."""
    if edition.withdrawn:
        return render_withdrawn(edition, assets, root="")
    values = common(edition, assets, root="", home=f"{edition.month}/", start=True)
    others = [other for other in editions if other.month != edition.month][:EDITIONS]
    return _overview(edition, tables, values | {"title": SERVICE, "editions": others})


def render_archive(edition: Edition, assets: dict[str, str], editions: list[Edition]) -> str:
    """All editions, the latest first, with their regions and notices; `edition` is the latest that stands."""
    return render(
        "archive.html",
        **common(edition, assets, root="", home=f"{edition.month}/"),
        title="Arkiv",
        summary="Alla utgåvor, med regioner och meddelanden.",
        editions=[
            {
                "month": other.month,
                "withdrawn": other.withdrawn,
                "notices": other.notices,
                "loaded": day_in_words(date.fromisoformat(other.loaded)),
                "regions": _in_words(other),
            }
            for other in editions
        ],
    )


def render_withdrawn(edition: Edition, assets: dict[str, str], *, root: str, address: str | None = None) -> str:
    """What stands at every address of a withdrawn edition, and on the start page if all editions are withdrawn."""
    return render(
        "withdrawn.html",
        **common(edition, assets, root=root, home=root.removeprefix("../"), address=address, start=not root),
        title=f"Indragen utgåva, {edition.month.title}",
        summary=f"Utgåvan {edition.month.title} är indragen.",
    )


def _overview(edition: Edition, tables: Tables, values: dict) -> str:
    first, following = edition.regions[0], edition.month + 1
    rates = _rates(edition, tables)
    columns = [*COLUMNS.values(), *([measures()[MAP_MEASURE].title] if rates else [])]
    return render(
        "overview.html",
        **values,
        summary=f"Startade, avslutade och pågående moment i riket och länen, {edition.period.title}.",
        key_region=first.namn,
        key_figures=key_figures(tables, first, edition.month),
        areas=[
            {"page": page, "reports": shown}
            for page in edition.pages_of(first)
            if (shown := [report for report in reports().values() if report.notebook == page.notebook])
        ],
        columns=columns,
        map=_map(edition, tables),
        regions=[
            {
                "name": region.namn,
                "pages": [page for page in edition.pages_of(region) if page.notebook != "laddningar"],
                "cells": [*latest_values(tables, region, edition.month), rates.get(region.lan_kod, "")][: len(columns)],
            }
            for region in edition.regions
        ],
        archive=archive_name(edition),
        next_edition=following.title,
        next_day=day_in_words((following + 1).first_day.replace(day=edition.publication_day)),
        releases=[
            {"day": day_in_words(day), "text": text} for day, text in releases().head(RELEASES).itertuples(index=False)
        ],
    )


def _rates(edition: Edition, tables: Tables) -> dict[str | None, str]:
    """What the map shows, as text by lan_kod, of those regions that the edition has; None is Riket."""
    table = tables.get((RIKET.slug, MAP_REPORT))
    if table is None:
        return {}
    values = dict(zip(table["lan_kod"], table[MAP_MEASURE], strict=True))
    whole_country = table[["startade", "befolkning"]]
    if whole_country.notna().all(axis=None) and whole_country["befolkning"].sum():
        values[None] = whole_country["startade"].sum() / whole_country["befolkning"].sum() * 1000
    return {
        region.lan_kod: number(value, measures()[MAP_MEASURE])
        for region in edition.regions
        if known(value := values.get(region.lan_kod))
    }


def _map(edition: Edition, tables: Tables) -> Markup | None:
    """The map of the edition's counties; None where it has none to show."""
    table = tables.get((RIKET.slug, MAP_REPORT))
    lan = [region.lan_kod for region in edition.regions if region != RIKET]
    if table is None or not lan:
        return None
    from sobstat.charts import county_shades  # Altair takes long to import

    chart = county_shades(table[table["lan_kod"].isin(lan)], MAP_MEASURE, ["lan", MAP_MEASURE])
    words = f"Karta: startade per 1 000 invånare i varje län, {edition.period.title}. Talen står i tabellen."
    return draw(specification(chart), "karta", words)


def _in_words(edition: Edition) -> str:
    """`Riket och 21 län`, or the names of a few regions."""
    lan = [region for region in edition.regions if region != RIKET]
    if len(lan) < 3:
        return enumerate_words([region.namn for region in edition.regions])
    return f"{'Riket och ' if RIKET in edition.regions else ''}{'alla ' if len(lan) == len(LAN) else ''}{len(lan)} län"
