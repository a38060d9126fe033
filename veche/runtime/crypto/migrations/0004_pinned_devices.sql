-- The devices of persons that dealt with us: those that the pinned identity signed, or, where there
-- was no identity, those that there were then. Such a person has pinned_at_ms and no master_pinned.
-- While a later identity or device is not confirmed, what a bot says goes to these and no others.
CREATE TABLE crypto.pinned_device (
  user_id text NOT NULL REFERENCES crypto.person,
  device_id text NOT NULL,
  curve25519 text NOT NULL,
  ed25519 text NOT NULL,
  may_confirm boolean NOT NULL,           -- it may vouch for a later identity or device
  PRIMARY KEY (user_id, device_id)
);

-- Whoever is known is taken as having dealt with us by the identity of now, or the devices of now.
UPDATE crypto.person AS p SET master_pinned = p.master_key, pinned_at_ms = p.queried_at_ms
WHERE p.master_pinned IS NULL
  AND EXISTS (SELECT FROM crypto.person_device AS d WHERE d.user_id = p.user_id);

INSERT INTO crypto.pinned_device (user_id, device_id, curve25519, ed25519, may_confirm)
SELECT d.user_id, d.device_id, d.curve25519, d.ed25519, TRUE
FROM crypto.person AS p JOIN crypto.person_device AS d USING (user_id)
WHERE p.pinned_at_ms IS NOT NULL
  AND (p.master_key IS NULL AND p.master_pinned IS NULL
    OR p.master_key = p.master_pinned AND d.is_cross_signed);
