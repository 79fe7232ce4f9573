-- One row per counted event and therapist on its ärende.
SELECT h.*, b.behandlare
FROM handelse AS h
INNER JOIN behandlare AS b ON b.arende_id = h.arende_id
