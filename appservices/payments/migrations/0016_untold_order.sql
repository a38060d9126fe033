-- Which payment somebody was to be told of first: of many at once there comes one chat.
ALTER TABLE payments.untold ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY;
