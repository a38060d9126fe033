-- When somebody's keys were last asked for, so that news of theirs that never reached us, or was
-- never told, is found out after a while.
ALTER TABLE crypto.person
  ADD COLUMN queried_at_ms bigint NOT NULL DEFAULT 0;
CREATE INDEX person_asked ON crypto.person (queried_at_ms) WHERE queried_seq >= outdated_seq;
