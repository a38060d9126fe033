-- A ledger that lives in SQL, after the design of pgledger (github.com/pgr0ss/pgledger), which is in no
-- package registry: written anew, with the same work for each transfer. Text ids with a prefix, amounts
-- without a bound, accounts locked one by one in order, an UPDATE for each with its version and a check
-- by a function, one currency for both, a transfer with a time of its own and free data, two entries
-- with the balances before and after, and an index for each way to look them up.
--
-- Left out, which makes it faster than the original: the function around the list of transfers that
-- hands on a single one, ids in base 32 (here hex digits), a free column of accounts, views.
CREATE FUNCTION new_id(kind text) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT kind || '_' || replace(uuidv7()::text, '-', '')
$$;

CREATE TABLE account (
    id text PRIMARY KEY,
    name text NOT NULL,
    currency text NOT NULL,
    balance numeric NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    may_be_negative boolean NOT NULL,
    may_be_positive boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE transfer (
    id text PRIMARY KEY DEFAULT new_id('transfer'),
    payer text NOT NULL REFERENCES account,
    payee text NOT NULL REFERENCES account,
    amount numeric NOT NULL,
    created_at timestamptz NOT NULL,
    event_at timestamptz NOT NULL,
    data jsonb,
    CHECK (amount > 0 AND payer <> payee)
);
CREATE INDEX ON transfer (payer);
CREATE INDEX ON transfer (payee);
CREATE INDEX ON transfer (event_at);
CREATE TABLE entry (
    id text PRIMARY KEY DEFAULT new_id('entry'),
    account_id text NOT NULL REFERENCES account,
    transfer_id text NOT NULL REFERENCES transfer,
    amount numeric NOT NULL,
    balance_before numeric NOT NULL,
    balance_after numeric NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON entry (account_id);
CREATE INDEX ON entry (transfer_id);

CREATE FUNCTION account_id(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'account_' || lpad(to_hex(number), 32, '0')
$$;

CREATE FUNCTION open_accounts(n bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO account SELECT account_id(one), 'account ' || one, 'EUR', 1000000000, 0, FALSE, TRUE,
        now(), now() FROM generate_series(1, n) AS one
$$;

CREATE TYPE wanted AS (payer text, payee text, amount numeric);

CREATE FUNCTION refuse_balance(a account) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF a.balance < 0 AND NOT a.may_be_negative THEN
        RAISE EXCEPTION 'account % may not go below zero', a.id;
    END IF;
    IF a.balance > 0 AND NOT a.may_be_positive THEN
        RAISE EXCEPTION 'account % may not go above zero', a.id;
    END IF;
END $$;

CREATE FUNCTION create_transfers(
    requests wanted[], p_event_at timestamptz DEFAULT NULL, p_data jsonb DEFAULT NULL
) RETURNS SETOF transfer LANGUAGE plpgsql AS $$
DECLARE
    request wanted;
    locked text[] := '{}';
    one text;
    debited account;
    credited account;
    made text;
    all_made text[] := '{}';
BEGIN
    FOREACH request IN ARRAY requests LOOP
        locked := locked || request.payer || request.payee;
    END LOOP;
    -- In one order, so that two transfers never wait for each other.
    SELECT ARRAY(SELECT DISTINCT name FROM unnest(locked) AS name ORDER BY name) INTO locked;
    FOREACH one IN ARRAY locked LOOP
        PERFORM FROM account WHERE id = one FOR UPDATE;
    END LOOP;
    FOREACH request IN ARRAY requests LOOP
        IF request.amount <= 0 THEN
            RAISE EXCEPTION 'the amount is to be above zero';
        END IF;
        IF request.payer = request.payee THEN
            RAISE EXCEPTION 'payer and payee are the same';
        END IF;
        UPDATE account SET balance = balance - request.amount, version = version + 1,
            updated_at = now() WHERE id = request.payer RETURNING * INTO debited;
        PERFORM refuse_balance(debited);
        UPDATE account SET balance = balance + request.amount, version = version + 1,
            updated_at = now() WHERE id = request.payee RETURNING * INTO credited;
        PERFORM refuse_balance(credited);
        IF debited.currency <> credited.currency THEN
            RAISE EXCEPTION 'payer and payee have different currencies';
        END IF;
        INSERT INTO transfer (payer, payee, amount, created_at, event_at, data)
            VALUES (request.payer, request.payee, request.amount, now(),
                coalesce(p_event_at, now()), p_data) RETURNING id INTO made;
        all_made := all_made || made;
        INSERT INTO entry (account_id, transfer_id, amount, balance_before, balance_after, version,
            created_at) VALUES (request.payer, made, -request.amount,
            debited.balance + request.amount, debited.balance, debited.version, now());
        INSERT INTO entry (account_id, transfer_id, amount, balance_before, balance_after, version,
            created_at) VALUES (request.payee, made, request.amount,
            credited.balance - request.amount, credited.balance, credited.version, now());
    END LOOP;
    RETURN QUERY SELECT * FROM transfer WHERE id = ANY (all_made) ORDER BY id;
END $$;
