-- What people do on pages: rows of the inbox like any other, and bots that any process can speak
-- for.

-- In whose name a bot acts and how it is called. NULL until its process started with this version.
ALTER TABLE runtime.bot
    ADD COLUMN organisation text,
    ADD COLUMN display_name text;

-- Higher for a room that a bot came to know later; NULL for those before this version, since giving
-- each a number would write the whole table anew while everybody waits.
CREATE SEQUENCE runtime.room_bot_seq;
ALTER TABLE runtime.room_bot ADD COLUMN seq bigint;
ALTER TABLE runtime.room_bot ALTER COLUMN seq SET DEFAULT nextval('runtime.room_bot_seq');
ALTER SEQUENCE runtime.room_bot_seq OWNED BY runtime.room_bot.seq;

-- What a person did on a page: under which key, so that it is done once, whatever room it was for.
CREATE TABLE runtime.page_act (
    event_id text PRIMARY KEY,          -- of its row in the inbox, from person and key
    room_id text NOT NULL,
    bot text NOT NULL,
    digest bytea NOT NULL,              -- of all that was said: the same key with other words is refused
    created_at_ms bigint NOT NULL
);
CREATE INDEX page_act_age ON runtime.page_act USING brin (created_at_ms);
