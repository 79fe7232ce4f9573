"""The declarations that a statistician edits, read and checked: dimensions, measures, reports, and
the releases in which they changed.

`dimensions.yml`, `measures.yml`, `reports.yml` and `releases.yml` say what their fields mean. A mistake in one of
them stops the program at start with the field and the reason.
"""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sobstat.errors import SobstatError


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    title: str


class Dimension(_Block):
    """What figures can be broken down by."""

    columns: list[str]
    fixed: list[str] | Literal["period", "region"] = []
    last: list[str] = []
    person: bool = False

    @property
    def name_column(self) -> str:
        """The column that readers see."""
        return self.columns[-1]


class Measure(_Block):
    """What is counted, and how it may be added."""

    kind: Literal["flow", "stock", "distinct", "ratio", "share"]
    unit: str
    definition: str
    caveats: list[str] = []
    name: str = ""
    fact: str | None = None
    column: str | None = None
    persons: bool = False
    at_most: list[list[str]] = []
    numerator: str | None = None
    denominator: str | None = None
    scale: int = 1
    decimals: int = 0
    version: int = 1

    def model_post_init(self, _context) -> None:
        needed = {"ratio": ["numerator", "denominator"], "share": ["numerator"]}.get(self.kind, ["fact", "column"])
        if missing := [field for field in needed if getattr(self, field) is None]:
            raise ValueError(f"measure {self.id} of kind {self.kind} needs {', '.join(missing)}")

    @property
    def column_name(self) -> str:
        """The measure's column in a table."""
        return self.name or self.id

    @property
    def counted(self) -> bool:
        """Whether it is counted in the data, not computed from other measures."""
        return self.kind in ("flow", "stock", "distinct")

    @property
    def additive(self) -> bool:
        """Whether groups may be added together."""
        return self.kind in ("flow", "stock")


class Report(_Block):
    """One table of the publication."""

    notebook: str
    by: list[str]
    measures: list[str]
    drilldown: bool = False
    caveats: list[str] = []


class Release(BaseModel):
    """A note of releases.yml: what is new in the publication since a day, and which definitions are."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    date: date
    text: str
    definitions: dict[str, int] = {}


def read_blocks(name: str, model: type[_Block]) -> dict:
    """The blocks of a file; raises SobstatError that names file, block, field and reason."""
    try:
        blocks = yaml.safe_load(files("sobstat").joinpath(name).read_text("utf-8"))
    except yaml.YAMLError as error:
        raise SobstatError(f"{name} is not YAML: {' '.join(str(error).split())}.") from error
    read, faults = {}, []
    for key, block in blocks.items():
        try:
            read[key] = model.model_validate({"id": key, **block} if isinstance(block, dict) else block)
        except ValidationError as error:
            faults += [f"{key}: {'.'.join(map(str, f['loc'])) or 'block'}: {f['msg']}" for f in error.errors()]
    if faults:
        raise SobstatError(f"{name} has {len(faults)} fault(s): {'; '.join(faults)}.")
    return read


@cache
def dimensions() -> dict[str, Dimension]:
    """Every dimension, by name."""
    return read_blocks("dimensions.yml", Dimension)


@cache
def measures() -> dict[str, Measure]:
    """Every measure, by name."""
    return read_blocks("measures.yml", Measure)


@cache
def reports() -> dict[str, Report]:
    """Every report, by id; raises SobstatError if one names a dimension or measure that isn't declared."""
    found = read_blocks("reports.yml", Report)
    for report in found.values():
        unknown = {*report.by} - dimensions().keys() | {*report.measures} - measures().keys()
        if unknown:
            raise SobstatError(f"reports.yml: {report.id} names {', '.join(sorted(unknown))}, which is not declared.")
    return found


@cache
def releases() -> list[Release]:
    """The release notes, the latest first. Raises SobstatError if one is ill-formed, names a measure that isn't
    declared, or if they and measures.yml tell different versions of a definition.
    """
    text = files("sobstat").joinpath("releases.yml").read_text("utf-8")
    try:
        notes = TypeAdapter(list[Release]).validate_python(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise SobstatError(f"releases.yml cannot be read: {' '.join(str(error).split())}.") from error
    notes.sort(key=lambda note: note.date, reverse=True)
    versions = dict.fromkeys(measures(), 1)
    for note in reversed(notes):
        for name, version in note.definitions.items():
            if versions.get(name) != version - 1:
                raise SobstatError(f"releases.yml: {note.date} tells definition {version} of {name}, out of turn.")
            versions[name] = version
    for name, measure in measures().items():
        if measure.version != versions[name]:
            raise SobstatError(
                f"{name} has version {measure.version} in measures.yml, but releases.yml tells definition "
                f"{versions[name]}: add a note with `definitions: {{{name}: {measure.version}}}` and its date there."
            )
    return notes


def definitions() -> dict[str, int]:
    """Each measure's version of its definition, as its release notes tell it too (see `releases`)."""
    releases()
    return {name: measure.version for name, measure in measures().items()}
