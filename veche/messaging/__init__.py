"""Everything that is queued: the inbox, the outbox, jobs and webhooks."""
