-- One row per start or completion (transaction with status Inprogress or Done) of an ärende of type Process,
-- as of the end of the period, with every attribute that figures are broken down by.
-- Only the rows that the period can count are kept: counted events in it, and starts under way at its first
-- month's end or later.
WITH logg AS (
    SELECT
        transaktion_id, arende_id, tidpunkt, dag,
        -- At equal times a start comes before a completion.
        CASE status WHEN 'Inprogress' THEN 1 ELSE 2 END AS ordning
    FROM transaktion
    WHERE arendetyp = 'Process' AND status IN ('Inprogress', 'Done') AND dag < $slut_dag
),

ordnad AS (
    SELECT
        transaktion_id, arende_id, dag, ordning,
        -- The counted event of each ärende and status is the latest one.
        row_number() OVER (PARTITION BY arende_id, ordning ORDER BY tidpunkt DESC, transaktion_id DESC) = 1 AS ar_raknad,
        -- A start is under way until the ärende's next start or completion.
        lead(dag) OVER (PARTITION BY arende_id ORDER BY tidpunkt, ordning, transaktion_id) AS nasta_dag
    FROM logg
),

berord AS (
    SELECT *, ar_raknad AND dag >= $forsta_dag AS ar_handelse
    FROM ordnad
    WHERE (ar_raknad AND dag >= $forsta_dag) OR (ordning = 1 AND (nasta_dag IS NULL OR nasta_dag > $forsta_dag))
),

-- The reason on the counted completion. An ärende without one hasn't ended.
orsak AS (
    SELECT o.arende_id, coalesce(t.avslutningsorsak, 'Okänt') AS avslutningsorsak
    FROM ordnad AS o
    INNER JOIN transaktion AS t ON t.transaktion_id = o.transaktion_id
    WHERE o.ordning = 2 AND o.ar_raknad
)

SELECT
    o.transaktion_id,
    o.arende_id,
    t.tidpunkt,
    o.ordning,
    o.dag,
    o.nasta_dag,
    o.ar_handelse,
    t.vardtagare,
    strftime(o.dag, '%Y-%m') AS manad,
    v.veckodag,
    -- The county that the catalogue now gives for the ärende's vårdgivare.
    coalesce(l.lan_kod, '') AS lan_kod,
    coalesce(l.lan, 'Okänt län') AS lan,
    coalesce(t.vardgivare_id, '') AS vardgivare_id,
    coalesce(vg.namn, t.vardgivare_id, 'Okänd vårdgivare') AS vardgivare,
    coalesce(t.vardenhet_id, '') AS vardenhet_id,
    coalesce(ve.namn, t.vardenhet_id, 'Okänd vårdenhet') AS vardenhet,
    coalesce(t.process, 'Okänt') AS process,
    coalesce(t.moment, 'Okänt') AS moment,
    coalesce(orsak.avslutningsorsak, 'Ej avslutat') AS avslutningsorsak,
    coalesce(t.kon, 'Okänt') AS kon,
    coalesce(a.aldersgrupp, 'Okänd') AS aldersgrupp
FROM berord AS o
INNER JOIN transaktion AS t ON t.transaktion_id = o.transaktion_id
INNER JOIN veckodag AS v ON v.nummer = isodow(o.dag)
LEFT JOIN aldersgrupp AS a ON a.alder = t.alder
LEFT JOIN orsak ON orsak.arende_id = o.arende_id
LEFT JOIN hsa_vardgivare AS vg ON vg.hsa_id = t.vardgivare_id
LEFT JOIN hsa_vardenhet AS ve ON ve.hsa_id = t.vardenhet_id
LEFT JOIN lan AS l ON l.lan_kod = vg.lan_kod
WHERE $lan_kod IS NULL OR l.lan_kod = $lan_kod
