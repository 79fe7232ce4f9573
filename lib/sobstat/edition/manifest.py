"""What an edition was made from and what it holds: its identity before it is made, its manifest after."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import sobstat
from sobstat.declarations import definitions
from sobstat.edition.notices import Notice
from sobstat.edition.plan import Edition, Page
from sobstat.edition.run import write_whole
from sobstat.months import Month, Period
from sobstat.regions import parse_region
from sobstat.warehouse import load_history

MANIFEST = "manifest.json"


def made_from(warehouse: Path, notebooks: Path) -> dict:
    """What an edition is made from: the latest load and every file that was loaded, each measure's definition by its
    version, and the hashes of code and notebooks.
    """
    inputs = load_history(warehouse)
    return {
        "load": inputs[-1]["load"],
        "inputs": inputs,
        "definitions": definitions(),
        "code": {"version": version("sobstat"), "sha256": code_hash()},
        "notebooks": _hash_all(notebooks.glob("*.ipynb"), notebooks),
    }


def edition_id(edition: Edition, origin: dict) -> str:
    """A name for the edition that changes with its parameters, its pages and what it is made from."""
    digest = hashlib.sha256(json.dumps({**_parameters(edition), **origin}, sort_keys=True).encode()).hexdigest()
    return f"{edition.month}-{digest[:16]}"


def differences(folder: Path, edition: Edition, origin: dict) -> list[str]:
    """In which entries of its manifest a published edition differs from what would be made now; which pages it has,
    what it tells changes since and its notices aside.
    """
    manifest = read_manifest(folder)
    now = {**_parameters(edition), **origin}
    return [name for name in now if name not in ("pages", "earlier", "notices") and manifest.get(name) != now[name]]


def write_manifest(build: Path, edition: Edition, origin: dict, assets: Iterable[Path]) -> None:
    """Write `manifest.json`: parameters, what the edition is made from, and the hash of every file and asset."""
    regions = [region.slug for region in edition.regions]
    sign(build, {**_parameters(edition), "regions": regions, **origin, "assets": hash_assets(assets)})


def hash_assets(assets: Iterable[Path]) -> dict[str, str]:
    """The hash of each asset that pages use."""
    return {path.name: _sha256(path) for path in sorted(assets)}


def sign(build: Path, manifest: dict) -> None:
    """Write a manifest with the hash of every file that stands in `build`."""
    files = [path for path in sorted(build.rglob("*")) if path.is_file() and path.name != MANIFEST]
    signed = {**manifest, "files": {str(path.relative_to(build)): _sha256(path) for path in files}}
    write_whole(build / MANIFEST, json.dumps(signed, ensure_ascii=False, indent=1) + "\n")


def read_manifest(folder: Path) -> dict:
    """The manifest of a published folder."""
    return json.loads((folder / MANIFEST).read_text("utf-8"))


def read_edition(folder: Path) -> Edition:
    """The edition that a published folder holds, from its manifest."""
    manifest = read_manifest(folder)
    return Edition(
        month=Month.parse(manifest["month"]),
        period=Period.parse(manifest["from"], manifest["to"]),
        min_antal=manifest["min_antal"],
        pages=tuple(Page(page["notebook"], page["title"], parse_region(page["region"])) for page in manifest["pages"]),
        loaded=manifest["loaded"],
        synthetic=manifest["synthetic"],
        earlier=manifest["earlier"],
        notices=tuple(Notice(**notice) for notice in manifest["notices"]),
    )


def code_hash() -> str:
    """One hash of the whole package: code, declarations, facts, templates and styles."""
    package = Path(sobstat.__file__).parent
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return hashlib.sha256(json.dumps(_hash_all(files, package)).encode()).hexdigest()


def _parameters(edition: Edition) -> dict:
    return {
        "month": str(edition.month),
        "from": str(edition.period.first),
        "to": str(edition.period.last),
        "min_antal": edition.min_antal,
        "loaded": edition.loaded,
        "synthetic": edition.synthetic,
        "earlier": edition.earlier,
        "notices": [asdict(notice) for notice in edition.notices],
        "pages": [
            {"notebook": page.notebook, "title": page.title, "region": page.region.slug} for page in edition.pages
        ],
    }


def _hash_all(files: Iterable[Path], root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): _sha256(path) for path in sorted(files)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
