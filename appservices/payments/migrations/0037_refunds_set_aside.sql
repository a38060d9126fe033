-- What is set aside to be given back, as to another institution, counts like what is on its way.
CREATE OR REPLACE FUNCTION payments.refund_counts(p payments.payment) RETURNS bigint AS $$
    SELECT CASE WHEN p.kind = 'refund' AND p.state IN ('holding', 'held', 'paying', 'paid')
        THEN p.amount ELSE 0 END;
$$ LANGUAGE sql IMMUTABLE;

-- Refunds that are set aside now. Where two of them are more than was paid, both are kept: each is
-- refused or made as it was promised.
INSERT INTO payments.given_back AS g (payment_id, captured, refunded, disputed)
    SELECT p.id, greatest(p.amount, sum(r.amount)), sum(r.amount), 0 FROM payments.payment AS r
    JOIN payments.payment AS p ON p.id = r.refund_of
    WHERE r.kind = 'refund' AND r.state IN ('holding', 'held') GROUP BY p.id, p.amount
    ON CONFLICT (payment_id) DO UPDATE SET refunded = g.refunded + EXCLUDED.refunded,
        captured = greatest(g.captured, g.refunded + EXCLUDED.refunded + g.disputed);
