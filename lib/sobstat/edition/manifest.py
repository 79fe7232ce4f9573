"""What an edition was made from and what it holds: its identity before it is made, its manifest after."""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from sobstat.disclosure.rule import Thresholds
from sobstat.edition.plan import Edition, Page
from sobstat.edition.run import write_whole
from sobstat.fingerprints import code_hash, hash_all, sha256
from sobstat.months import Month, Period
from sobstat.regions import parse_region
from sobstat.warehouse import load_history

MANIFEST = "manifest.json"


def made_from(warehouse: Path, notebooks: Path) -> dict:
    """What an edition is made from, by their hashes: the loads that the warehouse holds, the code, the notebooks."""
    return {
        "inputs": load_history(warehouse),
        "code": {"version": version("sobstat"), "sha256": code_hash()},
        "notebooks": hash_all(notebooks.glob("*.ipynb"), notebooks),
    }


def edition_id(edition: Edition, origin: dict) -> str:
    """A name for the edition that changes with its parameters, its pages and what it is made from."""
    return _name(edition, origin)


def build_id(edition: Edition, origin: dict) -> str:
    """A name that changes with all of that but the notebooks: when one is mended, the pages of the others hold."""
    return _name(edition, {name: value for name, value in origin.items() if name != "notebooks"})


def _name(edition: Edition, origin: dict) -> str:
    digest = hashlib.sha256(json.dumps({**_parameters(edition), **origin}, sort_keys=True).encode()).hexdigest()
    return f"{edition.month}-{digest[:16]}"


def differences(folder: Path, edition: Edition, origin: dict) -> list[str]:
    """In which entries of its manifest a published edition differs from what would be made now, pages aside."""
    manifest = _read(folder)
    now = {**_parameters(edition), **origin}
    return [name for name in now if name != "pages" and manifest.get(name) != now[name]]


def write_manifest(build: Path, edition: Edition, origin: dict, assets: Iterable[Path]) -> None:
    """Write `manifest.json`: parameters, inputs' hashes, code version, and the hash of every file."""
    manifest = {
        **_parameters(edition),
        "regions": [region.slug for region in edition.regions],
        **origin,
        "files": {
            str(path.relative_to(build)): sha256(path)
            for path in sorted(build.rglob("*"))
            if path.is_file() and path.name != MANIFEST
        },
        "assets": {path.name: sha256(path) for path in sorted(assets)},
    }
    write_whole(build / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def _read(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text("utf-8"))


def read_edition(folder: Path) -> Edition:
    """The edition that a published folder holds, from its manifest."""
    manifest = _read(folder)
    return Edition(
        month=Month.parse(manifest["month"]),
        period=Period.parse(manifest["from"], manifest["to"]),
        thresholds=Thresholds(**{name: manifest[name] for name in Thresholds().as_dict()}),
        pages=tuple(Page(page["notebook"], page["title"], parse_region(page["region"])) for page in manifest["pages"]),
        loaded=manifest["loaded"],
        synthetic=manifest["synthetic"],
    )


def _parameters(edition: Edition) -> dict:
    return {
        "month": str(edition.month),
        "from": str(edition.period.first),
        "to": str(edition.period.last),
        **edition.thresholds.as_dict(),
        "loaded": edition.loaded,
        "synthetic": edition.synthetic,
        "pages": [
            {"notebook": page.notebook, "title": page.title, "region": page.region.slug} for page in edition.pages
        ],
    }
