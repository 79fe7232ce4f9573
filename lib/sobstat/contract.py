"""The contract of an extract: what each source's columns mean, and which values they accept.

`sources.yml` declares the sources; this module gives each column type its SQL. `reading.py` checks files
against it, `rows.py` rows.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from sobstat.names import CONTROLS
from sobstat.regions import LAN

# Nearly every text begins and ends with a visible sign of ASCII, which costs little to see; patterns and trimming are
# for the others.
_WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001))))
_VISIBLE = "{x} BETWEEN '!' AND '~'"
_GIVEN = f"CASE WHEN {_VISIBLE} THEN true ELSE regexp_matches({{x}}, '[^{_WHITE_SPACE}]') END"
# Without the white space around it, of every kind.
_STRIPPED = (
    f"CASE WHEN {_VISIBLE} AND {{x}}[-1] BETWEEN '!' AND '~' THEN {{x}} "
    f"WHEN regexp_matches({{x}}, '^[{_WHITE_SPACE}]|[{_WHITE_SPACE}]$') "
    f"THEN trim({{x}}, '{_WHITE_SPACE}') ELSE {{x}} END"
)
# ISO 8601 calendar dates and times, with or without seconds, fraction and offset.
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_HOUR = r"([01]\d|2[0-3])"
_ISO_TIME = rf"^\d{{4}}-\d{{2}}-\d{{2}}([T ]{_HOUR}:[0-5]\d(:[0-5]\d([.,]\d{{1,9}})?)?\s?{_OFFSET}?)?$"
# As most programs write a time in UTC.
_UTC_TIME = rf"\d{{4}}-\d{{2}}-\d{{2}}T{_HOUR}:[0-5]\d:[0-5]\dZ"


def quoted(text: object) -> str:
    """The text as a literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


@dataclass(frozen=True)
class ColumnType:
    """How the text `{x}` of a column becomes a value `{v}`, in SQL.

    value   the value; NULL where there is none
    fault   true where the row cannot be used, and what to say of it
    notice  true where the row is kept but its value counts as unknown, and what to say of it
    """

    accepts: str
    value: str
    fault: tuple[str, str] | None = None
    notice: tuple[str, str] | None = None


_TEXT = f"CASE WHEN {_GIVEN} THEN {{x}} END"
# A value that could not be made of what is given.
_NO_VALUE = f"CASE WHEN {{v}} IS NULL THEN {_GIVEN} ELSE false END"
# Without control characters, which are rare: see names.py.
_FROM, _TO = ("".join(map(chr, codes)) for codes in zip(*CONTROLS.items(), strict=True))
_SIGNS = (
    "CASE WHEN regexp_matches({x}, '[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]') "
    f"THEN translate({{x}}, '{_FROM}', '{_TO}') ELSE {{x}} END"
)
# DuckDB would read 3_4 as 34.
_NUMBER = "try_cast(replace({x}, '_', '?') AS DOUBLE)"
_COUNTIES = ", ".join(f"'{lan.lan_kod}'" for lan in LAN)
COLUMN_TYPES = {
    "text": ColumnType("text", _TEXT),
    "name": ColumnType(
        "text; control characters are shown as signs",
        f"CASE WHEN {_GIVEN} THEN {_SIGNS} END",
        notice=("{x} <> {v}", "control characters in a name, shown as signs"),
    ),
    "person_id": ColumnType("text, turned into a keyed pseudonym", _TEXT),
    "hsa_id": ColumnType(
        "HSA-id, compared upper-cased and stripped of white space",
        f"CASE WHEN regexp_full_match({{x}}, '[!-~]+') THEN upper({{x}}) "
        f"ELSE nullif(upper({_SIGNS.format(x=_STRIPPED)}), '') END",
    ),
    "lan_kod": ColumnType(
        "two digits",
        f"CASE length({_STRIPPED}) WHEN 0 THEN NULL WHEN 1 THEN '0' || {_STRIPPED} ELSE {_STRIPPED} END",
        notice=(f"{{v}} NOT IN ({_COUNTIES})", "lan_kod is not a county code, counted as unknown"),
    ),
    "kon": ColumnType(
        "`Kvinna` or `Man`; anything else counts as `Okänt`",
        "CASE WHEN {x} IN ('Kvinna', 'Man') THEN {x} END",
        notice=(_NO_VALUE, "unknown kon, counted as Okänt"),
    ),
    "age": ColumnType(
        "whole years; outside 0–120 counts as `Okänd`",
        f"CASE WHEN {_NUMBER} >= 0 AND {_NUMBER} < 121 THEN CAST(floor({_NUMBER}) AS SMALLINT) END",
        fault=(f"{_NO_VALUE} AND NOT coalesce(isfinite({_NUMBER}), false)", "is not a number"),
        notice=(_NO_VALUE, "age outside 0–120, counted as Okänd"),
    ),
    "number": ColumnType(
        "whole number, 0 or more",
        f"CASE WHEN {_NUMBER} >= 0 AND {_NUMBER} = try_cast({_NUMBER} AS INTEGER) THEN CAST({_NUMBER} AS INTEGER) END",
        fault=(_NO_VALUE, "is not a whole number of 0 or more"),
    ),
    # The instant in UTC. Without an offset the time is Stockholm's; the hour that occurs twice in autumn is
    # then the first of the two.
    "time": ColumnType(
        "ISO 8601; with an offset or `Z`, or without, then Europe/Stockholm",
        "sob_tid({x})",
        fault=(_NO_VALUE, "is not a time in ISO 8601"),
    ),
}

