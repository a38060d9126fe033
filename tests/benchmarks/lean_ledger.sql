-- As little as a ledger in SQL can do: whole minor units, no currencies, one UPDATE for both accounts, no
-- index but the keys. A function moves money between two accounts, a transaction a transfer.
CREATE TABLE account (
    id bigint PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0),
    version bigint NOT NULL DEFAULT 0
);
CREATE TABLE transfer (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    payer bigint NOT NULL REFERENCES account,
    payee bigint NOT NULL REFERENCES account,
    amount bigint NOT NULL CHECK (amount > 0),
    at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE entry (
    account_id bigint NOT NULL REFERENCES account,
    version bigint NOT NULL,
    transfer_id uuid NOT NULL REFERENCES transfer,
    amount bigint NOT NULL,
    balance bigint NOT NULL,
    PRIMARY KEY (account_id, version)
);

CREATE FUNCTION open_accounts(n bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO account SELECT one, 1000000000 FROM generate_series(1, n) AS one
$$;

CREATE FUNCTION create_transfer(p_payer bigint, p_payee bigint, p_amount bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    -- In one order, so that two transfers never wait for each other.
    PERFORM FROM account WHERE id IN (p_payer, p_payee) ORDER BY id FOR UPDATE;
    INSERT INTO transfer (payer, payee, amount) VALUES (p_payer, p_payee, p_amount)
        RETURNING id INTO made;
    WITH moved AS (
        UPDATE account SET version = version + 1,
            balance = balance + CASE WHEN id = p_payee THEN p_amount ELSE -p_amount END
        WHERE id IN (p_payer, p_payee) RETURNING id, version, balance
    )
    INSERT INTO entry SELECT id, version, made,
        CASE WHEN id = p_payee THEN p_amount ELSE -p_amount END, balance FROM moved;
    RETURN made;
END $$;
