-- Rooms of bots of ours that the directory lists: the entry whose proof is in the room's state, and
-- that the person was told who writes there.
CREATE TABLE acts.badge (
    room_id text NOT NULL,
    bot text NOT NULL,
    entry bigint NOT NULL,
    PRIMARY KEY (room_id, bot)
);
