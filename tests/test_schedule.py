"""The ready-made schedule: its units can be read, and its commands are commands of sobstat."""

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "params" / "schedule"


class Unit(dict):
    """A section of a unit, whose keys may occur several times: key → values."""

    def __setitem__(self, key, value):
        super().__setitem__(key, [*self.get(key, []), *value] if isinstance(value, list) else value)


def read_unit(name: str) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(dict_type=Unit, strict=False, delimiters=["="], comment_prefixes=["#"])
    unit.optionxform = str
    unit.read(FOLDER / name, "utf-8")
    return unit


def commands() -> list[str]:
    """Every call of sobstat in the schedule."""
    calls = read_unit("sobstat.service")["Service"]["ExecStart"].splitlines()
    (line,) = [line for line in (FOLDER / "crontab").read_text("utf-8").splitlines() if re.match(r"[\d*]", line)]
    return calls + [call for call in line.split("* ", 3)[-1].split(" && ") if "sobstat " in call]


@pytest.mark.parametrize("call", commands())
def test_its_commands_are_commands_of_sobstat(call):
    program, command, *words = shlex.split(call)
    assert program.endswith(".venv/bin/sobstat")
    done = subprocess.run([sys.executable, "-m", "sobstat", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for option in [word for word in words if word.startswith("--")]:
        assert option == "--quiet" or option in done.stdout


def test_load_comes_before_publish_and_both_name_no_month():
    assert [shlex.split(call)[1] for call in commands()] == ["load", "publish"] * 2
    assert not any("--month" in call for call in commands())


def test_the_timer_starts_the_service_and_makes_up_for_missed_days():
    timer = read_unit("sobstat.timer")
    assert timer["Timer"]["Persistent"] == "true"
    assert re.fullmatch(r"\*-\*-01\.\.07 05:30:00 Europe/Stockholm", timer["Timer"]["OnCalendar"])
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert (FOLDER / "sobstat.service").is_file()
