-- Every transaction, with what follows it in its ärende, and how the ärende had ended until then. The load keeps these
-- three in the warehouse, so that what a period counts is told by each row alone, without the ärende's others.
SELECT
    *,
    -- The ärende's next start and next completion: until then the ärende is under way, and the event is the latest.
    -- The least day is that of the next one, since days follow time; it is found faster than the first value.
    min(CASE WHEN arendetyp = 'Process' AND status = 'Inprogress' THEN dag END)
        OVER (arende ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS nasta_start_dag,
    min(CASE WHEN arendetyp = 'Process' AND status = 'Done' THEN dag END)
        OVER (arende ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS nasta_avslut_dag,
    -- The reason on its latest completion, this one or an earlier.
    last_value(CASE WHEN arendetyp = 'Process' AND status = 'Done' THEN coalesce(avslutningsorsak, 'Okänt') END IGNORE NULLS)
        OVER (arende ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS senaste_orsak
FROM ({rader}) AS t
-- At equal times a start comes before a completion.
WINDOW arende AS (
    PARTITION BY arende_id ORDER BY tidpunkt, CASE status WHEN 'Inprogress' THEN 1 ELSE 2 END, transaktion_id
)
