-- Chats as every bot keeps them: with the moment since when they are known. What an earlier release
-- keeps has none, and is older than all that has.
ALTER TABLE agency.chat ADD COLUMN since_ms bigint NOT NULL DEFAULT 0;
