-- What has to outlive a writer so that its successor neither repeats nor forgets it.
ALTER TABLE crypto.device
  ADD COLUMN fallback_made_at_ms bigint,  -- the fallback key is replaced weekly
  -- Cluster and timeline of the last writer: another one means a restored backup or a failover,
  -- after which the ratchets here may be older than what was sent.
  ADD COLUMN written_on text;

CREATE TABLE crypto.unwedged (            -- the last m.dummy to a device: one an hour at most
  device_no bigint NOT NULL REFERENCES crypto.device,
  user_id text NOT NULL,
  device_id text NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (device_no, user_id, device_id)
);

CREATE TABLE crypto.unreadable (          -- events whose key did not come in time: to be told of
  bot text NOT NULL,
  event_id text NOT NULL,
  room_id text NOT NULL,
  sender text NOT NULL,
  session_id text NOT NULL,
  noted_at_ms bigint NOT NULL,
  PRIMARY KEY (bot, event_id)
);
