-- Devices of our bots, keys of the people they speak with. One writer a device: see writer.py.
--
-- synchronous_commit stays on for these tables: a ratchet that steps back encrypts two texts under
-- one key, which is worse than an outage.
CREATE SCHEMA IF NOT EXISTS crypto;

CREATE TABLE crypto.identity (            -- one a bot; outlives devices and machines
  user_id text PRIMARY KEY,
  master_key text NOT NULL,               -- public, unpadded base64
  seeds_sealed bytea NOT NULL,
  sealed_under text NOT NULL,             -- name of the operator key
  published_at_ms bigint
);

CREATE TABLE crypto.device (
  device_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id text NOT NULL REFERENCES crypto.identity,
  device_id text NOT NULL,
  account text NOT NULL,
  pickled_under text NOT NULL,            -- name of the operator key
  position text,                          -- of the crypto channel
  to_device_since text,
  writer_epoch bigint NOT NULL DEFAULT 0,
  retired_at_ms bigint,
  UNIQUE (user_id, device_id)
);
CREATE UNIQUE INDEX device_active ON crypto.device (user_id) WHERE retired_at_ms IS NULL;

CREATE TABLE crypto.olm_session (
  device_no bigint NOT NULL REFERENCES crypto.device,
  peer_curve25519 text NOT NULL,
  session_id text NOT NULL,
  pickle text NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (device_no, peer_curve25519, session_id)
);

CREATE TABLE crypto.room_key_in (         -- replaced only by the same session from an earlier index
  device_no bigint NOT NULL REFERENCES crypto.device,
  room_id text NOT NULL,
  session_id text NOT NULL,
  pickle text NOT NULL,
  sender text NOT NULL,
  sender_curve25519 text NOT NULL,
  sender_ed25519 text NOT NULL,
  first_index bigint NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (device_no, room_id, session_id)
);

CREATE TABLE crypto.message_seen (
  device_no bigint NOT NULL,
  room_id text NOT NULL,
  session_id text NOT NULL,
  message_index bigint NOT NULL,
  event_id text NOT NULL,
  PRIMARY KEY (device_no, room_id, session_id, message_index)
);

CREATE TABLE crypto.room_key_out (
  device_no bigint NOT NULL REFERENCES crypto.device,
  room_id text NOT NULL,
  session_id text NOT NULL,
  pickle text NOT NULL,
  message_count int NOT NULL,
  created_at_ms bigint NOT NULL,
  PRIMARY KEY (device_no, room_id)
);

CREATE TABLE crypto.room_key_shared (
  device_no bigint NOT NULL,
  room_id text NOT NULL,
  session_id text NOT NULL,
  user_id text NOT NULL,
  device_id text NOT NULL,
  curve25519 text NOT NULL,
  first_index bigint,
  withheld_code text,
  PRIMARY KEY (device_no, room_id, session_id, user_id, device_id),
  CHECK ((first_index IS NULL) <> (withheld_code IS NULL))
);

CREATE TABLE crypto.person (              -- key directory as last asked; shared by all bots
  user_id text PRIMARY KEY,
  master_key text,
  master_pinned text,
  pinned_at_ms bigint,
  outdated_seq bigint NOT NULL DEFAULT 1,
  queried_seq bigint NOT NULL DEFAULT 0   -- outdated while queried < outdated
);

CREATE TABLE crypto.person_device (
  user_id text NOT NULL REFERENCES crypto.person,
  device_id text NOT NULL,
  curve25519 text NOT NULL,
  ed25519 text NOT NULL,
  is_cross_signed boolean NOT NULL,
  PRIMARY KEY (user_id, device_id)
);

CREATE TABLE crypto.room (
  room_id text PRIMARY KEY,
  is_encrypted boolean NOT NULL,
  rotation_ms bigint NOT NULL,
  rotation_messages int NOT NULL,
  history_visibility text NOT NULL
);

-- A room once encrypted never gets a plain message from us, whatever its state says: Synapse
-- accepts an empty m.room.encryption over a full one.
CREATE FUNCTION crypto.refuse_plain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'room % is encrypted for ever', OLD.room_id USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER room_stays_encrypted BEFORE UPDATE ON crypto.room FOR EACH ROW
  WHEN (OLD.is_encrypted AND NOT NEW.is_encrypted) EXECUTE FUNCTION crypto.refuse_plain();
CREATE TRIGGER room_is_kept BEFORE DELETE ON crypto.room FOR EACH ROW
  WHEN (OLD.is_encrypted) EXECUTE FUNCTION crypto.refuse_plain();

CREATE TABLE crypto.to_device_out (
  txn_id text PRIMARY KEY,
  device_no bigint NOT NULL REFERENCES crypto.device,
  room_id text,
  event_type text NOT NULL,
  messages jsonb NOT NULL,
  attempts int NOT NULL DEFAULT 0
);
