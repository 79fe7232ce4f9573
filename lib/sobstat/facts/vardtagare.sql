-- One row per known resident, window and month: their latest counted event there, whose kön and age are theirs.
-- The window is the period, or each group of what a table is broken down by besides months, kön and age.
SELECT {fonster}, manad, kon, aldersgrupp, nasta_manad IS NULL AS sist_i_perioden
FROM (
    SELECT *, lead(manad) OVER (PARTITION BY {fonster} ORDER BY tidpunkt, ordning, transaktion_id) AS nasta_manad
    FROM handelse
    WHERE vardtagare IS NOT NULL
) AS h
WHERE nasta_manad IS DISTINCT FROM manad
