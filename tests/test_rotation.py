"""The rotation of the key: every pseudonym is another, no figure is, and whatever is killed, key and warehouse fit."""

import os
import shutil
import signal
import stat
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mortal import fork
from older import load_both
from sobstat import draft
from sobstat.cli import upkeep
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.operation import rotation
from sobstat.operation.rotation import rotate_key
from sobstat.pseudonyms import KEY_VARIABLE, fingerprint, key_of, part_with, pseudonyms, read_key, renewed
from test_upgrade import contents, tables

PERSONS = {"transaktion": "vardtagare", "ersatt_transaktion": "vardtagare", "behandlare": "behandlare"}
parts = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Path:
    """A folder with both loads of `older`, their warehouse and its key."""
    folder = tmp_path_factory.mktemp("loaded")
    load_both(folder / "in", folder / "w.duckdb")
    return folder


@pytest.fixture
def warehouse(loaded, tmp_path) -> Path:
    return Path(shutil.copytree(loaded, tmp_path / "own")) / "w.duckdb"


def persons(warehouse: Path) -> dict[str, set[int]]:
    """Every pseudonym, by column, the quarantine's included."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        found = {"vardtagare": set(), "behandlare": set()}
        for table, column in PERSONS.items():
            found[column] |= {p for (p,) in con.execute(f"SELECT {column} FROM {table}").fetchall()}
        for column in found:
            query = f"SELECT CAST(innehall ->> '{column}_id' AS BIGINT) FROM karantan"
            found[column] |= {p for (p,) in con.execute(query).fetchall()}
    return {column: held - {None} for column, held in found.items()}


def in_bytes(held: dict[str, set[int]], warehouse: Path) -> bool:
    """Whether the file holds any of the pseudonyms, as a number or as text, also where it has no table any more."""
    raw = warehouse.read_bytes()
    every = [person for column in held.values() for person in column]
    return any(form in raw for p in every for form in (p.to_bytes(8, "little", signed=True), str(p).encode()))


@given(st.lists(st.text(), unique=True, max_size=20), parts, parts, parts)
@settings(max_examples=50)
def test_adding_parts_to_a_key_makes_of_pseudonyms_what_the_whole_key_makes_of_ids(ids, one, two, three):
    old = pseudonyms(ids, "vardtagare_id", (one,))
    new = pseudonyms(ids, "vardtagare_id", (one, two, three))
    assert np.array_equal(renewed(old, "vardtagare_id", (two, three)), new)
    assert not set(old) & set(new)
    assert len(set(new)) == len(ids)


@given(st.lists(parts, min_size=1, max_size=4, unique=True), parts)
@settings(max_examples=50)
def test_the_fingerprint_tells_which_parts_of_a_key_a_warehouse_has(key, other):
    key = tuple(key)
    for number in range(1, len(key) + 1):
        assert part_with(key, fingerprint(key[:number])) == key[:number]
    assert part_with(key, fingerprint((*key, other))) is None
    assert len(key) == 1 or part_with(key, fingerprint(key[1:])) is None


def test_every_pseudonym_is_another_and_every_figure_the_same(warehouse):
    was, figures, rest = persons(warehouse), tables(warehouse), contents(warehouse)
    assert in_bytes(was, warehouse)
    rotate_key(warehouse)
    now = persons(warehouse)
    assert [len(now[column]) for column in now] == [len(was[column]) for column in was] == [3, 5]
    assert not any(was[column] & now[column] for column in was)
    assert not in_bytes(was, warehouse)
    assert tables(warehouse) == figures
    for name, (columns, rows) in contents(warehouse).items():
        if name not in (*PERSONS, "karantan", "lager_version"):
            assert (columns, rows) == rest[name]
    key = warehouse.with_suffix(".key")
    assert len(key.read_text().split()) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in (warehouse, key)} == {0o600}
    assert sorted(path.name for path in warehouse.parent.iterdir()) == ["in", "w.duckdb", "w.key"]


def test_loads_go_on_with_the_same_persons_after_two_rotations(warehouse):
    """Both extracts again: what is told by their last rows is held already, so every person is known."""
    rotate_key(warehouse)
    rotate_key(warehouse)
    was = contents(warehouse)
    assert not load_extract(warehouse.parent / "in" / "1", warehouse, max_set_aside=1).changed
    assert contents(warehouse) == was
    assert len(read_key(warehouse)) == 3


def test_the_old_key_alone_is_refused(warehouse):
    old = warehouse.with_suffix(".key").read_text()
    rotate_key(warehouse)
    warehouse.with_suffix(".key").write_text(old)
    with pytest.raises(SobstatError, match="The key is not the one that"):
        load_extract(warehouse.parent / "in" / "1", warehouse, max_set_aside=1)


def test_a_key_in_the_environment_gets_its_new_part_there(warehouse, monkeypatch):
    file = warehouse.with_suffix(".key")
    key = file.read_text().strip()
    file.unlink()
    monkeypatch.setenv(KEY_VARIABLE, key)
    was = warehouse.read_bytes()
    with pytest.raises(SobstatError, match="add a new part"):
        rotate_key(warehouse)
    assert warehouse.read_bytes() == was
    monkeypatch.setenv(KEY_VARIABLE, f"{key} {'ab' * 32}")
    rotate_key(warehouse)
    assert key_of(warehouse) == (bytes.fromhex(key), b"\xab" * 32)
    assert not file.exists()


POINTS = {"after the key": (rotation, "sync"), "at the end": (draft, "sync")}


def rotate_and_die(warehouse: Path, point: str) -> None:
    """Rotate, and be killed on entering a function."""
    module, name = POINTS[point]
    setattr(module, name, lambda *_args, **_kwargs: os.kill(os.getpid(), signal.SIGKILL))
    rotate_key(warehouse)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_rotation_leaves_key_and_warehouse_that_fit_and_is_ended_by_another(point, warehouse):
    was, before = contents(warehouse), persons(warehouse)
    process = fork.Process(target=rotate_and_die, args=(warehouse, point))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(read_key(warehouse)) == 2
    assert not load_extract(warehouse.parent / "in" / "1", warehouse, max_set_aside=1).changed
    assert contents(warehouse) == was
    upkeep.rotate_key(warehouse)
    assert len(read_key(warehouse)) == 2
    assert key_of(warehouse) == read_key(warehouse)
    now = persons(warehouse)
    assert not any(before[column] & now[column] for column in now)
