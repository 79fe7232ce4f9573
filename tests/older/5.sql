CREATE TABLE anmarkning(laddning INTEGER, kalla VARCHAR, anmarkning VARCHAR, antal BIGINT);
INSERT INTO anmarkning VALUES
    (1, 'hsa_vardgivare', 'lan_kod is not a county code, counted as unknown', 1);
CREATE TABLE befolkning(ar INTEGER, lan_kod VARCHAR, kon VARCHAR, alder SMALLINT, antal INTEGER, laddning INTEGER);
INSERT INTO befolkning VALUES
    (2024, '01', 'Kvinna', 40, 1000, 1);
CREATE TABLE befolkning_totalt(ar INTEGER, lan_kod VARCHAR, kon VARCHAR, alder VARCHAR, antal INTEGER, laddning INTEGER);
CREATE TABLE behandlare(arende_id VARCHAR, behandlare BIGINT, laddning INTEGER);
INSERT INTO behandlare VALUES
    ('A1', -7626117110941072069, 1),
    ('A1', 7501298028843695771, 1),
    ('A2', 7501298028843695771, 1),
    ('A3', -3825683060640702682, 2);
CREATE TABLE ersatt_befolkning(ar INTEGER, lan_kod VARCHAR, kon VARCHAR, alder SMALLINT, antal INTEGER, laddning INTEGER, ersatt INTEGER);
CREATE TABLE ersatt_befolkning_totalt(ar INTEGER, lan_kod VARCHAR, kon VARCHAR, alder VARCHAR, antal INTEGER, laddning INTEGER, ersatt INTEGER);
CREATE TABLE ersatt_behandlare(arende_id VARCHAR, behandlare BIGINT, laddning INTEGER, ersatt INTEGER);
CREATE TABLE ersatt_hsa_vardenhet(hsa_id VARCHAR, namn VARCHAR, vardgivare_id VARCHAR, lan_kod VARCHAR, kommun_kod VARCHAR, laddning INTEGER, ersatt INTEGER);
CREATE TABLE ersatt_hsa_vardgivare(hsa_id VARCHAR, namn VARCHAR, lan_kod VARCHAR, laddning INTEGER, ersatt INTEGER);
INSERT INTO ersatt_hsa_vardgivare VALUES
    ('SE00-N', 'Giver N', NULL, 1, 2),
    ('SE01-A', 'Giver A', '01', 1, 2),
    ('SE12-B', 'Giver B', '12', 1, 2),
    ('SE99-Z', 'Giver Z', '99', 1, 2);
CREATE TABLE ersatt_transaktion(transaktion_id VARCHAR, arende_id VARCHAR, arendetyp VARCHAR, status VARCHAR, tidpunkt TIMESTAMP, process VARCHAR, moment VARCHAR, vardgivare_id VARCHAR, vardenhet_id VARCHAR, vardtagare BIGINT, kon VARCHAR, alder SMALLINT, avslutningsorsak VARCHAR, dag DATE, laddning INTEGER, ersatt INTEGER);
INSERT INTO ersatt_transaktion VALUES
    ('T2', 'A2', 'Process', 'Inprogress', '2025-09-10 10:00:00', 'KBT (process)', 'KBT', 'SE01-A', 'SE01-A1', -1537839018064083669, 'Man', 40, NULL, '2025-09-10', 1, 2);
CREATE TABLE hsa_vardenhet(hsa_id VARCHAR, namn VARCHAR, vardgivare_id VARCHAR, lan_kod VARCHAR, kommun_kod VARCHAR, laddning INTEGER);
INSERT INTO hsa_vardenhet VALUES
    ('SE01-A1', 'Unit A1', 'SE01-A', '01', '0180', 1),
    ('SE01-A2', 'Unit A2', 'SE01-A', '03', '0380', 1),
    ('SE12-B1', 'Unit B1', 'SE12-B', '12', '1280', 1);
CREATE TABLE hsa_vardgivare(hsa_id VARCHAR, namn VARCHAR, lan_kod VARCHAR, laddning INTEGER);
INSERT INTO hsa_vardgivare VALUES
    ('SE01-A', 'Giver A', '12', 2);
CREATE TABLE karantan(laddning INTEGER, fil VARCHAR, rad BIGINT, kalla VARCHAR, skal VARCHAR, innehall VARCHAR);
INSERT INTO karantan VALUES
    (2, 'arenden.csv', 4, 'arenden', 'tidpunkt is not a time in ISO 8601', '{"transaktion_id":"T7","arende_id":"A4","arendetyp":"Process","status":"Inprogress","tidpunkt":"nyss","process":"KBT (process)","moment":"KBT","vardgivare_id":"SE01-A","vardenhet_id":"SE01-A1","vardtagare_id":"8605529795473402215","kon":"Kvinna","alder":"40","avslutningsorsak":""}'),
    (2, 'arenden.csv', 5, 'arenden', 'tidpunkt is not a time in ISO 8601', '{"transaktion_id":"T8","arende_id":"A5","arendetyp":"Process","status":"Inprogress","tidpunkt":"nyss","process":"KBT (process)","moment":"KBT","vardgivare_id":"SE01-A","vardenhet_id":"SE01-A1","vardtagare_id":"-1537839018064083669","kon":"Kvinna","alder":"40","avslutningsorsak":""}'),
    (2, 'behandlare.csv', 2, 'behandlare', 'arende_id is missing', '{"arende_id":"","behandlare_id":"-774091550178753771"}'),
    (2, 'behandlare.csv', 3, 'behandlare', 'arende_id is missing', '{"arende_id":"","behandlare_id":"895271346488472590"}');
