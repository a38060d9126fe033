-- Keys of persons' devices, what they approved, and the log of both.

-- Public keys, those that were revoked too: a row is never removed, so that what a key signed can
-- be checked as long as the evidence is kept, and no key comes back or goes to somebody else.
CREATE TABLE runtime.device_key (
    key_id text PRIMARY KEY,            -- SHA-256 of the public key, base64url
    person text NOT NULL,
    kind text NOT NULL,                 -- veche.runtime.approvals.core.KeyKind
    public_key bytea NOT NULL,          -- 04, x, y
    credential_id bytea UNIQUE,         -- of a passkey
    transports text[] NOT NULL,
    sign_count bigint NOT NULL,         -- of a passkey, as last told
    label text NOT NULL,
    created_at_ms bigint NOT NULL,
    held_until_ms bigint NOT NULL,
    last_used_at_ms bigint,
    revoked_at_ms bigint
);
CREATE INDEX device_key_of_person ON runtime.device_key (person, created_at_ms);

-- Attempts to enrol a key.
CREATE TABLE runtime.key_enrolment (
    enrolment_id text PRIMARY KEY,
    person text NOT NULL,
    kind text NOT NULL,
    label text NOT NULL,
    state text NOT NULL,                -- veche.runtime.approvals.core.EnrolmentState
    challenge bytea NOT NULL,
    key_id text,                        -- from here on NULL while a passkey is being made
    public_key bytea,
    credential_id bytea,
    transports text[] NOT NULL DEFAULT '{}',
    sign_count bigint NOT NULL DEFAULT 0,
    code_hash bytea,
    tries smallint NOT NULL DEFAULT 0,  -- wrong codes
    bot text,                           -- who sent the code, where, as which effect
    room_id text,
    effect_id text,
    opened_at_ms bigint NOT NULL
);
CREATE INDEX key_enrolment_of_person ON runtime.key_enrolment (person, opened_at_ms);
CREATE INDEX key_enrolment_age ON runtime.key_enrolment (opened_at_ms);

-- What happened to a person's keys, for the person.
CREATE TABLE runtime.key_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text NOT NULL,
    at_ms bigint NOT NULL,
    what text NOT NULL,                 -- veche.runtime.approvals.core.Event
    key_id text,
    label text NOT NULL,                -- of the key
    detail json NOT NULL
);
CREATE INDEX key_event_of_person ON runtime.key_event (person, id DESC);

-- Approvals that were asked for. `shown` and `code` are wiped when it has ended.
CREATE TABLE runtime.approval_asked (
    nonce text PRIMARY KEY,
    person text NOT NULL,
    kind text NOT NULL,
    shown text,                         -- canonical JSON
    prompt_id text,                     -- whose choice it is; NULL: of the daily limit
    choice text,
    state text NOT NULL,                -- veche.runtime.approvals.core.AskedState
    code text,                          -- four digits, where the person may reply them instead
    code_tries smallint NOT NULL DEFAULT 0,
    refused_count smallint NOT NULL DEFAULT 0,
    is_told boolean NOT NULL DEFAULT FALSE, -- that an attempt was refused
    asked_at_ms bigint NOT NULL,
    expires_at_ms bigint,               -- where there is no prompt that says it
    ended_at_ms bigint
);
CREATE INDEX approval_asked_of_prompt ON runtime.approval_asked (prompt_id);
CREATE INDEX approval_asked_of_limit ON runtime.approval_asked (person) WHERE prompt_id IS NULL;
CREATE INDEX approval_asked_age ON runtime.approval_asked (asked_at_ms);
CREATE INDEX approval_asked_shown ON runtime.approval_asked (asked_at_ms) WHERE shown IS NOT NULL;

-- The evidence: what was signed, by what, when.
CREATE TABLE runtime.approval (
    nonce text PRIMARY KEY,
    person text NOT NULL,
    kind text NOT NULL,                 -- of the approval, or "decline"
    means text NOT NULL,                -- p256, webauthn or code
    key_id text,
    signed bytea NOT NULL,              -- canonical JSON; of a code: the approval as it was shown
    proof json NOT NULL,                -- signature or assertion; of a code: event, device, message
    event_id text,                      -- of the message that was a code
    at_ms bigint NOT NULL,              -- when we took it
    minor bigint,                       -- of a payment
    currency text
);
CREATE INDEX approval_of_key ON runtime.approval (key_id, at_ms) WHERE key_id IS NOT NULL;
CREATE UNIQUE INDEX approval_of_event ON runtime.approval (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX approval_by_code ON runtime.approval (person, currency, at_ms) WHERE means = 'code';

CREATE TRIGGER key_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.key_event
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER approval_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.approval
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();

-- What a person lets themselves approve by code, a day.
CREATE TABLE runtime.code_limit (
    person text NOT NULL,
    currency text NOT NULL,
    minor bigint NOT NULL,
    next_minor bigint,                  -- a raised limit, from next_from_ms on
    next_from_ms bigint,
    PRIMARY KEY (person, currency)
);
