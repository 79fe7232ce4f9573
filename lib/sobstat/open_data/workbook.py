"""A page's tables as one spreadsheet: a sheet of contents, and a sheet per report.

A sheet has its title and scope on top, then the table with frozen headings, and under it definitions, signs, sources
and terms. Numbers are numbers and months are dates; names are text, never formulas or links.
"""

import io
from collections.abc import Mapping
from datetime import date, datetime

import pandas as pd
import xlsxwriter

from sobstat import SERVICE
from sobstat.declarations import Report, reports
from sobstat.edition.plan import Edition, Page
from sobstat.figures.cells import hidden_rows, measures_of
from sobstat.files import read_rows
from sobstat.months import Month
from sobstat.names import shortened
from sobstat.open_data.columns import Column, columns_of
from sobstat.open_data.texts import (
    ADHOC,
    HIDDEN_SIGN,
    SIGNS,
    SYNTHETIC,
    UNDEFINED_SIGN,
    citation,
    edition_title,
    notes_of,
    terms_of,
)

CONTENTS = "Innehåll"
LONGEST_SHEET_NAME, LONGEST_TEXT = 31, 32767  # Excel's limits
WIDEST, MEASURED_ROWS = 60, 200


def _sheet_name(report_id: str) -> str:
    """The name of a report's sheet."""
    return report_id[:LONGEST_SHEET_NAME]


def _head(report: Report, page: Page, edition: Edition, adhoc: bool) -> list[str]:
    """What stands above a sheet's table, a line each; an empty line parts them."""
    scope = f"{page.region.namn}, {edition.period_of(page.window).title}"
    return [report.title, scope, *_marks(edition, adhoc), "Definitioner, tecken, källa och licens står under tabellen."]


def _foot(report: Report, page: Page, edition: Edition) -> list[str]:
    """What stands under a sheet's table, a line each; an empty line parts them."""
    return [*notes_of(report), *terms_of(edition), f"Citera: {citation(edition, page)}"]


def make_workbook(page: Page, edition: Edition, tables: Mapping[str, str], adhoc: bool = False) -> bytes:
    """The spreadsheet (XLSX) of a page's tables, report id → CSV. The same tables give the same bytes."""
    file = io.BytesIO()
    # In constant memory: a row is written out when the next one starts.
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        book.set_properties(
            {
                "title": f"{SERVICE}: {page.title}, {page.region.namn}, {edition.period_of(page.window).title}",
                "subject": edition_title(edition).capitalize(),
                "author": edition.publisher.name,
                "company": edition.publisher.name,
                "comments": " ".join([*_marks(edition, adhoc), *terms_of(edition)]),
                "created": datetime.combine(date.fromisoformat(edition.loaded[:10]), datetime.min.time()),
            }
        )
        forms = _forms(book)
        _contents(book, forms, page, edition, list(tables), adhoc)
        for report_id, text in tables.items():
            _sheet(book, forms, reports()[report_id], text, page, edition, adhoc)
    return file.getvalue()


def _marks(edition: Edition, adhoc: bool) -> list[str]:
    return [ADHOC] * adhoc + [SYNTHETIC] * edition.synthetic


def _forms(book: xlsxwriter.Workbook) -> dict:
    """Cell formats. `#,##0` shows as `12 345` where the computer is set to Swedish."""
    forms = {
        "title": {"bold": True, "font_size": 14},
        "strong": {"bold": True},
        "heading": {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1},
        "month": {"num_format": "yyyy-mm", "align": "left"},
        "count": {"num_format": "#,##0"},
        "share": {"num_format": "0.0%"},
        "rate": {"num_format": "#,##0.00"},
        "sign": {"align": "right"},
    }
    return {name: book.add_format(form) for name, form in forms.items()}


def _contents(book, forms: dict, page: Page, edition: Edition, ids: list[str], adhoc: bool) -> None:
    sheet = book.add_worksheet(CONTENTS)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 100)
    scope = f"{page.region.namn}, {edition.period_of(page.window).title}, {edition_title(edition)}"
    lines = [f"{SERVICE}: {page.title}", scope, *_marks(edition, adhoc), ""]
    for number, line in enumerate(lines):
        sheet.write_string(number, 0, line, forms["title"] if number == 0 else None)
    row = len(lines)
    for report_id in ids:
        name = _sheet_name(report_id)
        sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        sheet.write_string(row, 1, reports()[report_id].title)
        row += 1
    for sign, meaning in SIGNS.items():
        row += 1
        sheet.write_string(row, 0, sign)
        sheet.write_string(row, 1, meaning)
    for line in [*terms_of(edition), f"Citera: {citation(edition, page)}"]:
        row += 1
        sheet.write_string(row, 0, line)


def _sheet(book, forms: dict, report: Report, text: str, page: Page, edition: Edition, adhoc: bool) -> None:
    rows = read_rows(text)
    names = text.split("\n", 1)[0].split(",")
    columns = columns_of(report, names)
    hidden = _hidden(report, rows, names)
    sheet = book.add_worksheet(_sheet_name(report.id))
    for at, column in enumerate(columns):
        longest = max((len(str(row[column.name] or "")) for row in rows[:MEASURED_ROWS]), default=0)
        sheet.set_column(at, at, min(max(longest, len(column.title), 8) + 2, WIDEST))
    above = [*_head(report, page, edition, adhoc), ""]
    for number, line in enumerate(above):
        sheet.write_string(number, 0, line, forms["title"] if number == 0 else None)
    top = len(above)
    for at, column in enumerate(columns):
        sheet.write_string(top, at, column.title, forms["heading"])
    for number, row in enumerate(rows):
        for at, column in enumerate(columns):
            _write(sheet, forms, top + 1 + number, at, column, row[column.name], number in hidden.get(column.name, ()))
    sheet.freeze_panes(top + 1, 0)
    sheet.autofilter(top, 0, top + len(rows), len(columns) - 1)
    for number, line in enumerate(_foot(report, page, edition), top + len(rows) + 2):
        sheet.write_string(number, 0, line)


def _hidden(report: Report, rows: list[dict], names: list[str]) -> dict[str, set[int]]:
    """In which rows each measure is hidden, or computed from what is."""
    table = pd.DataFrame(rows, columns=names)
    return {
        measure.column_name: set(hidden_rows(table, measure).to_numpy().nonzero()[0]) for measure in measures_of(report)
    }


def _write(sheet, forms: dict, row: int, at: int, column: Column, value, hidden: bool) -> None:
    if value is None:
        if column.kind in ("count", "number"):
            sheet.write_string(row, at, HIDDEN_SIGN if hidden else UNDEFINED_SIGN, forms["sign"])
    elif column.kind == "month":
        sheet.write_datetime(row, at, Month.parse(value).first_day, forms["month"])
    elif column.kind == "text":
        sheet.write_string(row, at, shortened(value, LONGEST_TEXT))
    else:
        form = "count" if column.kind == "count" else "share" if column.unit == "andel" else "rate"
        sheet.write_number(row, at, value, forms[form])
