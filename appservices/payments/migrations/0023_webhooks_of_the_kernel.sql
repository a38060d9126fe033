-- Webhooks are the kernel's now: the targets move there, each with its cursor. The release before
-- this one finds none here any more and takes no new ones (they are asked for again).
INSERT INTO runtime.webhook (id, feed, owner, url, state, cursor, failures, failing_since_ms, why,
    due_at_ms, lease, made_at_ms)
SELECT id, 'payments', holder::text, url, state, cursor, failures, failing_since_ms, why,
    due_at_ms, lease + 1, made_at_ms
FROM payments.webhook;
DELETE FROM payments.webhook;
ALTER TABLE payments.webhook ADD CONSTRAINT moved_to_the_kernel CHECK (false);
