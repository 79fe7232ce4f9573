-- One row per counted event and therapist on its ärende.
SELECT
    h.manad, h.veckodag, h.lan_kod, h.vardgivare_id, h.vardenhet_id, h.process, h.moment, h.avslutningsorsak, h.kon,
    h.aldersgrupp,
    b.behandlare
FROM handelse AS h
INNER JOIN behandlare AS b ON b.arende_id = h.arende_id
