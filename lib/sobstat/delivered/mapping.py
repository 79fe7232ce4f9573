"""A mapping: how another system's files or tables become the contract's sources. A YAML file in `params`.

Each block is a source of the contract, and says where its rows stand (`files`, `table` or `query`) and from what each
of its columns is made; params/mapping_example.yml shows every way. Columns that it leaves out are empty. A mapping
adds no row and drops none but those in which a column that must be `given` is empty.
"""

import codecs
import hashlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import available_timezones

import duckdb
import pandas as pd
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator, model_validator

from sobstat.contract import Source, sources
from sobstat.errors import SobstatError, nearest

# The values that count, or that a person's sex has: a mapping that nearly makes one is mistaken.
EXPECTED = {"arendetyp": ["Process"], "status": ["Inprogress", "Done"], "kon": ["Kvinna", "Man"]}
UTF_8 = "utf-8-sig"  # with or without a mark of byte order
TEXTS = Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]


class MappedColumn(BaseModel):
    """What a column of the contract is made from: one of `column` (of several, the first that is not empty), `value`
    (the same in every row) and `hash_of` (an id made of other columns; `row` means all that the mapping names).

    values    the contract's value → those that stand for it; others stay as they are
    format    forms of a time, as strptime writes them; what has none of them is read as ISO 8601
    timezone  of times without an offset; without it, Europe/Stockholm
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: TEXTS = []
    value: str | None = None
    hash_of: TEXTS = []
    values: dict[str, TEXTS] = {}
    format: TEXTS = []
    timezone: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [bool(self.column), self.value is not None, bool(self.hash_of)].count(True) != 1:
            raise ValueError("give one of column, value and hash_of")
        if not self.column and (self.values or self.format or self.timezone):
            raise ValueError("values, format and timezone are for a column")
        listed = [text for texts in self.values.values() for text in texts]
        if twice := sorted({text for text in listed if listed.count(text) > 1}):
            raise ValueError(f"values: {', '.join(map(repr, twice))} stands for two values")
        return self

    @field_validator("format")
    @classmethod
    def _known_format(cls, formats: list[str]) -> list[str]:
        for form in formats:
            try:
                duckdb.execute("SELECT strftime(TIMESTAMP '2001-02-03 04:05:06', $1)", [form])
            except duckdb.Error:
                raise ValueError(f"{form!r} is not a form of time such as %Y-%m-%d %H:%M:%S") from None
        return formats

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"there is no time zone {name!r}{_hint(name, available_timezones())}")
        return name


MAPPED = Annotated[MappedColumn, BeforeValidator(lambda made: made if isinstance(made, dict) else {"column": made})]


class NewSince(BaseModel):
    """Which column of a table tells what is new: it grows from row to row. `overlap`, an amount of it (`1 day`, or a
    number), is read again each time, for rows that were committed after later ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str
    overlap: str

    @property
    def span(self) -> int | timedelta:
        return int(self.overlap) if self.overlap.isdigit() else pd.Timedelta(self.overlap).to_pytimedelta()

    @field_validator("overlap")
    @classmethod
    def _an_amount(cls, overlap: str) -> str:
        if not overlap.isdigit() and not pd.Timedelta(overlap) > pd.Timedelta(0):
            raise ValueError("give a time such as 1 day, or a whole number")
        return overlap


