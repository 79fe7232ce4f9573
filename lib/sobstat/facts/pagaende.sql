-- One row per ärende under way at the end of each month of the period: started, and not started anew or completed
-- until after that month. Attributes are those of its last start or completion as of that month's end.
SELECT
    m.manad, s.lan_kod, s.vardgivare_id, s.vardenhet_id, s.process, s.moment, s.avslutningsorsak, s.kon, s.aldersgrupp,
    1 AS pagar
FROM statusbyte AS s
INNER JOIN manad AS m ON s.dag < m.slut_dag AND (s.nasta_dag IS NULL OR s.nasta_dag >= m.slut_dag)
WHERE s.ordning = 1
