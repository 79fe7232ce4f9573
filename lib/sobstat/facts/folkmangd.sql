-- One row per county, kön and age group: the population on 31 December of the latest year before the period's end.
SELECT
    b.ar,
    l.lan_kod,
    l.lan,
    b.kon,
    a.aldersgrupp,
    sum(b.antal) AS antal
FROM befolkning AS b
INNER JOIN lan AS l ON l.lan_kod = b.lan_kod
INNER JOIN aldersgrupp AS a ON a.alder = b.alder
WHERE
    b.ar = (SELECT max(ar) FROM befolkning WHERE make_date(ar, 12, 31) < $slut_dag)
    AND ($lan_kod IS NULL OR b.lan_kod = $lan_kod)
GROUP BY ALL
