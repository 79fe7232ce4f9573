"""Which län a unit of the HSA catalogue belongs to, and by which way that is known.

In this order:

code          the unit's own code or name of a county or municipality, in newer deliveries
dn            the county that stands as `l=` in its distinguished name, in any of its spellings
organisation  its organisation number is a region's
override      `params/hsa_lan.yml` names it
unknown       nothing tells: Okänt län

The catalogue files Gotland under Stockholms län. So `l=Stockholms län` alone leaves it open which of the two it is: the
organisation number of Region Gotland makes it Gotland, the overrides come next, and all others are Stockholm's.
"""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import yaml

from sobstat.errors import SobstatError
from sobstat.regions import LAN, parse_region

OVERRIDES = Path("params/hsa_lan.yml")
WAYS = ("code", "dn", "organisation", "override", "unknown")
STOCKHOLM, GOTLAND = "01", "09"
# The regions' organisation numbers: public, and each with a valid check digit.
REGIONS = {
    "2321000016": STOCKHOLM,
    "2321000024": "03",
    "2321000032": "04",
    "2321000040": "05",
    "2321000057": "06",
    "2321000065": "07",
    "2321000073": "08",
    "2120000803": GOTLAND,
    "2321000081": "10",
    "2321000255": "12",
    "2321000115": "13",
    "2321000131": "14",
    "2321000156": "17",
    "2321000164": "18",
    "2321000172": "19",
    "2321000180": "20",
    "2321000198": "21",
    "2321000206": "22",
    "2321000214": "23",
    "2321000222": "24",
    "2321000230": "25",
}
_CODES = {lan.lan_kod for lan in LAN}
# What may stand around a county's name.
_AROUND = {"lan", "lans", "landsting", "landstinget", "i", "region"}
_HSA_ID = re.compile(r"[A-Z]+\d{10,12}-[0-9A-Z]+")
# An escaped byte, an escaped character, a run of ordinary ones, or one that means something.
_TOKEN = re.compile(r'\\[0-9a-fA-F]{2}|\\.|[^\\",;+]+|.', re.DOTALL)


def county(
    hsa_id: str, named: list[str], kommun_kod: str, dn: str, org_nr: str, overrides: dict[str, str]
) -> tuple[str, str]:
    """A unit's county code, empty if unknown, and the way (see above) by which it is known.

    `named` are codes or names of a county that the unit itself gives.
    """
    for text in [*named, kommun_kod[:2]]:
        if code := county_code(text):
            return code, "code"
    localities = [value for kind, value in reversed(parse_dn(dn)) if kind == "l"]
    in_dn = next(filter(None, map(county_code, localities)), "")
    if in_dn not in ("", STOCKHOLM):
        return in_dn, "dn"
    region = REGIONS.get(re.sub(r"\D", "", org_nr)[-10:], "")
    if region == GOTLAND or (region and not in_dn):
        return region, "organisation"
    if hsa_id in overrides:
        return overrides[hsa_id], "override"
    return in_dn, "dn" if in_dn else "unknown"


@lru_cache(10_000)
def county_code(text: str) -> str:
    """The code of the county that a code (`1`, `01`) or a name in any spelling means; empty if it is none.

    Case, blanks, accents, the genitive's s and the words län, landstinget and region make no difference.
    """
    text = text.strip()
    return text.zfill(2) if text.zfill(2) in _CODES else _by_spelling().get(_spelling(text), "")


@cache
def _by_spelling() -> dict[str, str]:
    return {_spelling(lan.namn): lan.lan_kod for lan in LAN} | {"sormland": "04", "jamtlandharjedalen": "23"}


def _spelling(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    words = [word for word in re.findall(r"[a-z]+", letters) if word not in _AROUND]
    return "".join(words).removesuffix("regionen").removesuffix("s")


def parse_dn(dn: str) -> list[tuple[str, str]]:
    r"""The parts of a distinguished name (RFC 4514; quotes as in RFC 2253): kind in lower case, and value.

    Escapes are undone: `\,`, and bytes of UTF-8 such as `\C3\A5`. A quotation mark that is never closed is an ordinary
    character; what has no `=` is no part.
    """
    tokens = _TOKEN.findall(dn)
    quotes = tokens.count('"') % 2 == 0
    parts, quoted = [bytearray()], False
    for token in tokens:
        if token == '"' and quotes:
            quoted = not quoted
        elif token in (",", ";", "+") and not quoted:
            parts.append(bytearray())
        elif token[0] == "\\" and len(token) == 3:
            parts[-1] += bytes.fromhex(token[1:])
        else:
            parts[-1] += (token[1:] if token[0] == "\\" and len(token) == 2 else token).encode("utf-8", "replace")
    pairs = [part.decode("utf-8", "replace").partition("=") for part in parts]
    return [(kind.strip().lower(), value.strip()) for kind, equals, value in pairs if equals]


def read_overrides(path: Path = OVERRIDES) -> dict[str, str]:
    """The county codes that a file gives to HSA-ids; none if there is no such file.

    Raises SobstatError that lists every entry that names no county or is no HSA-id.
    """
    if not path.exists():
        return {}
    try:
        entries = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader) or {}
        entries = {hsa_id.strip().upper(): text for hsa_id, text in entries.items()}
    except (UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise SobstatError(f"{path} cannot be read: expected lines such as SE2120000803-A001: gotland.") from error
    codes, faults = {}, []
    for hsa_id, text in entries.items():
        if not _HSA_ID.fullmatch(hsa_id):
            faults.append(f"{hsa_id} is no HSA-id; expected one such as SE2120000803-A001.")
        try:
            codes[hsa_id] = parse_region(text).lan_kod or ""
        except SobstatError as error:
            faults.append(f"{hsa_id}: {error}")
        if codes.get(hsa_id) == "":
            faults.append(f"{hsa_id}: riket is no län.")
    if faults:
        raise SobstatError("\n  ".join([f"{path} has {len(faults)} fault(s); nothing was loaded.", *faults]))
    return codes
