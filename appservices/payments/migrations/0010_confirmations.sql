-- Invoices that ask more of both sides before they are paid: a tip, a quote, a merchant's yes.

ALTER TABLE payments.payment
    ADD COLUMN tip bigint NOT NULL DEFAULT 0,       -- how much of the amount
    ADD CONSTRAINT tip_is_a_part CHECK (tip >= 0 AND tip < amount);

-- What the merchant is asked before an invoice is approved: what it costs to bring it, say.
CREATE TABLE payments.quote (
    payment_id text PRIMARY KEY REFERENCES payments.payment,
    state text NOT NULL CHECK (state IN ('wanting', 'asked', 'offered', 'chosen')),
    version integer NOT NULL DEFAULT 0 CHECK (version >= 0),    -- counts the merchant's answers
    chosen bigint CHECK (chosen >= 0),                          -- what the chosen option costs
    sealed bytea NOT NULL,              -- where to, and what was offered
    changed_at_ms bigint NOT NULL,
    CONSTRAINT chosen_has_a_price CHECK ((state = 'chosen') = (chosen IS NOT NULL))
);
