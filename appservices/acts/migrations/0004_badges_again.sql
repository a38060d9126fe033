-- Some rooms were kept as having a badge though the event guard had refused it: each is set again.
-- A homeserver keeps one event of equal states, and nobody is told twice.
UPDATE acts.badge SET entry = -1;
