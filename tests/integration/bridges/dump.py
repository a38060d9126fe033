
from tests.support.postgres import execute
def show(dsn, *qs):
    for q in qs:
        print(q)
        for r in execute(dsn, q): print("   ", str(r)[:600])
def dump(town):
    show(town.dsn, "SELECT seq,effect_id,received_at_ms%%10000000 FROM bridges.remote_inbox ORDER BY seq",
    "SELECT seq,event_id,effect_id,state,attempts,next_at_ms%%10000000 FROM bridges.remote_outbox ORDER BY seq",
    "SELECT seq,remote_id,at_ms%%10000000 FROM bridges.message ORDER BY seq",
    "SELECT prompt_id, event_id, remote_id, seq FROM bridges.prompt_open order by seq",
    "SELECT seq,state,event_id,effect_id,created_at_ms%%10000000,first_sent_at_ms%%10000000 FROM runtime.outbox ORDER BY seq",
    "SELECT seq,sender,event_id,event_type,state,received_at_ms%%10000000,(event->>'origin_server_ts')::bigint%%10000000,failures,waits_until_ms FROM runtime.inbox ORDER BY seq")
    show(town.house.dsn, "SELECT seq,sender,event_id,event_type,state,received_at_ms%%10000000,(event->>'origin_server_ts')::bigint%%10000000,left(event->'content'->>'ciphertext',12),failures,waits_until_ms FROM runtime.inbox ORDER BY seq",
    "SELECT seq,event_type,relation,state,failure,event_id,created_at_ms%%10000000,first_sent_at_ms%%10000000,attempts FROM runtime.outbox ORDER BY seq")
