-- Whether the person was seen to join the room of their case: what was said there before does not
-- reach the client of somebody of another homeserver. Of cases from before it was never asked.

ALTER TABLE agency.case_file ADD COLUMN has_joined boolean NOT NULL DEFAULT true;
ALTER TABLE agency.case_file ALTER COLUMN has_joined SET DEFAULT false;
