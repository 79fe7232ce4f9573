-- One row per vårdgivare that the catalogue now names.
SELECT hsa_id AS vardgivare_id, namn AS vardgivare
FROM hsa_vardgivare
