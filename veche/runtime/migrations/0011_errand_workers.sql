-- Which process is at an errand: the number of an advisory lock that its session holds as long as it
-- lives. So what a process that is gone was at need not wait for its lease.
ALTER TABLE runtime.errand ADD COLUMN worker integer;
CREATE INDEX errand_at_work ON runtime.errand (worker) WHERE worker IS NOT NULL;