CREATE TABLE laddad_fil(laddning INTEGER, fil VARCHAR, kalla VARCHAR, storlek BIGINT, sha256 VARCHAR, lasta BIGINT, behallna BIGINT, upprepade BIGINT, undantagna BIGINT);
INSERT INTO laddad_fil VALUES
    (1, 'arenden.csv', 'arenden', 495, '17c714e8fbb15fa9223343785d94f122cddd74b634407cd21827245e3e781a38', 4, 4, 0, 0),
    (1, 'befolkning.csv', 'befolkning', 52, 'f15fa02b49faf493775701ad80a76d21479b128ffdf94c5bb9b68505e4f3ff55', 1, 1, 0, 0),
    (1, 'behandlare.csv', 'behandlare', 46, 'ae436da9e857bf59d7b289c724b5a3966f0c2a42e14e2f96d01a8947dd25b872', 3, 3, 0, 0),
    (1, 'hsa_vardenhet.csv', 'hsa_vardenhet', 142, '0e413311c52ef1392cff2b102e1bb8002141bd978a555d0c4fb1d431a5563a8b', 3, 3, 0, 0),
    (1, 'hsa_vardgivare.csv', 'hsa_vardgivare', 97, '4e6b5fade13386f32e9f1149ae0b442a2adc447c5404bcd2126c9ce94cc592f3', 4, 4, 0, 0),
    (2, 'arenden.csv', 'arenden', 562, 'a62a7a9f29936bfdf0895f469d63dd413df06b65a17975e0b6434edfc0b66365', 5, 3, 0, 2),
    (2, 'befolkning.csv', 'befolkning', 52, 'f15fa02b49faf493775701ad80a76d21479b128ffdf94c5bb9b68505e4f3ff55', 1, 0, 1, 0),
    (2, 'behandlare.csv', 'behandlare', 42, 'f3e866598e9f4449715f66353c2503e3d4666fbe483b0729989087e04e4bbdb4', 3, 1, 0, 2),
    (2, 'hsa_vardenhet.csv', 'hsa_vardenhet', 142, '0e413311c52ef1392cff2b102e1bb8002141bd978a555d0c4fb1d431a5563a8b', 3, 0, 3, 0),
    (2, 'hsa_vardgivare.csv', 'hsa_vardgivare', 40, '565899592fa1e5fac7e3fb90673da07029f065bb44bff56b57e109476b06157d', 1, 1, 0, 0);
CREATE TABLE laddning(laddning INTEGER, tidpunkt TIMESTAMP, "program" VARCHAR, lasta BIGINT, behallna BIGINT, upprepade BIGINT, undantagna BIGINT, syntetisk BOOLEAN);
INSERT INTO laddning VALUES
    (1, '2026-06-01 00:00:00', '0.1.0', 15, 15, 0, 0, True),
    (2, '2026-06-02 00:00:00', '0.1.0', 13, 5, 4, 4, False);
CREATE TABLE lager_version("version" INTEGER, nyckel VARCHAR);
INSERT INTO lager_version VALUES
    (5, '89de49e41342087f');
CREATE TABLE transaktion(transaktion_id VARCHAR, arende_id VARCHAR, arendetyp VARCHAR, status VARCHAR, tidpunkt TIMESTAMP, process VARCHAR, moment VARCHAR, vardgivare_id VARCHAR, vardenhet_id VARCHAR, vardtagare BIGINT, kon VARCHAR, alder SMALLINT, avslutningsorsak VARCHAR, dag DATE, laddning INTEGER, nasta_start_dag DATE, nasta_avslut_dag DATE, senaste_orsak VARCHAR);
INSERT INTO transaktion VALUES
    ('SYN-T4', 'A3', 'Process', 'Inprogress', '2025-09-11 10:00:00', 'KBT (process)', 'KBT', 'SE01-A', 'SE01-A1', NULL, NULL, 40, NULL, '2025-09-11', 1, NULL, NULL, NULL),
    ('T1', 'A1', 'Process', 'Inprogress', '2025-09-03 10:00:00', 'KBT (process)', 'KBT', 'SE01-A', 'SE01-A1', 8605529795473402215, 'Kvinna', 40, NULL, '2025-09-03', 1, '2025-10-02', '2025-10-01', NULL),
    ('T2', 'A2', 'Process', 'Inprogress', '2025-09-10 10:00:00', 'KBT (process)', 'Stress', 'SE01-A', 'SE01-A1', 4458663313195366212, 'Man', 40, NULL, '2025-09-10', 2, NULL, '2025-10-01', NULL),
    ('T3', 'A2', 'Process', 'Done', '2025-09-30 22:30:00', 'KBT (process)', 'KBT', 'SE01-A', 'SE01-A1', -1537839018064083669, 'Man', 40, NULL, '2025-10-01', 1, NULL, NULL, 'Okänt'),
    ('T5', 'A1', 'Process', 'Done', '2025-10-01 10:00:00', 'KBT (process)', 'KBT', 'SE01-A', 'SE01-A1', 8605529795473402215, 'Kvinna', 40, 'Klar', '2025-10-01', 2, '2025-10-02', NULL, 'Klar'),
    ('T6', 'A1', 'Process', 'Inprogress', '2025-10-02 10:00:00', 'KBT (process)', 'KBT', 'SE01-A', 'SE01-A1', 8605529795473402215, 'Kvinna', 40, NULL, '2025-10-02', 2, NULL, NULL, 'Klar');
