"""Names and texts from other people's registers, made safe to show without changing what a reader sees."""

import re
import unicodedata

# Control characters: white space becomes a blank, the others their pictures (␀, ␛, ␡), C1 and lone surrogates �.
CONTROLS = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    **dict.fromkeys([*range(0x09, 0x0E), 0x85, 0x2028, 0x2029], 0x20),
}
_CONTROLS = CONTROLS | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_REORDERING = {"R", "AL", "AN", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
# What a spreadsheet takes for a formula, at the start of a cell or after a semicolon, which Swedish ones split at.
_FORMULA = re.compile(r"(^|;)(?='*\s*[=+\-@＝＋－＠])")


def visible(text: str) -> str:
    """The text without control characters, which could steer a terminal or break a file."""
    return text.translate(_CONTROLS)


def shortened(text: str, length: int) -> str:
    """The text cut to so many characters, the last one `…`."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def isolated(name: str) -> str:
    """A name that stands inside a sentence or a line: text from right to left, and marks that turn the direction,
    do not reorder what stands beside it.
    """
    if not any(unicodedata.bidirectional(character) in _REORDERING for character in name):
        return name
    opened = unmatched = 0
    for character in name:
        kind = unicodedata.bidirectional(character)
        if kind in ("LRI", "RLI", "FSI"):
            opened += 1
        elif kind == "PDI" and opened:
            opened -= 1
        elif kind == "PDI":
            unmatched += 1
    return f"{_FIRST_STRONG_ISOLATE * (unmatched + 1)}{name}{_POP_ISOLATE * (opened + 1)}"


def as_cell(text: str) -> str:
    """A text as a cell of a CSV file: where a spreadsheet would take it for a formula, an apostrophe goes before."""
    return _FORMULA.sub(r"\1'", text)


def from_cell(text: str) -> str:
    """The text that `as_cell` wrote."""
    if "'" not in text:  # as in hardly any
        return text
    return re.sub(r"(^|;)'(?='*\s*[=+\-@＝＋－＠])", r"\1", text)
