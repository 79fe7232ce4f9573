"""The Atom feed of the site: every edition, and every time one was replaced or withdrawn, the latest first.

Entries have ids of their own that never change; addresses are relative to the feed, so it needs to know no host.
"""

from uuid import NAMESPACE_OID, uuid5

from sobstat import SERVICE
from sobstat.edition.notices import REPLACED
from sobstat.edition.plan import Edition
from sobstat.templating import render

FEED = "feed.xml"
_ID = uuid5(NAMESPACE_OID, "sobstat")


def render_feed(editions: list[Edition]) -> str:
    """The feed of the editions that stand at the months' addresses."""
    entries = [entry for edition in sorted(editions, key=lambda e: e.month) for entry in _entries(edition)]
    entries.sort(key=lambda entry: entry["day"])
    return render("feed.xml", service=SERVICE, id=_ID.urn, entries=entries[::-1])


def _entries(edition: Edition) -> list[dict]:
    """An edition's entries: its publication, dated by its data, and its notices."""
    month = edition.month.title
    first = edition.notices[0].loaded if edition.notices else edition.loaded
    told = [(first, f"Utgåva {month}", f"Statistik för {edition.period.title}.")]
    for notice in edition.notices:
        done = "har ersatts av en ny version" if notice.kind == REPLACED else "är indragen"
        told.append((notice.day, f"Utgåvan {month} {done}", notice.reason))
    return [
        {
            "id": uuid5(_ID, f"{edition.month} {number}").urn,
            "href": f"{edition.month}/index.html",
            "day": day,
            "title": title,
            "summary": summary,
        }
        for number, (day, title, summary) in enumerate(told)
    ]
