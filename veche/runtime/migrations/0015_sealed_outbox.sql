-- compat: 15
-- What bots say is sealed from its first write: what was in clear stayed in the log of writes, and in
-- its archives, after it was encrypted for its room. Code of before would send it as it is.
COMMENT ON COLUMN runtime.outbox.content IS
    'Sealed under the operator key until it is sealed for the room; in clear: state, reactions.';
