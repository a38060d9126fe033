-- Who is signed in on our pages, and what was sent to sign in with. No secret is kept: only the
-- digests of links, codes and tokens.

-- One attempt to sign in: asked for on a page (then there is a request and a code), or with the
-- command `page` in a room (then there is only a link).
CREATE TABLE runtime.sign_in (
    sign_in_id text PRIMARY KEY,
    person text NOT NULL,
    request_hash bytea UNIQUE,          -- SHA-256 of what the page keeps
    link_hash bytea UNIQUE,             -- SHA-256 of the secret in the link
    code_hash bytea,
    tries smallint NOT NULL DEFAULT 0,  -- wrong codes
    browser text NOT NULL,              -- words of our own for the browser that asked, or empty
    system text NOT NULL,
    language text NOT NULL,             -- in which it is told of, unless the person chose another
    address_hash bytea,                 -- keyed digest of where the page was asked from
    bot text,                           -- who sent it, where, as which effect; NULL: nothing sent
    room_id text,
    effect_id text,
    opened_at_ms bigint NOT NULL,
    ended_at_ms bigint                  -- used, or burned by wrong codes
);
CREATE INDEX sign_in_of_person ON runtime.sign_in (person, opened_at_ms);
CREATE INDEX sign_in_of_address ON runtime.sign_in (address_hash, opened_at_ms)
    WHERE address_hash IS NOT NULL;
CREATE INDEX sign_in_age ON runtime.sign_in (opened_at_ms);

CREATE TABLE runtime.session (
    session_id text PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,   -- SHA-256 of the bearer token
    person text NOT NULL,
    level smallint NOT NULL,            -- veche.runtime.sessions.core.Level
    browser text NOT NULL,
    system text NOT NULL,
    master_key text,                    -- the person's identity when it began; it ends with it
    begun_at_ms bigint NOT NULL,
    used_at_ms bigint NOT NULL,
    ends_at_ms bigint NOT NULL
);
CREATE INDEX session_of_person ON runtime.session (person, begun_at_ms);
CREATE INDEX session_age ON runtime.session (ends_at_ms);

-- OpenID tokens that were taken: each is taken once.
CREATE TABLE runtime.openid_taken (
    token_hash bytea PRIMARY KEY,
    taken_at_ms bigint NOT NULL
);
CREATE INDEX openid_taken_age ON runtime.openid_taken (taken_at_ms);