class SourceMapping(BaseModel):
    """Where a source's rows stand, and what its columns are made from.

    files     names in the extract folder, as a pattern (default: as the contract says); or
    table     a table or view, `schema.table`; or
    query     a SELECT
    given     columns of theirs that are not empty: other rows are none of this source
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    files: str | None = None
    table: str | None = None
    query: str | None = None
    encoding: str = UTF_8
    delimiter: str | None = None
    given: TEXTS = []
    new_since: NewSince | None = None
    columns: dict[str, MAPPED]

    @property
    def columns_read(self) -> list[str]:
        """The columns that a file or table must have."""
        named = [name for column in self.columns.values() for name in [*column.column, *column.hash_of]]
        new = [self.new_since.column] if self.new_since else []
        return list(dict.fromkeys(name for name in [*named, *self.given, *new] if name != "row"))

    @property
    def fingerprint(self) -> str:
        """Tells whether a mapping has changed."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if [self.files, self.table, self.query].count(None) < 2:
            raise ValueError("give one of files, table and query")
        if self.new_since and not self.in_database:
            raise ValueError("new_since is for a table or query")
        if self.in_database and (self.delimiter or self.encoding != UTF_8):
            raise ValueError("encoding and delimiter are for files")
        return self

    @property
    def in_database(self) -> bool:
        return bool(self.table or self.query)

    @field_validator("files")
    @classmethod
    def _within_the_folder(cls, files: str) -> str:
        if "/" in files:
            raise ValueError("give a name or pattern of files in the extract folder")
        return files

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name
        except LookupError:
            raise ValueError(f"there is no encoding {name!r}; common ones are utf-8, cp1252 and latin-1") from None

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        delimiter = {"tab": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            raise ValueError("give one character, or tab")
        return delimiter


Mapping = dict[str, SourceMapping]


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file: a source's name → how it is mapped. Raises SobstatError that names every fault of it."""
    try:
        # As text, all of it: 01 stays 01, and Yes and No are no booleans.
        blocks = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    except FileNotFoundError:
        raise SobstatError(f"There is no mapping file {path}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SobstatError(f"{path} is not a YAML file: {' '.join(str(error).split())}.") from error
    if not isinstance(blocks, dict) or not blocks:
        raise SobstatError(f"{path} maps no source: see params/mapping_example.yml.")
    mapping, faults = {}, []
    for name, block in blocks.items():
        if name not in sources():
            faults.append(f"{name}: there is no such source{_hint(name, sources())}")
            continue
        try:
            mapping[name] = SourceMapping.model_validate(block)
            faults += [f"{name}: {fault}" for fault in _faults(sources()[name], mapping[name])]
        except ValidationError as error:
            for fault in error.errors():
                place = ": ".join([name, *map(str, fault["loc"])])
                faults.append(f"{place}: {fault['msg'].removeprefix('Value error, ')}")
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise SobstatError(f"{path} has {len(faults)} fault(s); nothing was read.\n{listed}")
    return mapping


def _hint(name: str, known: Iterable[str]) -> str:
    near = nearest(name.lower(), known)
    return f" (the nearest is {near})" if near else f"; there are {', '.join(known)}" if len(list(known)) < 20 else ""


def _faults(source: Source, mapping: SourceMapping) -> list[str]:
    """What is wrong with a mapping, though it is well-formed."""
    faults = [
        f"{name}: there is no such column{_hint(name, source.columns)}"
        for name in mapping.columns
        if name not in source.columns
    ]
    faults += [
        f"{name}: is required, and not mapped"
        for name, column in source.columns.items()
        if column.required and name not in mapping.columns
    ]
    if mapping.new_since and source.replaced:
        faults.append("new_since: the source is replaced whole by a load, so all of it must be read")
    persons = mapped_persons(source, mapping)
    for name, column in mapping.columns.items():
        if named := persons & set(column.hash_of):
            faults.append(f"{name}: hash_of names {', '.join(sorted(named))}, which holds persons' ids")
        if column.hash_of and mapping.new_since and not {"row", mapping.new_since.column} & set(column.hash_of):
            faults.append(f"{name}: hash_of must name {mapping.new_since.column}, for an id that stays when rows come")
        if (column.format or column.timezone) and name in source.columns and source.columns[name].type != "time":
            faults.append(f"{name}: format and timezone are for times")
        expected = EXPECTED.get(name, [])
        for made in [*column.values, *([column.value] if column.value else [])]:
            near = nearest(made.title(), expected, cutoff=0.8)
            if made not in expected and (near or name == "kon"):
                faults.append(f"{name}: {made!r} is no value that counts{_hint(made.title(), expected)}")
    return faults


def mapped_persons(source: Source, mapping: SourceMapping) -> set[str]:
    """The columns that a mapping takes persons' ids from, and nothing else."""
    persons, others = set(), set()
    for name, column in mapping.columns.items():
        is_person = name in source.columns and source.columns[name].type == "person_id"
        (persons if is_person else others).update(column.column)
    return persons - others
