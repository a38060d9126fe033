-- Signers without an account meet whoever has to see who they are: a link for one phone, and the
-- word of the registrar on who holds it. The link itself is made from the id, and in no table.
CREATE TABLE signing.meeting (
    id text PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    session_id text NOT NULL,
    party text NOT NULL,
    registrar text NOT NULL,            -- a Matrix user id
    state text NOT NULL CHECK (state IN (
        'offered', 'claimed', 'identified', 'refused', 'replaced'
    )),
    public_key bytea CHECK (length(public_key) = 65),
    made_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    FOREIGN KEY (session_id, party) REFERENCES signing.party (session_id, id),
    CHECK (state NOT IN ('claimed', 'identified') OR public_key IS NOT NULL)
);
-- One at a time, and one who is identified once and for all.
CREATE UNIQUE INDEX meeting_current ON signing.meeting (session_id, party)
    WHERE state IN ('offered', 'claimed', 'identified');
