-- Who has no phone writes by hand on a tablet of the office; it counts once the witness has signed.
ALTER TABLE signing.party DROP CONSTRAINT party_state_check;
ALTER TABLE signing.party ADD CONSTRAINT party_state_check CHECK (state IN (
    'waiting', 'invited', 'viewed', 'written', 'signed', 'declined', 'delegated', 'lapsed',
    'excused'
));
ALTER TABLE signing.meeting
    ADD COLUMN tablet bytea CHECK (length(tablet) = 32),    -- SHA-256 of its secret
    ADD COLUMN sealed bytea,            -- what was written or said on it, until that is over
    DROP CONSTRAINT meeting_state_check,
    DROP CONSTRAINT meeting_check,
    ADD CONSTRAINT meeting_state_check CHECK (state IN (
        'offered', 'claimed', 'written', 'identified', 'refused', 'replaced'
    )),
    ADD CONSTRAINT meeting_device_check CHECK (
        state NOT IN ('claimed', 'written', 'identified') OR public_key IS NOT NULL
        OR tablet IS NOT NULL
    );
DROP INDEX signing.meeting_current;
CREATE UNIQUE INDEX meeting_current ON signing.meeting (session_id, party)
    WHERE state IN ('offered', 'claimed', 'written', 'identified');
