-- The numbers of the processes that live: of the advisory locks that their sessions hold.
CREATE FUNCTION runtime.living(lock bigint) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
    SELECT objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = lock AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
$$;

-- Which process is healing a bot. So what a process that is gone was at need not wait for its lease.
ALTER TABLE runtime.bot ADD COLUMN heal_worker integer;
