-- What people and organisations do with money, above the ledger. Each table has the constraint that
-- carries its promise, so that no service can break it. Ids are ULIDs; amounts are minor units.

CREATE SCHEMA IF NOT EXISTS payments;

CREATE TABLE payments.currency (
    ledger integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z]{3}$')
);

-- Who has accounts. The ledger knows their numbers alone, and these tables no names: `mark` finds a
-- holder whose id one knows already, `sealed` opens only with the operator's key.
CREATE TABLE payments.holder (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mark bytea NOT NULL UNIQUE CHECK (length(mark) = 32),
    sealed bytea NOT NULL,
    kind text NOT NULL CHECK (kind IN ('institution', 'person', 'organisation')),
    since_ms bigint NOT NULL,
    frozen_at_ms bigint,
    closed_at_ms bigint
);
CREATE UNIQUE INDEX one_institution ON payments.holder (kind) WHERE kind = 'institution';

CREATE TABLE payments.account (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000001) PRIMARY KEY,
    holder bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    code smallint NOT NULL CHECK (code > 0),
    UNIQUE (holder, ledger, code)
);

-- Chats of persons with the bot.
CREATE TABLE payments.chat (
    room_id text PRIMARY KEY,
    person text NOT NULL,
    is_greeted boolean NOT NULL DEFAULT FALSE,
    since_ms bigint NOT NULL
);
CREATE INDEX chat_of_person ON payments.chat (person, since_ms DESC);

-- What a person set for themselves: the first payment to somebody above it waits; no more than it
-- may go in a day. A change that makes it weaker waits.
CREATE TABLE payments.own_limit (
    holder bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    kind text NOT NULL CHECK (kind IN ('first_payee', 'day')),
    minor bigint NOT NULL CHECK (minor >= 0),
    later_minor bigint CHECK (later_minor >= 0),
    later_at_ms bigint,
    PRIMARY KEY (holder, ledger, kind),
    CHECK ((later_minor IS NULL) = (later_at_ms IS NULL))
);

CREATE TABLE payments.mandate (
    id text PRIMARY KEY,
    payer bigint NOT NULL REFERENCES payments.holder,
    payee bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    state text NOT NULL CHECK (state IN ('proposed', 'active', 'paused', 'ended')),
    each_max bigint NOT NULL CHECK (each_max > 0),
    period text NOT NULL CHECK (period IN ('day', 'week', 'month', 'year')),
    period_max bigint NOT NULL CHECK (period_max >= each_max),
    starts_at_ms bigint NOT NULL,
    ends_at_ms bigint NOT NULL CHECK (ends_at_ms > starts_at_ms),
    count_max integer CHECK (count_max > 0),
    count_used integer NOT NULL DEFAULT 0 CHECK (count_used >= 0),
    notice_ms bigint NOT NULL CHECK (notice_ms >= 0),
    sealed bytea NOT NULL,              -- what for, names
    approved_by text UNIQUE,            -- nonce of the approval, runtime.approval
    changed_at_ms bigint NOT NULL,
    CHECK (payer <> payee),
    CONSTRAINT given CHECK (state IN ('proposed', 'ended') OR approved_by IS NOT NULL),
    CONSTRAINT mandate_count CHECK (count_used <= count_max)
);
CREATE INDEX mandate_payer ON payments.mandate (payer, id);
CREATE INDEX mandate_payee ON payments.mandate (payee, id);

-- What a mandate has moved, or is moving, in each of its periods.
CREATE TABLE payments.mandate_period (
    mandate_id text NOT NULL REFERENCES payments.mandate,
    period integer NOT NULL CHECK (period >= 0),
    cap bigint NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (mandate_id, period),
    CONSTRAINT mandate_cap CHECK (used BETWEEN 0 AND cap)
);

