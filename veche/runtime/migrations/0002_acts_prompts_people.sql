-- Acts of organisations on persons: one hash chain an organisation, append only.
CREATE TABLE runtime.act_head (
    organisation text PRIMARY KEY,
    size bigint NOT NULL,
    head bytea NOT NULL
);

CREATE TABLE runtime.act (
    organisation text NOT NULL,
    idx bigint NOT NULL,
    entry text NOT NULL,
    inner_part bytea NOT NULL,
    prev bytea NOT NULL,
    head bytea NOT NULL,
    subject text NOT NULL,
    opening text NOT NULL,              -- canonical JSON, as it was committed to
    salt bytea NOT NULL,
    PRIMARY KEY (organisation, idx)
);

-- Where the acts of one organisation on one person (by pseudonym) have got to.
CREATE TABLE runtime.act_subject (
    organisation text NOT NULL,
    subject text NOT NULL,
    seq bigint NOT NULL,
    commitment text NOT NULL,
    PRIMARY KEY (organisation, subject)
);

-- Locks an organisation's chain and says where it and the person's part of it have got to. A
-- function, since each statement in it sees what was committed while the lock was waited for; one
-- statement that joins would see the person's row as it was before the wait.
CREATE FUNCTION runtime.act_lock(
    of_organisation text, of_subject text,
    OUT size bigint, OUT head bytea, OUT seq bigint, OUT commitment text
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT h.size, h.head INTO size, head FROM runtime.act_head AS h
        WHERE h.organisation = of_organisation FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO runtime.act_head (organisation, size, head)
            VALUES (of_organisation, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT h.size, h.head INTO size, head FROM runtime.act_head AS h
            WHERE h.organisation = of_organisation FOR UPDATE;
    END IF;
    SELECT s.seq, s.commitment INTO seq, commitment FROM runtime.act_subject AS s
        WHERE s.organisation = of_organisation AND s.subject = of_subject;
    IF NOT FOUND THEN
        seq := 0;
        commitment := '';
    END IF;
END $$;

CREATE TABLE runtime.act_spent (commitment bytea PRIMARY KEY);

CREATE FUNCTION runtime.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

CREATE TRIGGER act_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.act
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER act_spent_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.act_spent
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();

-- Questions that bots asked, and what became of them. `json`, as for events: labels and intros may
-- hold what a person typed, which jsonb need not take.
CREATE TABLE runtime.prompt (
    prompt_id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,    -- newer is higher, within a transaction too
    bot text NOT NULL,
    room_id text NOT NULL,
    effect_id text NOT NULL UNIQUE,     -- of the message that asks
    reactions text[] NOT NULL,          -- effects: what the bot placed for tapping
    about text,                         -- the matter, as the asking service calls it
    thread text,                        -- effect: message in whose thread it stands
    prompt json NOT NULL,
    intro json NOT NULL,                -- what stands above the choices, as a document
    purpose json NOT NULL,              -- what else the asking service wants to remember
    state text NOT NULL,                -- veche.protocol.answers.PromptState
    answered_by text,
    answer_event_id text,
    choice text,
    created_at_ms bigint NOT NULL,
    closed_at_ms bigint
);
CREATE INDEX prompt_of_room ON runtime.prompt (room_id, bot, seq DESC);
CREATE INDEX prompt_of_thread ON runtime.prompt (thread, seq DESC) WHERE thread IS NOT NULL;
CREATE INDEX prompt_open_about ON runtime.prompt (bot, about) WHERE state = 'open';

-- What a person chose for all services of this server.
CREATE TABLE runtime.person (
    user_id text PRIMARY KEY,
    language text NOT NULL,
    chosen boolean NOT NULL             -- by the person, or guessed
);
