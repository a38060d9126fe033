-- After a restored backup that lost what was signed, logs go on under another name. The number of
-- the history is in that name; without a row it is 1.
CREATE TABLE runtime.history (
    number INTEGER PRIMARY KEY CHECK (number > 1),
    at_ms BIGINT NOT NULL,
    why TEXT NOT NULL
);

-- While there is a row nothing runs: the database was found to be an older one than others have
-- seen, and `veche db restored` has not been run yet.
CREATE TABLE runtime.stopped (
    at_ms BIGINT NOT NULL,
    why TEXT PRIMARY KEY
);
