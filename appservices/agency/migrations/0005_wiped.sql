-- What is in clear of a case goes a time after its end; states, times and hashes stay.

ALTER TABLE agency.case_file ADD COLUMN wiped_at_ms bigint;
-- By the last thing that happened: cases of the release before have no column of their end.
CREATE INDEX case_to_wipe ON agency.case_file (bot, ((kept #>> '{history,-1,at_ms}')::bigint))
    WHERE wiped_at_ms IS NULL AND state IN ('closed', 'expired', 'withdrawn');
