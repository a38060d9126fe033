-- How far each organisation has heard of the sessions in which its documents are signed.
CREATE TABLE agency.signing_cursor (
    organisation text PRIMARY KEY,
    cursor bigint NOT NULL
);
