-- Whether its push service ever took something. What never was is forgotten first where there is no
-- room: whoever makes up browsers takes the place of none that there is.
ALTER TABLE app.subscription ADD COLUMN is_proven boolean NOT NULL DEFAULT false;
CREATE INDEX subscription_unproven ON app.subscription (used_at_ms) WHERE NOT is_proven;
