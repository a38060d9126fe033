-- Browsers that are told of messages. A dump of this tells how many there are and since when:
-- pushkeys and endpoints are digests, and what is sent by is sealed under the operator's key.
CREATE TABLE app.subscription (
    pushkey_digest bytea PRIMARY KEY CHECK (octet_length(pushkey_digest) = 32),
    endpoint_digest bytea NOT NULL UNIQUE CHECK (octet_length(endpoint_digest) = 32),
    sealed bytea NOT NULL,
    -- When the app was opened there last, or something was sent there.
    used_at_ms bigint NOT NULL,
    -- Failures in a row; since when, and until when nothing is tried.
    failures integer NOT NULL DEFAULT 0,
    failing_since_ms bigint,
    waits_until_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX subscription_used ON app.subscription (used_at_ms);
CREATE INDEX subscription_failing ON app.subscription (failing_since_ms)
    WHERE failing_since_ms IS NOT NULL;
