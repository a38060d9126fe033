-- Pages: a case is followed, begun and answered there too.

-- Counts the changes of a case: who waits for the next one says which they know.
ALTER TABLE agency.case_file ADD COLUMN version bigint NOT NULL DEFAULT 1;
CREATE INDEX case_of_anyone ON agency.case_file (person, opened_at_ms DESC);
CREATE INDEX chat_of_person ON agency.chat (person, bot);

-- What was typed on a page and not sent yet, as it was typed.
CREATE TABLE agency.page_draft (
    case_id text PRIMARY KEY REFERENCES agency.case_file,
    draft json NOT NULL                 -- {field: value}
);

-- Cases that persons began on a page.
CREATE TABLE agency.page_start (
    event_id text PRIMARY KEY,          -- of the act: from person and key
    bot text NOT NULL,
    person text NOT NULL,
    service text NOT NULL,
    is_chat_new boolean NOT NULL,       -- they had no chat with the office: one is made first
    created_at_ms bigint NOT NULL
);
CREATE INDEX page_start_of_person ON agency.page_start (bot, person) WHERE is_chat_new;
CREATE INDEX page_start_age ON agency.page_start (created_at_ms);

-- Chats that are being made for them: one for each person and office.
CREATE TABLE agency.page_chat (
    bot text NOT NULL,
    person text NOT NULL,
    PRIMARY KEY (bot, person)
);

-- What became of an act on a page, where that is more than "done": the case that it began, or why it
-- does not count.
CREATE TABLE agency.page_outcome (
    event_id text PRIMARY KEY,
    case_id text,
    reason text,
    words text,
    at_ms bigint NOT NULL
);
CREATE INDEX page_outcome_age ON agency.page_outcome (at_ms);

-- Where the documents of a case are stored, each encrypted.
CREATE TABLE agency.document (
    case_id text NOT NULL REFERENCES agency.case_file,
    sha256 text NOT NULL,               -- of the plain file, hexadecimal
    file json NOT NULL,                 -- EncryptedFile
    PRIMARY KEY (case_id, sha256)
);
