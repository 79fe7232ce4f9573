"""A page as search engines read it: a schema.org Dataset in JSON-LD."""

from sobstat import SERVICE
from sobstat.declarations import measures, reports
from sobstat.edition.plan import Edition, Page
from sobstat.open_data.texts import CSV, DESCRIPTION, JSON, SYNTHETIC, XLSX, ZIP, archive_name, citation, home


def dataset(page: Page, edition: Edition) -> dict:
    """The page's tables as a Dataset: what they are about, who publishes them, and where each file is."""
    period, publisher, base = edition.period_of(page.window), edition.publisher, home(edition)
    shown = [report for report in reports().values() if report.notebook == page.notebook]
    named = dict.fromkeys(name for report in shown for name in report.measures)
    data = f"{page.folder}/data"
    files = [(f"{data}/{page.notebook}.xlsx", f"{page.title}: sidans tabeller", XLSX)] if shown else []
    for report in shown:
        files += [(f"{data}/{report.id}.csv", report.title, CSV), (f"{data}/{report.id}.json", report.title, JSON)]
    files.append((archive_name(edition), "Alla tabeller i utgåvan", ZIP))
    organization = {"@type": "Organization", "name": publisher.name, "url": publisher.address, "email": publisher.email}
    about = "; ".join(report.title for report in shown) or page.title
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": f"{base}/{page.address}",
        "url": f"{base}/{page.address}",
        "name": f"{SERVICE}: {page.title}, {page.region.namn}, {period.title}",
        "description": f"{SYNTHETIC if edition.synthetic else ''} {about}. {DESCRIPTION}".strip(),
        "inLanguage": "sv",
        "isAccessibleForFree": True,
        "license": publisher.licence,
        "creator": organization,
        "publisher": organization,
        "dateModified": edition.loaded[:10],
        "temporalCoverage": f"{period.first}/{period.last}",
        "spatialCoverage": {"@type": "Place", "name": "Sverige" if page.region.lan_kod is None else page.region.namn},
        "citation": citation(edition, page),
        "includedInDataCatalog": {"@type": "DataCatalog", "name": SERVICE, "url": f"{publisher.address}/index.html"},
        "variableMeasured": [
            {
                "@type": "PropertyValue",
                "name": measures()[name].title,
                "description": measures()[name].definition,
                "unitText": measures()[name].unit,
            }
            for name in named
        ],
        "distribution": [
            {"@type": "DataDownload", "name": title, "encodingFormat": form, "contentUrl": f"{base}/{path}"}
            for path, title, form in files
        ],
    }
