-- What persons say about a case while a file that they sent is fetched, in the order in which it
-- came; the first of a case is that file.

CREATE TABLE agency.held (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id text NOT NULL REFERENCES agency.case_file,
    said json NOT NULL                  -- the event, as it was judged
);
CREATE INDEX held_of_case ON agency.held (case_id, seq);
