-- What an operator found out about a file of which its bank does not say that it has it.

ALTER TABLE payments.bank_file ADD COLUMN word text CHECK (word IN ('got', 'never-got'));
CREATE INDEX bank_file_waiting ON payments.bank_file (at_ms) WHERE NOT is_taken;
