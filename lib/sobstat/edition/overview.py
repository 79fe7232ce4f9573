"""The pages that lead to the others: the start page, an edition's index, the archive, and withdrawal notices."""

import re
from datetime import date

import pandas as pd
from markupsafe import Markup

from sobstat import SERVICE
from sobstat.declarations import measures, reports
from sobstat.edition.key_figures import COLUMNS, key_figures, latest_cells
from sobstat.edition.pages import common
from sobstat.edition.plan import Edition
from sobstat.figures.cells import Cell, cells_of, hidden_rows
from sobstat.figures.svg import draw, specification
from sobstat.loads import releases
from sobstat.open_data.texts import archive_name
from sobstat.periods import MAIN
from sobstat.regions import LAN, RIKET
from sobstat.swedish import day_in_words, enumerate_words, number
from sobstat.templating import render

ARCHIVE = "arkiv.html"
# So many notes and former editions stand on the start page; all stand on the page about loads and in the archive.
RELEASES, EDITIONS = 3, 6
MAP_REPORT, MAP_MEASURE = "per-1000-per-lan", "startade_per_1000"
_LINK = re.compile(r'<a xlink:href="[^"]*/(\w+)">(.*?)</a>', re.DOTALL)
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
    rates = _rates(tables)
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
        map=_map(edition, tables, rates, values["home"]),
        regions=[
            {
                "name": region.namn,
                "pages": [page for page in edition.pages_of(region) if page.notebook != "laddningar"],
                "cells": [*latest_cells(tables, region, edition.month), *([rates[region.lan_kod]] if rates else [])],
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


def _rates(tables: Tables) -> dict[str | None, Cell]:
    """What the map shows, by lan_kod; None is Riket."""
    table, rate = tables.get((RIKET.slug, MAP_REPORT)), measures()[MAP_MEASURE]
    if table is None:
        return {}
    cells = dict(zip(table["lan_kod"], cells_of(table, rate), strict=True))
    # From 2025 the län add up to SCB's own total but for noise, which the rate's decimals do not show.
    whole_country = table[["startade", "befolkning"]].sum(skipna=False)
    hidden = hidden_rows(table, rate).any()
    if whole_country.notna().all() and whole_country["befolkning"]:
        value = whole_country["startade"] / whole_country["befolkning"] * rate.scale
        return cells | {None: Cell("number", number(value, rate))}
    return cells | {None: Cell("hidden" if hidden else "undefined")}


def _map(edition: Edition, tables: Tables, rates: dict[str | None, Cell], home: str) -> Markup | None:
    """The map of the edition's counties, each a link to its page; None where it has none to show.

    The Tab key passes the links by: the table beside the map has the same.
    """
    table = tables.get((RIKET.slug, MAP_REPORT))
    lan = [region.lan_kod for region in edition.regions if region != RIKET]
    if table is None or not lan:
        return None
    from sobstat.charts import county_shades  # Altair takes long to import

    chart = county_shades(table[table["lan_kod"].isin(lan)], MAP_MEASURE, ["lan", MAP_MEASURE])
    words = f"Karta: startade per 1 000 invånare i varje län, {edition.period.title}. Talen står i tabellen."
    picture = draw(specification(chart.encode(href="properties.lan_kod:N")), "karta", words)
    shown = [page for page in edition.pages if (page.notebook, page.window) == (reports()[MAP_REPORT].notebook, MAIN)]
    pages = {page.region.lan_kod: page for page in shown}

    def link(found: re.Match) -> str:
        if found[1] not in pages:
            return found[2]
        page = pages[found[1]]
        name = Markup("<title>{}: {}</title>").format(page.region.namn, rates[found[1]].text or "visas inte")
        return f'<a href="{home}{page.address}#{MAP_REPORT}" tabindex="-1">{name}{found[2]}</a>'

    # What is inside an image cannot be reached: a picture with links is none.
    return Markup(_LINK.sub(link, picture).replace('role="img"', "", 1))


def _in_words(edition: Edition) -> str:
    """`Riket och 21 län`, or the names of a few regions."""
    lan = [region for region in edition.regions if region != RIKET]
    if len(lan) < 3:
        return enumerate_words([region.namn for region in edition.regions])
    return f"{'Riket och ' if RIKET in edition.regions else ''}{'alla ' if len(lan) == len(LAN) else ''}{len(lan)} län"
