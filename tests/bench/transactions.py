"""Extracts of any size for the bench, made by one query each: `sobstat demo` is true to life, but slow by the million.

About two transactions per ärende: a start and a completion; some are paused, some started anew, some of another type
than Process. What nobody completes is closed after half a year, so that what is under way does not grow with the years.
Ids are random UUIDs, which compress badly, or running numbers, which compress well.
"""

from pathlib import Path

import duckdb

from sobstat.months import Period
from sobstat.regions import LAN

IDS = {
    "uuid": "CAST(CAST(md5('{kind}' || {number}) AS UUID) AS VARCHAR)",
    "number": "'{kind}' || lpad(CAST({number} AS VARCHAR), 10, '0')",
}
UNITS = 300
HALF_A_YEAR = 182 * 86_400
TRANSACTIONS_PER_ARENDE = 2.15


def write_extract(
    folder: Path, transactions: int, period: Period, ids: str = "number", part: Period | None = None
) -> Path:
    """An extract of about so many transactions, spread evenly over the period, as Parquet files; returns its folder.

    With `part` those of its months alone. They lie as the ärenden began.
    """
    folder.mkdir(parents=True)
    arenden = round(transactions / TRANSACTIONS_PER_ARENDE)
    begin, end = period.first.first_day, period.end
    since, until = (part or period).first.first_day, (part or period).end
    seconds = (end - begin).days * 86_400
    start = f"TIMESTAMP '{begin}' + to_seconds(n * {seconds} // {arenden})"
    arende, person, therapist, transaction = (
        IDS[ids].format(kind=kind, number=number)
        for kind, number in [("A", "n"), ("P", "n * 3 // 5"), ("B", "n % 5000"), ("T", "10 * n + nummer")]
    )
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET preserve_insertion_order = false")
        con.execute(f"""
            COPY (
                SELECT {transaction} AS transaktion_id, {arende} AS arende_id,
                    CASE WHEN h % 12 = 0 THEN 'Meddelande' ELSE 'Process' END AS arendetyp, status,
                    strftime(tid, '%Y-%m-%dT%H:%M:%SZ') AS tidpunkt,
                    'Process ' || (h % 8) AS process, 'Moment ' || (h % 40) AS moment,
                    'SE-G' || (h % {UNITS // 5}) AS vardgivare_id, 'SE-E' || (h % {UNITS}) AS vardenhet_id,
                    CASE WHEN h % 33 > 0 THEN {person} END AS vardtagare_id,
                    CASE WHEN h % 50 > 0 THEN ['Kvinna', 'Kvinna', 'Man'][n * 3 // 5 % 3 + 1] END AS kon,
                    CASE WHEN h % 50 > 0 THEN CAST(hash(n * 3 // 5) % 90 AS INTEGER) + 5 END AS alder,
                    CASE WHEN status = 'Done' THEN ['Enligt plan', 'Avbruten', 'Annat'][h % 4 + 1] END
                        AS avslutningsorsak
                FROM (
                    SELECT n, h, unnest([1, 2, 3, 4]) AS nummer,
                        unnest(['Inprogress', 'Paused', 'Done', 'Inprogress']) AS status,
                        start + to_seconds(
                            CAST(unnest([0, 0.3 * done, if(h % 5 > 0, done, {HALF_A_YEAR}), 1.5 * done]) AS BIGINT)
                        ) AS tid
                    FROM (
                        SELECT n, CAST(hash(n) // 1024 AS BIGINT) AS h, h % 8000000 AS done, {start} AS start
                        FROM range({arenden}) AS t(n)
                    )
                )
                WHERE (nummer <> 2 OR h % 9 = 0) AND (nummer <> 4 OR h % 25 = 0)
                    AND tid >= TIMESTAMP '{since}' AND tid < TIMESTAMP '{until}'
            ) TO '{folder}/arenden.parquet' (FORMAT parquet)
        """)
        con.execute(f"""
            COPY (
                SELECT {arende} AS arende_id, {therapist} AS behandlare_id FROM range({arenden}) AS t(n)
                WHERE n % 10 < 7 AND {start} >= TIMESTAMP '{since}' AND {start} < TIMESTAMP '{until}'
            )
            TO '{folder}/behandlare.parquet' (FORMAT parquet)
        """)
        codes = [lan.lan_kod for lan in LAN]
        con.execute(f"""
            COPY (
                SELECT 'SE-G' || n AS hsa_id, 'Vårdgivare ' || n AS namn, {codes}[n % 21 + 1] AS lan_kod
                FROM range({UNITS // 5 - 1}) AS t(n)
            ) TO '{folder}/hsa_vardgivare.parquet' (FORMAT parquet)
        """)
        con.execute(f"""
            COPY (
                SELECT 'SE-E' || n AS hsa_id, 'Vårdenhet ' || n AS namn, 'SE-G' || (n % {UNITS // 5}) AS vardgivare_id,
                    '' AS lan_kod, '' AS kommun_kod
                FROM range({UNITS}) AS t(n)
            ) TO '{folder}/hsa_vardenhet.parquet' (FORMAT parquet)
        """)
        con.execute(f"""
            COPY (
                SELECT y AS ar, unnest({codes}) AS lan_kod, k AS kon, a AS alder, 1000 + a AS antal
                FROM range(2015, {period.last.year}) AS y(y), (VALUES ('Kvinna'), ('Man')) AS k(k), range(101) AS a(a)
            ) TO '{folder}/befolkning.parquet' (FORMAT parquet)
        """)
    return folder
