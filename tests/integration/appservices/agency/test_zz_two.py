from __future__ import annotations
import collections, os, random, threading, time, json
import psycopg2, pytest
from tests.integration.appservices.agency.town import *
from tests.integration.appservices.agency.town import _Client
from tests.support.postgres import database
from veche.runtime.database import connect
pytestmark = pytest.mark.postgres
stat = collections.Counter()

def inbound(town, room, sender, content, n):
    return Inbound(bot=BOT, room_id=room, event_id=EventId(f"$par{n}"), sender=sender, event_type="m.room.message", content=content, trust=Trust.VERIFIED, standing=DeviceStanding.VERIFIED, at_ms=town.now_ms, state_key=None)

def pressing(q, choice, **data):
    a = {"v": 1, "prompt": q.prompt["id"], "choice": choice}
    if data: a["data"] = data
    return {"msgtype": "m.text", "body": choice, "org.veche.answer": a, "m.relates_to": {"rel_type": "m.reference", "event_id": q.event_id}}

def together(town, agencies, todo, rnd):
    """Each in a thread with a connection of its own; retried as the inbox does."""
    bar = threading.Barrier(len(todo)); errs = []
    def go(i, one):
        c = connect(town.dsn)
        try:
            bar.wait(5)
            for t in range(5):
                try:
                    with c, c.cursor() as txn: agencies[i % 2].receive(txn, one)
                    return
                except (psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure) as e:
                    stat[type(e).__name__] += 1; c.rollback()
                except psycopg2.errors.UniqueViolation as e:
                    stat["unique " + str(e).split('"')[1]] += 1; c.rollback()
            errs.append("gave up")
        except BaseException as e: errs.append(repr(e))
        finally: c.close()
    ts = [threading.Thread(target=go, args=(i, o)) for i, o in enumerate(todo)]
    [t.start() for t in ts]; [t.join(30) for t in ts]
    assert not errs, errs
    town.now_ms += 1000
    town.settle()

def hist(town):
    [(k,)] = town.sql("SELECT kept FROM agency.case_file WHERE person = %s ORDER BY opened_at_ms DESC LIMIT 1", ALICE)
    return k

def test_two(tmp_path):
    t0 = time.time(); seed = int(os.environ.get("SEED0", "0")); runs = 0; N = 0
    while time.time() - t0 < float(os.environ.get("SECS", "60")):
        with database(*SETS) as dsn:
            town = Town(dsn, tmp_path)
            other = Town(dsn, tmp_path)
            agencies = [town.agency, other.agency]
            try:
                rnd = random.Random(seed); log = []
                town.submitted()
                for _ in range(25):
                    c = town.case(); desk = town.desk()
                    todo = []
                    before = hist(town)
                    topics = town.open_topics()
                    qs = {t: town.question(t) for t in set(topics)}
                    for _ in range(rnd.choice([2, 2, 3])):
                        N += 1
                        acts = [(c.room, ALICE, {"msgtype": "m.text", "body": b}) for b in ("!human When?", "!why", "status")]
                        if "withdraw" in qs and rnd.random() < .4: acts += [(c.room, ALICE, pressing(qs["withdraw"], "withdraw"))] * 2
                        if "claim" in qs: acts += [(desk, w, pressing(qs["claim"], "claim")) for w in (CAROL, DAVE, HENRIETTE)] * 3
                        if "decide" in qs: 
                            acts += [(desk, w, pressing(qs["decide"], ch)) for w in (CAROL, DAVE, HENRIETTE) for ch in ("approve", "approve", "return", "flag.name_mismatch", "flag.name_mismatch", "unflag.name_mismatch")]
                            acts += [(desk, w, pressing(qs["decide"], "refuse", reason="not_found", text="No such child.")) for w in (CAROL, DAVE)] * 2
                            acts += [(desk, w, pressing(qs["decide"], "ask_more", text="Which?")) for w in (CAROL, DAVE)]
                        if "write" in qs: acts += [(desk, w, {"msgtype": "m.text", "body": b}) for w in (CAROL, DAVE) for b in ("1", "skip", "No such child.", "submit", "submit", "cancel")] * 2
                        if "reply" in qs: acts += [(desk, w, {"msgtype": "m.text", "body": "Tomorrow.", "m.relates_to": {"m.in_reply_to": {"event_id": qs["reply"].event_id}}}) for w in (CAROL, DAVE)]
                        if "more" in qs: acts += [(c.room, ALICE, {"msgtype": "m.text", "body": "Here."}), (c.room, ALICE, {"msgtype": "m.text", "body": "submit"})]*2
                        acts += [(desk, rnd.choice([CAROL, DAVE, HENRIETTE]), {"msgtype": "m.text", "body": f"assign {rnd.choice(['carol','dave'])}", "m.relates_to": {"rel_type": "m.thread", "event_id": f"${c.desk_effect}"}})]
                        r, w, body = rnd.choice(acts)
                        todo.append(inbound(town, r, w, body, N))
                        log.append((w, body.get("org.veche.answer", {}).get("choice") or body["body"]))
                        if rnd.random() < .35: N += 1; todo.append(inbound(town, r, w, body, N)); log.append("twice")
                    log.append("--")
                    together(town, agencies, todo, rnd)
                    k = hist(town)
                    ends = [h for h in k["history"] if h["what"] in ("approved", "refused", "withdrawn")] if "what" in k["history"][0] else k["history"]
                    stat[town.case().state] += 1
                    if town.case().state in ("served", "decided_no", "withdrawn"): break
                k = hist(town)
                whats = collections.Counter(h.get("what") or h.get("happened") for h in k["history"])
                assert whats["approved"] + whats["refused"] + whats["withdrawn"] <= 1, (whats)
                if town.case().state == "decided_no": assert whats["refused"] == 1
                if whats["approved_first"]: 
                    stat["first"] += 1
                if town.case().state == "served":
                    assert whats["approved"] == 1
                    docs = [x for x in town.said if x.content.get("msgtype") == "m.file"]
                    assert len(docs) == 1, len(docs)
                opens = town.open_topics()
                assert len([t for t in opens if t in ("claim", "decide")]) <= 1, opens
                # every act: exactly one
                n = town.sql("SELECT count(*), count(DISTINCT n) FROM runtime.act") if False else None
            except BaseException:
                print("SEED", seed); print(*log, sep="\n"); raise
            finally:
                town.close(); other.close()
        seed += 1; runs += 1
    print("RUNS", runs, N); [print(a, b) for a, b in sorted(stat.items())]
