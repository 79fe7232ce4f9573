"""How far a database was read: a file beside the warehouse, `sobstat.source.json`.

A mark counts only for the warehouse, the load and the mapping that it was made with. It is written when the load is
done, so a load that is killed just before reads some rows again, which changes nothing.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from sobstat.contract import quoted
from sobstat.delivered.mapping import Mapping
from sobstat.files import write_whole

Mark = int | Decimal | date | datetime
_READ = {"int": int, "Decimal": Decimal, "date": date.fromisoformat, "datetime": datetime.fromisoformat}


def read_marks(database: str, mapping: Mapping, warehouse: Path) -> dict[str, Mark]:
    """For each source, the mark that the latest load of it reached; none where all must be read."""
    kept, loads, marks = _kept(warehouse), _loads(warehouse), {}
    for name, source in mapping.items():
        mark = kept.get(f"{database} {name}")
        if mark and mark["mapping"] == source.fingerprint and mark["load"] in loads:
            marks[name] = _READ[mark["type"]](mark["mark"])
    return marks


def keep_marks(database: str, mapping: Mapping, warehouse: Path, marks: dict[str, Mark]) -> None:
    """Write the marks that were reached by the warehouse's latest load."""
    if not marks:
        return
    kept, load = _kept(warehouse), _loads(warehouse)[-1]
    for name, mark in marks.items():
        kept[f"{database} {name}"] = {
            "load": load,
            "mapping": mapping[name].fingerprint,
            "type": type(mark).__name__,
            "mark": mark.isoformat() if isinstance(mark, date) else str(mark),
        }
    write_whole(_file(warehouse), json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def _file(warehouse: Path) -> Path:
    return warehouse.with_suffix(".source.json")


def _kept(warehouse: Path) -> dict[str, dict[str, str]]:
    return json.loads(_file(warehouse).read_text("utf-8")) if _file(warehouse).exists() else {}


def _loads(warehouse: Path) -> list[str]:
    """What names each load of a warehouse, of whatever schema, and none of another's; oldest first."""
    try:
        with duckdb.connect() as con:
            con.execute(f"ATTACH {quoted(warehouse)} AS lager (READ_ONLY)")
            named = "SELECT concat(laddning, ' ', tidpunkt) FROM lager.laddning ORDER BY laddning"
            return [name for (name,) in con.execute(named).fetchall()]
    except duckdb.Error:
        return []
