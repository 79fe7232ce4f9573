-- One row per known resident and window: the kön and age of their latest counted event in it.
-- The window is the period, or each group of what a table is broken down by besides kön and age.
SELECT {fonster}, kon, aldersgrupp
FROM handelse
WHERE vardtagare IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY {fonster} ORDER BY tidpunkt DESC, ordning DESC, transaktion_id DESC
) = 1