# `sob_tid(text)`: an ISO 8601 time as an instant in UTC, NULL if it is none. (A subquery in it would become a join.)
# Summer time has never ended in another month than September or October.
TIME_MACRO = f"""
CREATE OR REPLACE TEMP MACRO sob_instant(x) AS
    CASE WHEN regexp_matches(x, '{_ISO_TIME}') AND x > '0001-01-02'
    THEN try_cast(replace(replace(x, ',', '.'), ' +', '+') AS TIMESTAMPTZ) END;
CREATE OR REPLACE TEMP MACRO sob_tid_of(t) AS
    make_timestamp(epoch_us(CASE
        WHEN length(t) > 10 AND t[6:7] IN ('09', '10') AND NOT regexp_matches(t, '(Z|[+-]\\d{{2}}(:?\\d{{2}})?)$')
            AND CAST(sob_instant(t) - INTERVAL 1 HOUR AS TIMESTAMP) = CAST(sob_instant(t) AS TIMESTAMP)
        THEN sob_instant(t) - INTERVAL 1 HOUR
        ELSE sob_instant(t)
    END));
CREATE OR REPLACE TEMP MACRO sob_tid(x) AS
    CASE WHEN regexp_full_match(x, '{_UTC_TIME}') AND x > '0001-01-02' THEN try_cast(x AS TIMESTAMP)
    ELSE sob_tid_of(upper({_STRIPPED.format(x="x")})) END;
"""


class Column(BaseModel):
    """One column of a source, as `sources.yml` declares it."""

    model_config = ConfigDict(extra="forbid")
    type: Literal[tuple(COLUMN_TYPES)]
    meaning: str
    required: bool = False


class Source(BaseModel):
    """One source of an extract, as `sources.yml` declares it."""

    model_config = ConfigDict(extra="forbid")
    name: str
    title: str
    row: str
    key: list[str]
    replaced: bool = False
    columns: dict[str, Column]


@cache
def sources() -> dict[str, Source]:
    """Every source of an extract, by name."""
    declared = yaml.safe_load(files("sobstat").joinpath("sources.yml").read_text("utf-8"))
    return {name: Source(name=name, **block) for name, block in declared.items()}


def documentation() -> str:
    """The contract as Markdown: a section per source, a line per column."""
    lines = ["# What an extract holds", ""]
    for source in sources().values():
        rule = "replaced whole by a load that brings it" if source.replaced else "merged by its key"
        lines += [
            f"## {source.title}: `{source.name}*.csv`, `.csv.gz` or `.parquet`",
            "",
            f"One row per {source.row.removeprefix('one ')}. Key: {', '.join(source.key)}; {rule}.",
            "",
            "| column | accepts | required | meaning |",
            "|---|---|---|---|",
        ]
        for name, column in source.columns.items():
            accepts = COLUMN_TYPES[column.type].accepts
            lines.append(f"| `{name}` | {accepts} | {'yes' if column.required else ''} | {column.meaning} |")
        lines.append("")
    return "\n".join(lines)
