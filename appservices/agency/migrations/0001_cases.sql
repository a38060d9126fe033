-- The files of services with which cases began, and on which they end.
CREATE TABLE agency.definition (
    digest text PRIMARY KEY,
    service text NOT NULL,
    source text NOT NULL,
    templates json NOT NULL,            -- {file name: text}
    first_seen_at_ms bigint NOT NULL
);

-- Desks: encrypted rooms of the staff.
CREATE TABLE agency.desk (
    bot text NOT NULL,
    desk text NOT NULL,
    room_id text NOT NULL UNIQUE,
    PRIMARY KEY (bot, desk)
);

-- Direct chats that persons began with a bot.
CREATE TABLE agency.chat (
    room_id text NOT NULL,
    bot text NOT NULL,
    person text NOT NULL,
    is_greeted boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (room_id, bot)
);

CREATE TABLE agency.case_file (
    case_id text PRIMARY KEY,
    bot text NOT NULL,
    person text NOT NULL,               -- Matrix user id; the kept case has a pseudonym instead
    service text NOT NULL,
    digest text NOT NULL REFERENCES agency.definition,
    state text NOT NULL,                -- as in kept, for lists
    chat_id text NOT NULL,              -- room of the chat in which it began
    room_id text UNIQUE,                -- room of its own, once it is made
    card_effect text,                   -- message that shows where it stands
    desk_effect text,                   -- message that began its thread at the desk
    document json,                      -- where the document that was made last is stored
    kept json NOT NULL,                 -- appservices.agency.core.case.Case
    opened_at_ms bigint NOT NULL
);
CREATE INDEX case_of_person ON agency.case_file (bot, person, opened_at_ms DESC);
