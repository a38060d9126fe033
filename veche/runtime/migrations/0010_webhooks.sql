-- Where organisations want to hear of the events of a service. Each target has a cursor of its own,
-- which moves once the target has taken an event: so none is lost, whatever ends, and they come in
-- their order. The events themselves are the service's.

CREATE TABLE runtime.webhook (
    id text PRIMARY KEY,
    feed text NOT NULL,                                 -- the service whose events
    owner text NOT NULL,                                -- the organisation, as that service keeps it
    url text NOT NULL CHECK (length(url) <= 500),
    state text NOT NULL CHECK (state IN ('active', 'disabled')),
    cursor bigint NOT NULL CHECK (cursor >= 0),         -- `n` of the last event that it has taken
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since_ms bigint,
    why text,                                           -- of the last failure
    due_at_ms bigint NOT NULL,                          -- not before; also until when it is leased
    lease bigint NOT NULL DEFAULT 0,
    made_at_ms bigint NOT NULL,
    UNIQUE (feed, owner, url),
    CHECK ((failures = 0) = (failing_since_ms IS NULL))
);
CREATE INDEX webhook_due ON runtime.webhook (feed, due_at_ms) WHERE state = 'active';
