-- Directories of organisations: entries that are public, signed, and never change. Ours is written
-- here, those of others are copies with the proofs checked.
CREATE TABLE acts.entry (
    log text NOT NULL,
    idx bigint NOT NULL CHECK (idx >= 0),
    entry text NOT NULL CHECK (octet_length(entry) <= 32768),
    PRIMARY KEY (log, idx)
);
-- The tree over the entries of ours (RFC 6962), and the heads that were signed.
CREATE TABLE acts.tree_node (
    log text NOT NULL,
    level smallint NOT NULL,
    at bigint NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (log, level, at)
);
CREATE TABLE acts.checkpoint (
    log text NOT NULL,
    size bigint NOT NULL,
    note text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (log, size)
);
-- How far we follow those of others: entries of the newest head that was seen, and what is wrong.
CREATE TABLE acts.followed (
    log text PRIMARY KEY,
    size bigint NOT NULL,
    seen_at_ms bigint NOT NULL,
    why text
);
-- Chats with the bot.
CREATE TABLE acts.chat (
    room_id text PRIMARY KEY,
    person text NOT NULL,
    since_ms bigint NOT NULL,
    is_greeted boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX chat_person ON acts.chat (person);
