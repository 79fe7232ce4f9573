"""What runs the program unattended: units whose commands are those of sobstat, that systemd takes, and whose services
work with the few rights that they have; and the container image's definition.
"""

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from sandbox import PROJECT, SCHEDULE, read_unit, run_service, sandbox
from sobstat.demo import write_demo

SERVICES = ["sobstat-load.service", "sobstat-publish.service", "sobstat-fetch.service"]
UNITS = [*SERVICES, "sobstat.timer", "sobstat-fetch.timer", "failed-sobstat@sobstat-load.service"]
# What systemd makes of a service's rights, from 0 (safest) to 10: measured 0.4, 0.8 and 1.3 with systemd 252.
EXPOSURE = {"sobstat-load.service": 0.5, "sobstat-publish.service": 0.9, "sobstat-fetch.service": 1.4}


def commands() -> list[str]:
    """Every call of sobstat in the schedule."""
    texts = [read_unit(service)["Service"]["ExecStart"] for service in [*SERVICES, "failed-sobstat@.service"]]
    texts += [line for line in (SCHEDULE / "crontab").read_text("utf-8").splitlines() if re.match(r"[\d*]", line)]
    return [call.strip() for text in texts for call in re.findall(r"\S*\.venv/bin/sobstat [^;&|]*", text)]


@pytest.mark.parametrize("call", commands())
def test_its_commands_are_commands_of_sobstat(call):
    words = shlex.split(call)[1:]
    told = help_of(*(words[:2] if words[0] == "fetch" else words[:1]))
    for option in [word for word in words if word.startswith("--")]:
        assert option in ("--quiet", "--log") or option in told


@cache
def help_of(*command: str) -> str:
    done = subprocess.run([sys.executable, "-m", "sobstat", *command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    return done.stdout


def test_each_step_starts_the_next_and_tells_of_its_failure():
    timer = read_unit("sobstat.timer")
    assert timer["Timer"]["Unit"] == "sobstat-load.service"
    assert timer["Timer"]["Persistent"] == "true"
    assert re.fullmatch(r"\*-\*-01\.\.07 05:30:00 Europe/Stockholm", timer["Timer"]["OnCalendar"])
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert read_unit("sobstat-load.service")["Unit"]["OnSuccess"] == "sobstat-publish.service"
    assert {read_unit(name)["Unit"]["OnFailure"] for name in SERVICES} == {"failed-sobstat@%N.service"}
    assert not any("--month" in call for call in commands())


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess:
    """systemd's opinion of the units, as if they were installed."""
    installed = ["--tmpfs", "/etc/systemd/system", "--ro-bind", str(SCHEDULE), "/etc/systemd/system"]
    command = sandbox(*installed, "--chdir", "/etc/systemd/system", "systemd-analyze", *arguments)
    return subprocess.run(command, capture_output=True, text=True)


def test_systemd_takes_the_units():
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=one", *UNITS)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_has_more_rights_than_it_needs(service):
    threshold = f"--threshold={EXPOSURE[service] * 10:.0f}"
    done = systemd_analyze("security", "--offline=yes", "--no-pager", threshold, service)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A folder in the place of /var/lib/sobstat, with an extract and parameters for a single page with charts."""
    state = tmp_path_factory.mktemp("lib") / "sobstat"
    write_demo(state / "in", arenden=60, to_month="2025-10")
    (state / "p.yml").write_text("regions: [gotland]\nnotebooks: {oversikt: {title: Översikt}}\n", "utf-8")
    return state


def test_they_load_and_publish_with_their_rights_alone(state):
    loaded = run_service("sobstat-load.service", state)
    assert loaded.returncode == 0, loaded.stderr
    published = run_service("sobstat-publish.service", state, "--params", "/var/lib/sobstat/p.yml")
    assert published.returncode == 0, published.stderr
    log = [json.loads(line) for line in published.stderr.splitlines()]
    assert {line["level"] for line in log} == {"info"}
    (page,) = [line for line in log if line["event"] == "page made"]
    assert (page["page"], page["forked"]) == ("gotland/oversikt.html", True)
    gates = [line["gate"] for line in log if line["event"] == "gate passed"]
    assert gates == ["complete", "pages", "agreement", "copies", "disclosure"]
    (placed,) = [line for line in log if line["event"] == "edition placed"]
    assert (state / "output" / "site" / placed["month"] / page["page"]).is_file()
    assert list((state / "data" / "sobstat.mask").iterdir())
    assert "SYN-" not in loaded.stderr + published.stderr


REFUSED = {
    "code is read-only": ("sobstat-publish.service", "touch /srv/sobstat/notebooks/x.ipynb"),
    "the warehouse is read-only to who publishes": ("sobstat-publish.service", "touch /var/lib/sobstat/data/x"),
    "who publishes does not see the key": ("sobstat-publish.service", "cat /var/lib/sobstat/data/sobstat.key"),
    "who publishes does not see the extract": ("sobstat-publish.service", "ls /var/lib/sobstat/in"),
    "the extract is read-only to who loads": ("sobstat-load.service", "touch /var/lib/sobstat/in/x"),
    "who loads does not see the site": ("sobstat-load.service", "ls /var/lib/sobstat/output"),
    "who fetches does not see the warehouse": ("sobstat-fetch.service", "ls /var/lib/sobstat/data"),
}


@pytest.mark.parametrize(("service", "command"), REFUSED.values(), ids=REFUSED)
def test_what_their_rights_refuse(state, service, command):
    for folder in ("data/sobstat.mask", "output"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "data" / "sobstat.key").touch(mode=0o600)
    done = run_service(service, state, instead=command)
    assert done.returncode != 0
    assert re.search("Read-only file system|Permission denied", done.stderr)


CONNECT = "python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)\""


def test_only_who_fetches_has_a_network(state):
    assert "Address family not supported" in run_service("sobstat-load.service", state, instead=CONNECT).stderr
    assert "Network is unreachable" in run_service("sobstat-publish.service", state, instead=CONNECT).stderr
    assert "PrivateNetwork" not in read_unit("sobstat-fetch.service")["Service"]


def test_the_linter_of_images_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, PROJECT / "params" / "container" / "Containerfile"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_holds_the_versions_that_are_tested():
    pins = [
        set(re.findall(r"^([a-z0-9.-]+==\S+)", (PROJECT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements-run.lock", "requirements.lock")
    ]
    assert pins[0] < pins[1]
