"""The units of a delivered HSA catalogue, one at a time: the file service's zip or XML, or the newer services' JSON.

Services, versions and years differ in namespaces, in what wraps the units and in what their fields are called; none of
that matters here. What is read is taken for hostile: nothing is expanded or fetched, and nothing grows without limit.
"""

import codecs
import errno
import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import ijson
from defusedxml import DefusedXmlException, ElementTree

from sobstat.extract import FileFault
from sobstat.names import shortened, visible

# A catalogue of 90 000 units takes some 100 MB; one unit a kB, unless it has a picture.
MOST_BYTES = 4_000_000_000
MOST_BYTES_OF_A_UNIT = 5_000_000
MOST_FILES = 1_000
DEEPEST = 50
TOO_DEEP = f"what it holds stands more than {DEEPEST} deep in each other, as in no catalogue."
IN_A_ZIP = re.compile(r"(^|/)[^./][^/]*\.(xml|json)$", re.IGNORECASE)
ENCRYPTED = 1  # a flag of a file in a zip
UNIT_ELEMENT = "hsaunit"
# What the services call a field, without case and signs, the one that is preferred first.
FIELDS = {
    "hsa_id": ("hsaidentity", "hsaid", "unithsaid", "healthcareunithsaid"),
    "namn": ("name", "unitname", "healthcareunitname", "publicname", "relativedistinguishedname"),
    "vardgivare_id": ("hsaresponsiblehealthcareprovider", "healthcareproviderhsaid", "healthcareproviderhsaidentity"),
    "lan": ("countycode", "county", "countyname"),
    "kommun_kod": ("municipalitycode",),
    "dn": ("dn", "distinguishedname"),
    "org_nr": ("orgno", "organisationnumber", "organizationnumber", "organisationsnummer"),
    "slut": ("enddate", "unitenddate", "healthcareunitenddate"),
    "vardgivare": ("ishsahealthcareprovider", "ishealthcareprovider"),
    "vardenhet": ("ishsahealthcareunit", "ishealthcareunit", "unitishealthcareunit"),
    "arkiverad": ("hsaarchivedobject", "isarchived", "archived", "archivedunit", "archivedhealthcareunit"),
}
Fields = dict[str, list[str]]


def read_units(path: Path, progress: Callable[[int], None] = lambda done: None) -> Iterator[Fields]:
    """Each unit's values by the names of FIELDS, empty ones left out.

    `progress` is told how many bytes of the file are read. Raises FileFault if the file cannot be read to its end.
    """
    with _faults(), path.open("rb") as raw:
        read = _Read(lambda: progress(raw.tell()))
        for name, file in _files(raw, path.name):
            units = _json_units if name.lower().removesuffix(".gz").endswith(".json") else _xml_units
            for values in units(_Limited(file, read)):
                read.since_unit = 0
                given = {field: [values[name] for name in names if name in values] for field, names in FIELDS.items()}
                yield {field: texts for field, texts in given.items() if texts}


@contextmanager
def _faults() -> Iterator[None]:
    """Says what is wrong with a file that cannot be read."""
    try:
        yield
    except DefusedXmlException as error:
        raise FileFault(
            "it declares a document type or entities, which no catalogue needs; it was not read."
        ) from error
    except (ElementTree.ParseError, ijson.JSONError, LookupError, ValueError) as error:  # the latter: of encodings
        raise FileFault(
            visible(f"not whole, or not well-formed ({shortened(str(error), 80)}); deliver it again.")
        ) from error
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # EINVAL: a place before its start
            raise
        raise FileFault("not a whole zip or gzip file (truncated or damaged); deliver it again.") from error
    except NotImplementedError as error:
        raise FileFault("the zip is packed in a way that cannot be read here; expected an ordinary one.") from error


