-- The current SQL functions of this schema. `veche db migrate` applies this file whenever it has
-- changed. Another signature needs a migration that drops the function and gives its grants again.

CREATE OR REPLACE FUNCTION crypto.refuse_plain()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'room % is encrypted for ever', OLD.room_id USING ERRCODE = 'check_violation';
END
$$;
