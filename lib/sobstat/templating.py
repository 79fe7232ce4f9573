"""The project's HTML templates. Everything that is filled in is escaped: names come from other people's registers."""

import json
import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sobstat.swedish import NO_BREAK

ENVIRONMENT = Environment(
    loader=PackageLoader("sobstat", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values) -> str:
    """Fill in a template of `templates/`."""
    return ENVIRONMENT.get_template(template).render(**values)


def script_json(data) -> Markup:
    """Compact JSON for a `<script type="application/json">`: no name can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def unbroken(text: str) -> str:
    """The text with numbers such as `1 000` kept on one line."""
    return re.sub(r"(?<=\d) (?=\d{3}\b)", NO_BREAK, text)


ENVIRONMENT.filters |= {"script_json": script_json, "unbroken": unbroken}