CREATE TABLE payments.payment (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('pay', 'invoice', 'refund', 'mandate', 'issue')),
    state text NOT NULL CHECK (
        state IN ('asked', 'cooling', 'paying', 'paid', 'refused', 'cancelled', 'expired')
    ),
    payer bigint NOT NULL REFERENCES payments.holder,
    payee bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),
    fee bigint NOT NULL CHECK (fee >= 0),
    sealed bytea NOT NULL,              -- names, what for
    approved_by text UNIQUE,            -- nonce of the approval, runtime.approval: good for one payment
    instruction text,                   -- what an organisation or the operator ordered it by
    mandate_id text REFERENCES payments.mandate,
    period integer,                     -- of the mandate
    invoice_id text,
    invoice_version integer,
    refund_of text REFERENCES payments.payment,
    why text,                           -- code, where it is refused
    asked_at_ms bigint NOT NULL,
    due_at_ms bigint,                   -- when the state ends by itself
    changed_at_ms bigint NOT NULL,
    CHECK (payer <> payee),
    CHECK ((kind = 'mandate') = (mandate_id IS NOT NULL)),
    CHECK ((kind = 'invoice') = (invoice_id IS NOT NULL)),
    CHECK ((kind = 'refund') = (refund_of IS NOT NULL)),
    CHECK ((state = 'refused') = (why IS NOT NULL)),
    -- Nothing moves without it.
    CONSTRAINT authority CHECK (
        state NOT IN ('cooling', 'paying', 'paid')
        OR approved_by IS NOT NULL OR instruction IS NOT NULL OR mandate_id IS NOT NULL
    )
);
CREATE INDEX payment_payer ON payments.payment (payer, id);
CREATE INDEX payment_payee ON payments.payment (payee, id);
CREATE INDEX payment_of_invoice ON payments.payment (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX payment_refunds ON payments.payment (refund_of) WHERE refund_of IS NOT NULL;

CREATE TABLE payments.invoice (
    id text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    payee bigint NOT NULL REFERENCES payments.holder,
    addressee bigint REFERENCES payments.holder,
    notice_id text CHECK (notice_id ~ '^[A-Za-z0-9/ .-]{1,35}$'),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),
    due_at_ms bigint NOT NULL,
    state text NOT NULL CHECK (
        state IN ('issued', 'objected', 'paying', 'paid', 'expired', 'withdrawn', 'replaced')
    ),
    paid_by text UNIQUE REFERENCES payments.payment,
    sealed bytea NOT NULL,              -- the invoice itself, and who wants to hear of it
    issued_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    PRIMARY KEY (id, version),
    CONSTRAINT paid_by_somebody CHECK (state NOT IN ('paying', 'paid') OR paid_by IS NOT NULL)
);
CREATE UNIQUE INDEX one_live_version ON payments.invoice (id)
    WHERE state IN ('issued', 'objected', 'paying', 'paid');
-- The number of a fine or a fee cannot be asked for twice, whichever invoice it stands on.
CREATE UNIQUE INDEX one_notice ON payments.invoice (payee, notice_id)
    WHERE notice_id IS NOT NULL AND state IN ('issued', 'objected', 'paying', 'paid');
ALTER TABLE payments.payment ADD FOREIGN KEY (invoice_id, invoice_version)
    REFERENCES payments.invoice (id, version);

-- Answers by the caller's own key (`Idempotency-Key`): the same key with another content is refused.
CREATE TABLE payments.request (
    caller bigint NOT NULL REFERENCES payments.holder,
    key text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    payment_id text,
    answer jsonb,
    at_ms bigint NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX request_age ON payments.request (at_ms);

-- What is to be moved: written with the state of its flow, taken by the writer in this order, and
-- removed in the block that decides it. The ids of its transfers are fixed here, so that it may be
-- tried again after any crash.
CREATE TABLE payments.attempt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    about text NOT NULL,
    accounts jsonb NOT NULL DEFAULT '[]',
    chain jsonb NOT NULL,
    at_ms bigint NOT NULL,
    UNIQUE (kind, about)
);

-- Payments that a payee could not be told of yet, for want of a chat.
CREATE TABLE payments.untold (
    holder bigint NOT NULL REFERENCES payments.holder,
    payment_id text NOT NULL REFERENCES payments.payment,
    PRIMARY KEY (holder, payment_id)
);
