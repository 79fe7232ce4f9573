"""What an edition contains: its parameters, checked before any kernel starts, and the pages that follow from them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from sobstat.disclosure.thresholds import MIN_ANTAL, Thresholds
from sobstat.edition.notices import WITHDRAWN, Notice
from sobstat.engines import DUCKDB
from sobstat.errors import SobstatError
from sobstat.months import Month, Period
from sobstat.periods import MAIN, MAIN_MONTHS, PERIODS
from sobstat.regions import REGIONS, Region, parse_region

PARAMS = Path("params/edition.yml")


def _slugs(names: list[str]) -> list[str]:
    try:
        return [parse_region(name).slug for name in names]
    except SobstatError as error:
        raise ValueError(str(error).rstrip(".")) from error


def _month(text: str | None) -> str | None:
    try:
        return text and str(Month.parse(text))
    except SobstatError as error:
        raise ValueError(str(error).rstrip(".")) from error


def _windows(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in PERIODS]:
        raise ValueError(f"there is no period {unknown[0]!r}: choose among {', '.join(PERIODS)}")
    return [MAIN, *[name for name in names if name != MAIN]]


class NotebookParams(BaseModel):
    """A notebook of the edition; without `regions` and `periods` it has a page for each of the edition's."""

    model_config = ConfigDict(extra="forbid")
    title: str
    regions: list[str] | None = None
    periods: list[str] | None = None

    _regions = field_validator("regions")(lambda names: names and _slugs(names))
    _periods = field_validator("periods")(lambda names: names and _windows(names))


class Publisher(BaseModel):
    """Who publishes: named on the pages and in the metadata. `address` is where the site stands on the web."""

    model_config = ConfigDict(extra="forbid")
    name: str = "Exempelutgivaren"
    email: str = "statistik@utgivare.example"
    address: str = "https://statistik.utgivare.example"
    licence: str = "https://creativecommons.org/publicdomain/zero/1.0/"
    licence_name: str = "CC0 1.0"

    _address = field_validator("address")(lambda address: address.rstrip("/"))


class EditionParams(BaseModel):
    """A params file, as `params/edition.yml` explains it; `file` is where it stands."""

    model_config = ConfigDict(extra="forbid")
    months: int = Field(default=MAIN_MONTHS, ge=1)
    periods: list[str] = [MAIN]
    min_antal: int = Field(default=MIN_ANTAL, ge=0)
    min_startade: int = Field(default=0, ge=0)
    min_avslutade: int = Field(default=0, ge=0)
    min_pagaende: int = Field(default=0, ge=0)
    min_behandlare: int = Field(default=0, ge=0)
    regions: list[str] = [region.slug for region in REGIONS]
    notebooks: dict[str, NotebookParams]
    publisher: Publisher = Publisher()
    publication_day: int = Field(default=5, ge=1, le=28)
    first_month: str | None = None
    engine: str = DUCKDB
    cell_timeout: int = Field(default=600, ge=1)
    max_page_kb: int = Field(default=300, ge=1)

    _file: Path = PrivateAttr(default=PARAMS)
    _regions = field_validator("regions")(_slugs)
    _periods = field_validator("periods")(_windows)
    _first_month = field_validator("first_month")(_month)

    @model_validator(mode="after")
    def _months_of_periods(self) -> Self:
        if self.months != MAIN_MONTHS and self.periods != [MAIN]:
            raise ValueError(f"periods other than the first need months: {MAIN_MONTHS}")
        return self

    @property
    def file(self) -> Path:
        return self._file

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(**{name: getattr(self, name) for name in Thresholds().as_dict()})


def read_params(path: Path) -> EditionParams:
    """Read a params file; raises SobstatError that names every field that is unknown or ill-typed."""
    try:
        params = EditionParams(**yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise SobstatError(f"There is no params file {path}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise SobstatError(f"{path} is not a YAML file of parameters: see params/edition.yml.") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise SobstatError(f"{path} has {len(faults)} fault(s): {'; '.join(faults)}.") from error
    params._file = path
    return params


@dataclass(frozen=True)
class Page:
    """One page: a notebook run for a region and one of the edition's periods."""

    notebook: str
    title: str
    region: Region
    window: str = MAIN

    @property
    def folder(self) -> str:
        """The folder of its files within the edition."""
        return self.region.slug if self.window == MAIN else f"{self.region.slug}/{self.window}"

    @property
    def address(self) -> str:
        """Its path within the edition."""
        return f"{self.folder}/{self.notebook}.html"

    @property
    def root(self) -> str:
        """The way from it to the edition's folder."""
        return "../" * self.address.count("/")


@dataclass(frozen=True)
class Previous:
    """The month before in which an edition stands, and the addresses of that edition's pages."""

    month: Month
    pages: frozenset[str]


@dataclass(frozen=True)
class Edition:
    """A month's publication: every page of every region and period. `period` is that of the pages' own addresses.

    `loaded` is the Stockholm date of the load that it is made from, `synthetic` whether its data are made up, and
    `earlier` the name of the edition that it tells changes since, if there is one. `notices` tell what was done to
    earlier versions of it. `previous` is what its pages lead back to, while they are made; it follows from `earlier`.
    """

    month: Month
    period: Period
    thresholds: Thresholds
    pages: tuple[Page, ...]
    loaded: str
    synthetic: bool
    earlier: str | None = None
    notices: tuple[Notice, ...] = ()
    publisher: Publisher = field(default_factory=Publisher)
    publication_day: int = 5
    previous: Previous | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether nothing but the notice of its withdrawal stands at its address."""
        return bool(self.notices) and self.notices[-1].kind == WITHDRAWN

    @property
    def regions(self) -> list[Region]:
        return list(dict.fromkeys(page.region for page in self.pages))

    @property
    def windows(self) -> list[str]:
        """The names of its periods."""
        return list(dict.fromkeys(page.window for page in self.pages))

    def period_of(self, window: str) -> Period:
        return self.period if window == MAIN else PERIODS[window].ending(self.month)

    def pages_of(self, region: Region, window: str = MAIN) -> list[Page]:
        return [page for page in self.pages if page.region == region and page.window == window]


def plan_pages(params: EditionParams, only: list[Region]) -> tuple[Page, ...]:
    """The edition's pages, for `only` those regions if any are given.

    Raises SobstatError for a region that the params file leaves out, or if no page is left.
    """
    regions = [parse_region(slug) for slug in params.regions]
    if outside := [region.slug for region in only if region not in regions]:
        raise SobstatError(f"The params file holds no region {', '.join(outside)}: add it there.")
    pages = tuple(
        Page(name, notebook.title, region, window)
        for region in regions
        if not only or region in only
        for window in params.periods
        for name, notebook in params.notebooks.items()
        if notebook.regions is None or region.slug in notebook.regions
        if notebook.periods is None or window in notebook.periods
    )
    if not pages:
        raise SobstatError("There is nothing to publish: the params file names no notebook for these regions.")
    return pages
