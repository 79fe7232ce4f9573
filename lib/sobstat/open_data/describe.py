"""What stands once in an edition when all its tables are there: metadata, and the zip of all data."""

from pathlib import Path

from sobstat.edition.plan import Edition
from sobstat.open_data.archive import write_archive
from sobstat.open_data.catalogue import write_description
from sobstat.open_data.package import write_package


def describe_edition(build: Path, edition: Edition) -> None:
    """Write `datapackage.json` with its schemas, `dcat.rdf`, `lasmig.txt` and the zip of a built edition."""
    write_package(build, edition)
    write_description(build, edition)
    write_archive(build, edition)
