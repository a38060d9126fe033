-- Marks that never come again. A row of work that went and came anew began at 0, as the one before
-- had, so that whoever still held the old mark (a worker that saw the room as due just before
-- another one ended it; an acknowledgement that is written down twice) took the new work away: what
-- had come stayed undone until something else came. A row of work begins a million after the last
-- one, and nothing is raised so often.
CREATE SEQUENCE runtime.work_mark INCREMENT BY 1000000;
ALTER TABLE runtime.room_work ALTER COLUMN mark SET DEFAULT nextval('runtime.work_mark');
ALTER TABLE runtime.outbox_work ALTER COLUMN mark SET DEFAULT nextval('runtime.work_mark');
