-- One row per start or completion (transaction with status Inprogress or Done) of an ärende of type Process,
-- as of the end of the period, with the id of every group that figures are broken down by.
-- Only the rows that the period can count are kept: counted events in it, and starts under way at its first
-- month's end or later. Of the history before it, conditions on one column each leave most unread.
WITH logg AS (
    SELECT * FROM transaktion
    WHERE arendetyp = 'Process' AND status IN ('Inprogress', 'Done') AND dag >= $forsta_dag AND dag < $slut_dag
    UNION ALL
    SELECT * FROM transaktion
    WHERE
        arendetyp = 'Process' AND status = 'Inprogress' AND dag < $forsta_dag
        AND (nasta_avslut_dag IS NULL OR nasta_avslut_dag > $forsta_dag)
        AND (nasta_start_dag IS NULL OR nasta_start_dag > $forsta_dag)
),

bedomd AS (
    SELECT
        *,
        CASE status WHEN 'Inprogress' THEN 1 ELSE 2 END AS ordning,
        -- A start is under way until the ärende's next start or completion.
        least(nasta_start_dag, nasta_avslut_dag) AS nasta_dag,
        -- The counted event of each ärende and status is the latest one.
        CASE status WHEN 'Inprogress' THEN nasta_start_dag ELSE nasta_avslut_dag END AS raknad_till_dag
    FROM logg
),

berord AS (
    SELECT *, dag >= $forsta_dag AND (raknad_till_dag IS NULL OR raknad_till_dag >= $slut_dag) AS ar_handelse
    FROM bedomd
),

-- The reason on the ärende's counted completion. One before the period is the latest until each row.
orsak AS (
    SELECT arende_id, senaste_orsak
    FROM transaktion
    WHERE arendetyp = 'Process' AND status = 'Done' AND dag >= $forsta_dag AND dag < $slut_dag
        AND (nasta_avslut_dag IS NULL OR nasta_avslut_dag >= $slut_dag)
)

SELECT
    t.transaktion_id,
    t.arende_id,
    t.tidpunkt,
    t.ordning,
    t.dag,
    t.nasta_dag,
    t.ar_handelse,
    t.vardtagare,
    strftime(t.dag, '%Y-%m') AS manad,
    v.veckodag,
    -- The county that the catalogue now gives for the ärende's vårdgivare.
    coalesce(l.lan_kod, '') AS lan_kod,
    coalesce(t.vardgivare_id, '') AS vardgivare_id,
    coalesce(t.vardenhet_id, '') AS vardenhet_id,
    coalesce(t.process, 'Okänt') AS process,
    coalesce(t.moment, 'Okänt') AS moment,
    -- An ärende without a completion hasn't ended.
    coalesce(orsak.senaste_orsak, t.senaste_orsak, 'Ej avslutat') AS avslutningsorsak,
    coalesce(t.kon, 'Okänt') AS kon,
    coalesce(a.aldersgrupp, 'Okänd') AS aldersgrupp
FROM berord AS t
LEFT JOIN veckodag AS v ON v.nummer = isodow(t.dag)
LEFT JOIN aldersgrupp AS a ON a.alder = t.alder
LEFT JOIN orsak ON orsak.arende_id = t.arende_id
LEFT JOIN hsa_vardgivare AS vg ON vg.hsa_id = t.vardgivare_id
LEFT JOIN lan AS l ON l.lan_kod = vg.lan_kod
WHERE
    (t.ar_handelse OR (t.ordning = 1 AND (t.nasta_dag IS NULL OR t.nasta_dag > $forsta_dag)))
    AND ($lan_kod IS NULL OR l.lan_kod = $lan_kod)
