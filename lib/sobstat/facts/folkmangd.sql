-- One row per län, kön and age group, and per total of any of them (NULL there): the population on 31 December of the
-- latest year before the period's end. A total is SCB's own where the warehouse has it, else the sum of its parts.
WITH summa AS (
    SELECT b.ar, b.lan_kod, b.kon, b.alder, sum(b.antal) AS antal
    FROM befolkning AS b
    INNER JOIN lan AS l ON l.lan_kod = b.lan_kod
    WHERE
        b.ar = (SELECT max(ar) FROM befolkning WHERE make_date(ar, 12, 31) < $slut_dag)
        AND ($lan_kod IS NULL OR b.lan_kod = $lan_kod)
    GROUP BY b.ar, CUBE (b.lan_kod, b.kon, b.alder)
)

SELECT
    s.ar,
    s.lan_kod,
    s.kon,
    a.aldersgrupp,
    sum(coalesce(t.antal, s.antal)) AS antal
FROM summa AS s
LEFT JOIN aldersgrupp AS a ON a.alder = s.alder
LEFT JOIN befolkning_totalt AS t
    ON t.ar = s.ar
    AND t.lan_kod = coalesce(s.lan_kod, $lan_kod, '00')
    AND t.kon = coalesce(s.kon, 'Totalt')
    AND t.alder = coalesce(a.alder_text, 'Totalt')
GROUP BY ALL
