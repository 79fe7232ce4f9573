"""Made-up HSA catalogues in the forms in which the real one is delivered. No row of it is real."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from sobstat.regions import LAN

NAMESPACE = "urn:riv:hsa:HsaWsResponder:3"
GIVER, UNIT = {"isHsaHealthCareProvider": "true"}, {"isHsaHealthCareUnit": "true"}


def unit(hsa_id: str | None, name: str = "Enheten", dn: str = "", **fields: str) -> dict[str, str]:
    """A unit's fields as the file service names them."""
    given = {"hsaIdentity": hsa_id, "DN": dn, "name": name, **fields}
    return {field: text for field, text in given.items() if text is not None}


def as_xml(
    units: Iterable[dict[str, str]], *, root="FileGetHsaUnitsResponse", prefix="", namespace=NAMESPACE, encoding="utf-8"
) -> bytes:
    """The file service's XML."""
    colon, declared = (f"{prefix}:", f":{prefix}") if prefix else ("", "")
    rows = "".join(
        f"<{colon}hsaUnit>"
        + "".join(f"<{colon}{name}>{escape(text)}</{colon}{name}>" for name, text in fields.items())
        + f"</{colon}hsaUnit>\n"
        for fields in units
    )
    return (
        f'<?xml version="1.0" encoding="{encoding}" standalone="yes"?>\n<{colon}{root} xmlns{declared}="{namespace}">\n'
        f"<{colon}startDate>2019-01-01T01:04:02.873+01:00</{colon}startDate>\n"
        f"<{colon}endDate>2019-01-01T01:28:36.546+01:00</{colon}endDate>\n"
        f"<{colon}hsaUnits>\n{rows}</{colon}hsaUnits>\n</{colon}{root}>\n"
    ).encode(encoding)


def as_zip(**files: bytes) -> bytes:
    """A zip of files, their names written with `_` for `.` and `__` for `/`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return packed.getvalue()


def as_json(units: Iterable[dict], encoding: str = "utf-8") -> bytes:
    return json.dumps({"hsaUnits": {"hsaUnit": list(units)}}, ensure_ascii=False).encode(encoding)


def many(units: int) -> Iterator[dict[str, str]]:
    """As many units as that, of which every twentieth is a vårdgivare and one of five stands under no län."""
    for n in range(units):
        lan = LAN[n % len(LAN)]
        giver = n - n % 20
        county = "" if giver % 100 == 0 else f",l={lan.namn}"
        yield unit(
            f"SE2321000{n % 900:03}-{n:06X}",
            f"Mottagning {n}, {lan.namn}",
            f"ou=Mottagning {n}\\, {lan.namn},ou=Verksamhetsområde {n % 50},o=Vårdgivare {giver}{county},c=SE",
            orgNo=f"556{n % 1000:03}-{n % 10000:04}",
            publicName=f"Mottagning {n}",
            hsaResponsibleHealthCareProvider=f"SE2321000{giver % 900:03}-{giver:06X}",
            startDate="2005-01-01T00:00:00.000+01:00",
            **(GIVER if n == giver else UNIT if n % 3 else {}),
        )
