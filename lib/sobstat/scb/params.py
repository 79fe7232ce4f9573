"""What `params/scb.yml` says, checked on reading."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sobstat.errors import SobstatError

PARAMS = Path("params/scb.yml")


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Table(_Block):
    """A table with the years that are taken from it; without `last`, all that it has from the first on."""

    table: str
    first: int = Field(default=0, alias="from")
    last: int | None = Field(default=None, alias="to")
    noise: float = Field(default=0, ge=0)

    def serves(self, year: int) -> bool:
        return self.first <= year and (self.last is None or year <= self.last)


class Source(_Block):
    """A server with an interface of SCB's."""

    address: str
    version: Literal[1, 2]
    tables: list[Table]

    _address = field_validator("address")(lambda address: address.rstrip("/"))

    def table_of(self, year: int) -> Table | None:
        """The table that a year is taken from."""
        return next((table for table in self.tables if table.serves(year)), None)


class Spellings(_Block):
    """How the tables write the dimensions that are read."""

    lan: list[str]
    kon: list[str]
    alder: list[str]
    innehall: list[str]
    ar: list[str]


class Values(_Block):
    """How the tables write the values that are read; counties are known by SCB's codes, ages by their number."""

    Kvinna: list[str]
    Man: list[str]
    oldest: list[str] = Field(alias="100")
    Riket: list[str]
    Totalt: list[str]
    population: list[str] = Field(alias="Folkmängd")


class ScbParams(_Block):
    """A params file, as `params/scb.yml` explains it."""

    interfaces: list[Source] = Field(min_length=1)
    tries: int = Field(default=6, ge=1)
    pause: float = Field(default=1, ge=0)
    timeout: float = Field(default=60, gt=0)
    dimensions: Spellings
    values: Values


def read_params(path: Path) -> ScbParams:
    """Read a params file; raises SobstatError that names every field that is unknown or ill-typed."""
    try:
        return ScbParams.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise SobstatError(f"There is no params file {path}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SobstatError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'the file'}: {f['msg']}" for f in error.errors())
        raise SobstatError(f"{path} cannot be used: {faults}.") from error


def same_text(left: str, spellings: Iterable[str]) -> bool:
    """Whether a text is one of the spellings, in upper or lower case."""
    return " ".join(left.casefold().split()) in {spelling.casefold() for spelling in spellings}
