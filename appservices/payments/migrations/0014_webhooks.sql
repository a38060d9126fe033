-- Where organisations want to hear of their events. Each target has a cursor of its own, which moves
-- once the target has taken an event: so none is lost, whatever ends, and they come in their order.

CREATE TABLE payments.webhook (
    id text PRIMARY KEY,
    holder bigint NOT NULL REFERENCES payments.holder,
    url text NOT NULL CHECK (length(url) <= 500),
    state text NOT NULL CHECK (state IN ('active', 'disabled')),
    cursor bigint NOT NULL CHECK (cursor >= 0),         -- `n` of the last event that it has taken
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since_ms bigint,
    why text,                                           -- of the last failure
    due_at_ms bigint NOT NULL,                          -- not before; also until when it is leased
    lease bigint NOT NULL DEFAULT 0,
    made_at_ms bigint NOT NULL,
    UNIQUE (holder, url),
    CHECK ((failures = 0) = (failing_since_ms IS NULL))
);
CREATE INDEX webhook_due ON payments.webhook (due_at_ms) WHERE state = 'active';
