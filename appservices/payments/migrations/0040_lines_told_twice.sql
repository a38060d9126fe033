-- A bank may tell the same money as the payments of a batch and as their sum. `batch` is what the sum
-- is called, `told_by` who had the line: lines of before count as told by both. A line that is told
-- again by another name moves nothing.
ALTER TABLE payments.bank_line
    ADD COLUMN batch text,
    ADD COLUMN told_by text NOT NULL DEFAULT 'both'
        CHECK (told_by IN ('advice', 'statement', 'both')),
    DROP CONSTRAINT bank_line_signed_minor_check,
    ADD CONSTRAINT bank_line_signed_minor_check CHECK (signed_minor <> 0 OR state = 'posted');
CREATE INDEX bank_line_batch ON payments.bank_line (bank, batch) WHERE batch IS NOT NULL;
