-- By which approvals an attempt may move money: one whose key is revoked meanwhile moves nothing.
ALTER TABLE payments.attempt ADD COLUMN approved_by text[] NOT NULL DEFAULT '{}';
