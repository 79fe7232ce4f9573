"""What an edition was made from and what it holds: its identity before it is made, its manifest after."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from sobstat.declarations import definitions
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition.notices import Notice
from sobstat.edition.plan import Edition, Page, Publisher
from sobstat.files import write_whole
from sobstat.fingerprints import code_hash, hash_all, sha256
from sobstat.months import Month, Period
from sobstat.periods import MAIN
from sobstat.regions import parse_region
from sobstat.warehouse import load_history

MANIFEST = "manifest.json"


def made_from(warehouse: Path, notebooks: Path, names: Iterable[str]) -> dict:
    """What an edition is made from: the latest load and every file that was loaded, each measure's definition by its
    version, and the hashes of code and of the notebooks that it names.
    """
    inputs = load_history(warehouse)
    return {
        "load": inputs[-1]["load"],
        "inputs": inputs,
        "definitions": definitions(),
        "code": {"version": version("sobstat"), "sha256": code_hash()},
        "notebooks": hash_all((notebooks / f"{name}.ipynb" for name in names), notebooks),
    }


def edition_id(edition: Edition, origin: dict) -> str:
    """A name for the edition that changes with its parameters, its pages and what it is made from."""
    return _name(edition, origin)


def build_id(edition: Edition, origin: dict) -> str:
    """A name that changes with all of that but the notebooks: when one is mended, the pages of the others hold."""
    return _name(edition, {name: value for name, value in origin.items() if name != "notebooks"})


def _name(edition: Edition, origin: dict) -> str:
    digest = hashlib.sha256(json.dumps({**parameters(edition), **origin}, sort_keys=True).encode()).hexdigest()
    return f"{edition.month}-{digest[:16]}"


def differences(folder: Path, edition: Edition, origin: dict) -> list[str]:
    """In which entries of its manifest a published edition differs from what would be made now; which pages it has,
    what it tells changes since and its notices aside.
    """
    manifest = read_manifest(folder)
    now = {**parameters(edition), **origin}
    return [
        name
        for name in now
        if name not in ("pages", "periods", "earlier", "notices") and manifest.get(name) != now[name]
    ]


def write_manifest(build: Path, edition: Edition, origin: dict, assets: Iterable[Path]) -> None:
    """Write `manifest.json`: parameters, what the edition is made from, and the hash of every file and asset."""
    regions = [region.slug for region in edition.regions]
    sign(build, {**parameters(edition), "regions": regions, **origin, "assets": hash_assets(assets)})


def hash_assets(assets: Iterable[Path]) -> dict[str, str]:
    """The hash of each asset that pages use."""
    return {path.name: sha256(path) for path in sorted(assets)}


def sign(build: Path, manifest: dict) -> None:
    """Write a manifest with the hash of every file that stands in `build`."""
    files = [path for path in sorted(build.rglob("*")) if path.is_file() and path.name != MANIFEST]
    signed = {**manifest, "files": {str(path.relative_to(build)): sha256(path) for path in files}}
    write_whole(build / MANIFEST, json.dumps(signed, ensure_ascii=False, indent=1) + "\n")


def read_manifest(folder: Path) -> dict:
    """The manifest of a published folder."""
    return json.loads((folder / MANIFEST).read_text("utf-8"))


def pages_in(manifest: dict) -> list[str]:
    """The addresses of all pages of a published folder."""
    return [name for name in manifest["files"] if name.endswith(".html")]


def read_edition(folder: Path) -> Edition:
    """The edition that a published folder holds."""
    return edition_of(read_manifest(folder))


def edition_of(manifest: dict) -> Edition:
    """The edition that a manifest is of."""
    return Edition(
        month=Month.parse(manifest["month"]),
        period=Period.parse(manifest["from"], manifest["to"]),
        thresholds=Thresholds(**{name: manifest[name] for name in Thresholds().as_dict()}),
        pages=tuple(
            Page(page["notebook"], page["title"], parse_region(page["region"]), page.get("period", MAIN))
            for page in manifest["pages"]
        ),
        loaded=manifest["loaded"],
        synthetic=manifest["synthetic"],
        earlier=manifest["earlier"],
        notices=tuple(Notice(**notice) for notice in manifest["notices"]),
        publisher=Publisher(**manifest.get("publisher", {})),
        publication_day=manifest.get("publication_day", 5),
    )


def parameters(edition: Edition) -> dict:
    """The edition's parameters, as its manifest holds them."""
    return {
        "month": str(edition.month),
        "from": str(edition.period.first),
        "to": str(edition.period.last),
        **edition.thresholds.as_dict(),
        "loaded": edition.loaded,
        "synthetic": edition.synthetic,
        "earlier": edition.earlier,
        "notices": [asdict(notice) for notice in edition.notices],
        "publisher": edition.publisher.model_dump(),
        "publication_day": edition.publication_day,
        "periods": {window: str(edition.period_of(window).first) for window in edition.windows},
        "pages": [
            {"notebook": page.notebook, "title": page.title, "region": page.region.slug, "period": page.window}
            for page in edition.pages
        ],
    }
