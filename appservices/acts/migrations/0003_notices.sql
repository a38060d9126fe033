-- What people were told, or are being told, of names at their homeserver: each once.
CREATE TABLE acts.notice (
    id text PRIMARY KEY,
    at_ms bigint NOT NULL
);
CREATE INDEX notice_at ON acts.notice (at_ms);
