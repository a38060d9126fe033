-- The day that a payment from another institution counts for is that of the block of its ledger,
-- which it proves when it says that it is paid. Of what was paid before it is in what it signed.

ALTER TABLE payments.peer_in ADD COLUMN paid_at_ms bigint;
CREATE INDEX peer_in_paid ON payments.peer_in (peer, paid_at_ms, id) WHERE paid_at_ms IS NOT NULL;
CREATE INDEX peer_in_paid_before ON payments.peer_in (peer, id)
    WHERE paid_at_ms IS NULL AND state IN ('posting', 'done', 'stuck');
