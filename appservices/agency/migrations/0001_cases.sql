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

-- Who works, or worked, at an office: those who left are shown out.
CREATE TABLE agency.staff (
    bot text NOT NULL,
    staff_id text NOT NULL,
    user_id text NOT NULL,
    PRIMARY KEY (bot, staff_id)
);

CREATE TABLE agency.case_file (
    case_id text PRIMARY KEY,
    bot text NOT NULL,
    person text NOT NULL,               -- Matrix user id; the kept case has a pseudonym instead
    service text NOT NULL,
    digest text NOT NULL REFERENCES agency.definition,
    state text NOT NULL,                -- as in kept, for lists
    clerk text,                         -- as in kept, for lists
    chat_id text NOT NULL,              -- room of the chat in which it began
    room_id text UNIQUE,                -- room of its own, once it is made
    card_effect text,                   -- message that shows where it stands
    desk text,                          -- desk that has it; without desk_effect: is to get it
    desk_effect text,                   -- message that began its thread at the desk
    document json,                      -- where the document that was made last is stored
    is_unreached boolean NOT NULL DEFAULT FALSE,    -- the desk was told that nothing arrives
    kept json NOT NULL,                 -- appservices.agency.core.case.Case
    opened_at_ms bigint NOT NULL
);
CREATE INDEX case_of_person ON agency.case_file (bot, person, opened_at_ms DESC);
CREATE INDEX case_of_chat ON agency.case_file (chat_id, opened_at_ms DESC);
CREATE INDEX case_of_thread ON agency.case_file (desk_effect);
CREATE INDEX case_of_clerk ON agency.case_file (bot, clerk) WHERE clerk IS NOT NULL;
CREATE INDEX case_waiting ON agency.case_file (bot, desk) WHERE desk_effect IS NULL;
