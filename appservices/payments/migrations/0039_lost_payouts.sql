-- A line that went out by an order that a restored backup has forgotten: whose order it was approves
-- it again ('charge'), or the institution bears it ('loss').
ALTER TABLE payments.suspense_order
    DROP CONSTRAINT suspense_order_kind_check,
    ADD CONSTRAINT suspense_order_kind_check
        CHECK (kind IN ('assign', 'return', 'match', 'charge', 'loss'));
