-- Bots place number reactions on the first questions of a chat, and go on where people tap them.
-- They are not taken back any more, so nobody needs to know which ones were placed.
ALTER TABLE runtime.prompt ADD COLUMN is_tapped boolean NOT NULL DEFAULT FALSE;
ALTER TABLE runtime.prompt ALTER COLUMN reactions SET DEFAULT '{}';
