-- Calls to persons that the desk has announced. The words are derived from the id, never stored.
CREATE TABLE agency.call (
    call_id text PRIMARY KEY,
    bot text NOT NULL,
    person text NOT NULL,               -- Matrix user id: their words count from nobody else
    case_id text NOT NULL REFERENCES agency.case_file,
    staff_id text NOT NULL,
    language text NOT NULL,             -- of the list of words
    made_at_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    outcome text,                       -- confirmed, replaced, wrong; NULL: nobody asked yet
    ended_at_ms bigint
);
CREATE INDEX call_open ON agency.call (bot, person) WHERE outcome IS NULL;
CREATE INDEX call_of_case ON agency.call (case_id);

-- Words that did not count.
CREATE TABLE agency.call_try (
    event_id text NOT NULL,
    bot text NOT NULL,
    person text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (bot, event_id)
);
CREATE INDEX call_try_of ON agency.call_try (bot, person, at_ms);