def _files(raw: BinaryIO, name: str) -> Iterator[tuple[str, BinaryIO]]:
    """The XML and JSON files that a delivered file is or holds, with their names."""
    if name.lower().endswith(".gz"):
        with gzip.open(raw) as file:
            yield name, file
    elif name.lower().endswith(".zip"):
        with zipfile.ZipFile(raw) as archive:
            # Some systems add to each file a hidden one of their own.
            held = [entry for entry in archive.infolist() if IN_A_ZIP.search(entry.filename)]
            if not held or len(held) > MOST_FILES:
                raise FileFault(f"the zip holds {len(held)} XML or JSON files; expected hsaunits.xml.")
            for entry in held:
                if entry.flag_bits & ENCRYPTED:
                    raise FileFault("the zip is encrypted; deliver it without a password.")
                with archive.open(entry) as file:
                    yield entry.filename, file
    else:
        yield name, raw


@dataclass
class _Read:
    """How many bytes were read: in all, and since the last unit; `progress` is called after each piece."""

    progress: Callable[[], None]
    total: int = 0
    since_unit: int = 0


class _Limited:
    """An unpacked file as parsers read it. Raises FileFault if it, or one unit of it, is larger than real ones."""

    def __init__(self, file: BinaryIO, read: _Read):
        self.file, self.count = file, read

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.count.progress()
        self.count.total += len(data)
        self.count.since_unit += len(data)
        if self.count.since_unit > MOST_BYTES_OF_A_UNIT:
            raise FileFault(f"more than {MOST_BYTES_OF_A_UNIT // 1_000_000} MB without the end of a unit in it.")
        if self.count.total > MOST_BYTES:
            raise FileFault(f"it unpacks to more than {MOST_BYTES // 1_000_000_000} GB, as no catalogue does.")
        return data


@lru_cache(1_000)
def _plain(name: str) -> str:
    """The name of a field without namespace, case and signs."""
    return name.rpartition("}")[2].lower().replace("_", "").replace("-", "")


def _xml_units(file: _Limited) -> Iterator[dict[str, str]]:
    parents, inside = [], 0
    for event, element in ElementTree.iterparse(file, events=("start", "end"), forbid_dtd=True):
        is_unit = _plain(element.tag) == UNIT_ELEMENT
        if event == "start":
            parents.append(element)
            inside += is_unit
            if len(parents) > DEEPEST:
                raise FileFault(TOO_DEEP)
            continue
        parents.pop()
        inside -= is_unit
        if is_unit:
            yield _values(_leaves(element))
        if parents and not inside:
            parents[-1].remove(element)


def _leaves(element, name: str = "") -> Iterator[tuple[str, str]]:
    """The texts below an element, with the names of the elements around them joined: `healthCareProvider` `hsaId`."""
    for child in element:
        whole = name + _plain(child.tag)
        if len(child):
            yield from _leaves(child, whole)
        else:
            yield whole, child.text or ""


def _json_units(file: _Limited) -> Iterator[dict[str, str]]:
    """The objects in the outermost lists, whatever they stand in."""
    if (encoding := json.detect_encoding(file.file.peek(4)[:4])) != "utf-8":
        file = codecs.EncodedFile(file, "utf-8", encoding)
    builder, outside, around = None, 0, []
    # As floats: a number of thousands of digits would crash the parser.
    for event, value in ijson.basic_parse(file, use_float=True):
        if event.startswith("end_"):
            around.pop()
        if not builder and event == "start_map" and around[-1:] == ["start_array"]:
            builder, outside = ijson.ObjectBuilder(), len(around)
        if event.startswith("start_"):
            around.append(event)
            if len(around) > DEEPEST:
                raise FileFault(TOO_DEEP)
        if builder:
            builder.event(event, value)
            if len(around) == outside:
                yield _values(_members(builder.value))
                builder = None


def _members(value: dict, name: str = "") -> Iterator[tuple[str, str]]:
    """The values in an object, named as those of `_leaves`; of a list the first."""
    for key, held in value.items():
        whole = name + _plain(key)
        first = next(iter(held), None) if isinstance(held, list) else held
        if isinstance(first, dict):
            yield from _members(first, whole)
        elif first is not None:
            yield whole, str(first)


def _values(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """The first value of each name that is not empty."""
    values = {}
    for name, text in pairs:
        if stripped := text.strip():
            values.setdefault(name, stripped)
    return values
