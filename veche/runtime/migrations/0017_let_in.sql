-- A room that a bot made for certain people: whoever else appears in it is given no keys. A homeserver
-- can put anybody into a room.
ALTER TABLE runtime.room ADD COLUMN is_closed boolean NOT NULL DEFAULT FALSE;
-- The bot invited them.
ALTER TABLE runtime.room_member ADD COLUMN is_let_in boolean NOT NULL DEFAULT FALSE;
