-- One row per vårdenhet that the catalogue now names.
SELECT hsa_id AS vardenhet_id, namn AS vardenhet
FROM hsa_vardenhet
