"""Riket and the 21 län: codes, names and the slugs used in addresses."""

from dataclasses import dataclass

from sobstat.errors import SobstatError, nearest


@dataclass(frozen=True)
class Region:
    """Riket or one län. `lan_kod` is SCB's two-digit county code, None for Riket."""

    slug: str
    namn: str
    lan_kod: str | None = None


RIKET = Region("riket", "Riket")

# SCB's county codes and names.
LAN = tuple(
    Region(slug, namn, lan_kod)
    for lan_kod, slug, namn in [
        ("01", "stockholm", "Stockholms län"),
        ("03", "uppsala", "Uppsala län"),
        ("04", "sodermanland", "Södermanlands län"),
        ("05", "ostergotland", "Östergötlands län"),
        ("06", "jonkoping", "Jönköpings län"),
        ("07", "kronoberg", "Kronobergs län"),
        ("08", "kalmar", "Kalmar län"),
        ("09", "gotland", "Gotlands län"),
        ("10", "blekinge", "Blekinge län"),
        ("12", "skane", "Skåne län"),
        ("13", "halland", "Hallands län"),
        ("14", "vastra-gotaland", "Västra Götalands län"),
        ("17", "varmland", "Värmlands län"),
        ("18", "orebro", "Örebro län"),
        ("19", "vastmanland", "Västmanlands län"),
        ("20", "dalarna", "Dalarnas län"),
        ("21", "gavleborg", "Gävleborgs län"),
        ("22", "vasternorrland", "Västernorrlands län"),
        ("23", "jamtland", "Jämtlands län"),
        ("24", "vasterbotten", "Västerbottens län"),
        ("25", "norrbotten", "Norrbottens län"),
    ]
)
REGIONS = (RIKET, *LAN)


def _spellings(region: Region) -> list[str]:
    """Every way to write a region: code, slug, `Skåne`, `Skåne län`, `Region Skåne` (also in the genitive)."""
    if region == RIKET:
        return ["riket"]
    name = region.namn.lower()
    genitive = name.removesuffix(" län")
    short = genitive.removesuffix("s")
    forms = {name, genitive, short, f"{short} län"}
    return [region.lan_kod, region.slug, *sorted(forms | {f"region {form}" for form in forms})]


_BY_SPELLING = {spelling: region for region in REGIONS for spelling in _spellings(region)}
# Three regions call themselves otherwise.
_BY_SPELLING |= {
    "region jämtland härjedalen": _BY_SPELLING["jamtland"],
    "västra götalandsregionen": _BY_SPELLING["vastra-gotaland"],
    **dict.fromkeys(["sörmland", "sörmlands län", "region sörmland"], _BY_SPELLING["sodermanland"]),
}


def parse_region(text: str) -> Region:
    """Find a region by code (`12`), slug (`skane`) or name (`Skåne`, `Skåne län`, `Region Skåne`), any case.

    Raises SobstatError, naming the nearest match, for anything else.
    """
    wanted = " ".join(str(text).lower().split())
    if region := _BY_SPELLING.get(wanted):
        return region
    hint = _BY_SPELLING[nearest(wanted, _BY_SPELLING, cutoff=0) or "riket"]
    raise SobstatError(
        f"Unknown region {text!r}: write riket, or a län by code, slug or name; "
        f"the nearest match is {hint.slug} ({hint.namn})."
    )
