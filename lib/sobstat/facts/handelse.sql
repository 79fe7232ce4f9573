-- One row per counted event: an ärende's latest start and its latest completion, where they fall in the period.
SELECT
    *,
    CASE WHEN ordning = 1 THEN 1 END AS startad,
    CASE WHEN ordning = 2 THEN 1 END AS avslutad,
    CASE WHEN ordning = 1 THEN vardtagare END AS startande_vardtagare
FROM statusbyte
WHERE ar_handelse
