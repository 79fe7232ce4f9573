"""An extract folder's files: which they are, and what each holds. `reading.py` reads them."""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from sobstat.contract import Source, sources
from sobstat.delivered.mapping import Mapping, SourceMapping
from sobstat.errors import SobstatError
from sobstat.fingerprints import sha256
from sobstat.names import shortened, visible

SUFFIXES = (".csv", ".csv.gz", ".parquet")
# Said of the names that were found, at most.
CHARACTERS_SAID = 300


@dataclass(frozen=True)
class ExtractFile:
    """A file of an extract. `number` is its place in file order (sorted by name), `name` is fit to be shown.

    `delivered` is the file that came, with its size and hash; `path` is what is read as the contract says: the same
    file, unless it was converted. With a `mapping`, its columns are read as that says. With `rows` it is a piece of a
    Parquet file: the first row and the last, counted from 1.
    """

    number: int
    source: Source
    path: Path
    name: str
    size: int
    sha256: str
    delivered: Path
    mapping: SourceMapping | None = None
    rows: tuple[int, int] | None = None

    @classmethod
    def of(cls, path: Path, number: int, source: Source, name: str, mapping: SourceMapping | None) -> "ExtractFile":
        """A file that is read as it came."""
        return cls(number, source, path, name, path.stat().st_size, sha256(path), path, mapping)

    @property
    def columns(self) -> list[str]:
        """The columns that it must have."""
        return self.mapping.columns_read if self.mapping else list(self.source.columns)


class FileFault(Exception):
    """Why a file cannot be read as its source."""


def find_files(folder: Path, mapping: Mapping, *, others: bool = False) -> list[ExtractFile]:
    """The extract's files, sorted by name, hashed; the folder may be one file itself. For sources that are mapped,
    they are those that the mapping names.

    `others`: whether something else was delivered, so that there may be none. Raises SobstatError if the folder does
    not exist, holds no file of any source, or one that cannot be read.
    """
    if not folder.exists():
        raise SobstatError(
            f"There is no extract folder {folder}: give the folder that holds arenden*.csv and the rest, or one file."
        )
    mapped = _mapped(folder, mapping)
    found = mapped + [
        (source, path)
        for source, path in _named_as_sources(folder)
        if path.name.lower().endswith(SUFFIXES)
        and not (source.name in mapping and mapping[source.name].files)
        and path not in [path for _, path in mapped]
    ]
    found.sort(key=lambda pair: pair[1].name)
    if not found and not others:
        names = ", ".join(f"{name}*" for name in sources())
        raise SobstatError(
            f"{folder} holds no extract file: expected {names}, as {', '.join(SUFFIXES)}, "
            "or the HSA catalogue as hsa*.zip, .xml or .json."
        )
    files = []
    for number, (source, path) in enumerate(found, 1):
        name = visible(path.name)
        if not path.is_file():
            raise SobstatError(f"{folder / name} is not a file that can be read (a folder, or a link to nowhere).")
        if "\ufffd" in name:
            raise SobstatError(f"The name of {folder / name} is not UTF-8: rename the file.")
        if source.name in mapping:
            name = f"{name}: {source.name}"  # a file may hold several sources
        files.append(ExtractFile.of(path, number, source, name, mapping.get(source.name)))
    return files


def _mapped(folder: Path, mapping: Mapping) -> list[tuple[Source, Path]]:
    """The files that a mapping names; raises SobstatError if it names one that is not there, or a table."""
    found = []
    for name, source in mapping.items():
        if source.in_database:
            raise SobstatError(f"{name} is mapped from a database: give its address instead of the folder {folder}.")
        paths = [path for path in _paths(folder) if source.files and fnmatch(path.name, source.files)]
        if source.files and not paths:
            there = shortened(", ".join(visible(path.name) for path in _paths(folder)), CHARACTERS_SAID)
            raise SobstatError(f"{folder} holds no file {source.files}, which {name} is mapped from; found {there}.")
        found += [(sources()[name], path) for path in paths]
    return found


def passed_over(folder: Path, files: list[ExtractFile]) -> list[str]:
    """The names of what is named as a source but is no file that the load reads, such as `arenden.xlsx`."""
    read = {file.delivered for file in files}
    return [visible(path.name) for _, path in _named_as_sources(folder) if path not in read]


def _named_as_sources(folder: Path) -> list[tuple[Source, Path]]:
    """What is named as a source, in either case, sorted by name."""
    # The longest name: befolkning_totalt.csv is no file of befolkning.
    longest = sorted(sources().values(), key=lambda source: -len(source.name))
    named = [
        (next((s for s in longest if path.name.lower().startswith(s.name)), None), path) for path in _paths(folder)
    ]
    return [(source, path) for source, path in named if source]


def _paths(folder: Path) -> list[Path]:
    """What is in a folder, sorted by name; a file is one of one."""
    return sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else [folder]
