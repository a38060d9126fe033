-- Settling with a peer by an order to our bank: what the bank says of it.

ALTER TABLE payments.peer_settlement
    ADD COLUMN why text,
    DROP CONSTRAINT peer_settlement_state_check,
    ADD CONSTRAINT peer_settlement_state_check CHECK (
        state IN ('ordered', 'booked', 'refused', 'returned', 'conflict')
    );
