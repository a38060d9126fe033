from __future__ import annotations
import collections, os, random, time
import attrs
import pytest
from appservices.signing.core.evidence.checks import check_evidence, read_evidence
from appservices.signing.core.judged import judged
from appservices.signing.core.parties import Role, Stage
from appservices.signing.core.records import Level, fields_of
from appservices.signing.core.session import State
from appservices.signing.service import acting, drafting, certifying
from appservices.signing.service.drafting import Order
from appservices.signing.service.inviting import Invited
from appservices.signing.store import sessions
from tests.integration.appservices.signing.chats import DAVE, NAMES, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, kept_key
from tests.support.keys import BrowserKey, approval_of
from tests.support.sign_page import FreshKey, SignPage, ask_all
from tests.support.signing import with_boxes
from veche.access.approvals import store as kstore
from veche.protocol.errors import VecheError
from veche.protocol.inbound import DeviceStanding
from veche.documents.signatures.report import Verdict

pytestmark = pytest.mark.postgres
PEOPLE = [ALICE, BOB, CAROL, DAVE]
stat = collections.Counter()

@attrs.define
class M:
    id: str; role: Role; person: str; level: Level; of: str = ""; state: str = "waiting"; to: str = ""; mandate_key: str = ""; frm: str = ""; deadline: bool=False

class Model:
    def __init__(s, members, stages): 
        s.m = {x.id: x for x in members}; s.stages = [(list(a), n) for a, n in stages]; s.state = "open"; s.invite()
    def counted(s, p):
        return s.m[p].state == "signed" and all(w.state == "signed" for w in s.m.values() if w.of == p and w.state not in ("delegated",))
    def principals(s, st):
        return [p for p in s.stages[st][0] if s.m[p].role is not Role.WITNESS and s.m[p].state != "delegated"]
    def need(s, st):
        n = s.stages[st][1]
        return len(s.principals(st)) if n is None else n
    def satisfied(s, st): return sum(s.counted(p) for p in s.principals(st)) >= s.need(st)
    def able(s, p):
        ok = ("waiting","invited","viewed","signed")
        return s.m[p].state in ok and all(w.state in ok for w in s.m.values() if w.of == p and w.state != "delegated")
    def impossible(s, st): return sum(s.able(p) for p in s.principals(st)) < s.need(st)
    def open_stage(s):
        return next((i for i in range(len(s.stages)) if not s.satisfied(i)), None)
    def invite(s):
        st = s.open_stage()
        if st is None: return
        for p in s.stages[st][0]:
            x = s.m[p]
            if x.state == "waiting" and (not x.of or s.m[x.of].state == "signed"): x.state = "invited"
    def progress(s):
        st = s.open_stage()
        if st is None: s.state = "closed"
        elif s.impossible(st): s.state = "declined"
        else:
            for i in range(st):
                for p in s.stages[i][0]:
                    if s.m[p].state in ("waiting","invited","viewed"): s.m[p].state = "excused"
            s.invite()
    def can(s, p): return s.state == "open" and s.m[p].state in ("invited","viewed")

class FuzzTests(ChatSite):
    def setUp(self):
        super().setUp()
        self.keys[DAVE] = BrowserKey()
        ks, self.keys = self.keys, {DAVE: self.keys[DAVE]}
        self.run_now(self._enrol); self.keys = ks
        self.chat(*PEOPLE)
        self.revoked = []
        import veche.runtime.web.limits as L
        self.patch(L.Buckets, "spend", lambda *a, **k: 0)
        self.patch(certifying, "CERTIFICATES_PER_HOUR_MAX", 10**6)

    def make(self, rnd):
        n = rnd.randint(1, 4)
        people = rnd.sample(PEOPLE, n)
        inv, mem = [], []
        for i, person in enumerate(people, 1):
            role = rnd.choice([Role.SIGNER, Role.SIGNER, Role.APPROVER, Role.CLERK, Role.SIGNER])
            lv = {Role.APPROVER: rnd.choice([Level.APPROVAL, Level.CLICK])}.get(role, Level.ADVANCED)
            inv.append(Invited(f"p{i}", role, person, NAMES[person], level=lv))
            mem.append(M(f"p{i}", role, person, lv))
        if not any(x.role in (Role.SIGNER, Role.CLERK) for x in mem):
            inv[0] = attrs.evolve(inv[0], role=Role.SIGNER, level=Level.ADVANCED); mem[0].role = Role.SIGNER; mem[0].level = Level.ADVANCED
        ids = [x.id for x in mem]; rnd.shuffle(ids)
        cut = rnd.randint(0, len(ids)); groups = [g for g in (ids[:cut], ids[cut:]) if g]
        left = [p for p in PEOPLE if p not in people]
        if left and rnd.random() < .35:
            seen = rnd.choice([x for x in mem if x.role is Role.SIGNER] or [None])
            if seen:
                w = f"p{len(mem)+1}"; pw = rnd.choice(left)
                inv.append(Invited(w, Role.WITNESS, pw, NAMES[pw], of=seen.id, level=Level.ADVANCED)); mem.append(M(w, Role.WITNESS, pw, Level.ADVANCED, of=seen.id))
                next(g for g in groups if seen.id in g).append(w)
        stages = []
        for g in groups:
            k = sum(1 for p in g if next(x for x in mem if x.id == p).role is not Role.WITNESS)
            stages.append((g, rnd.choice([None, None, rnd.randint(1, k)])))
        may = rnd.random() < .7
        def work(txn):
            scene = self.scene_of(txn)
            order = Order(requester=CAROL, requester_name="Carol Clark", title="Lease", filename="lease.pdf", invited=inv,
                stages=[Stage(tuple(g), k) for g, k in stages], may_delegate=may, level_min=Level.CLICK, room_id=self.room(CAROL))
            s = drafting.make(scene, order)
            names = [n for one in s.members for n in fields_of(s, one)]
            s = drafting.freeze(scene, s, with_boxes(PDF, names))
            return drafting.send(scene, s)
        s = self.run_now(work)
        return s.id, Model(mem, stages), may

    def read(self, sid): return self.run_now(lambda txn: sessions.read(txn, self.parts.vault, sid))
    def step(self, sid, f):
        def work(txn):
            scene = self.scene_of(txn)
            s = sessions.lock(txn, self.parts.vault, sid)
            return f(scene, s)
        try: self.run_now(work); return True
        except VecheError as e: return type(e).__name__

    async def run_one(self, seed):
        rnd = random.Random(seed); log = []
        self.rows("DELETE FROM signing.mute RETURNING 1") if False else None; both = [self.make(rnd) for _ in range(rnd.choice([1, 2, 3]))]
        pend, bodies, approvals, mandates = [], [], [], []
        try:
            for _ in range(rnd.randint(10, 34)):
                sid, mod, may = rnd.choice(both)
                if rnd.random() < .35: await self.settle()
                op = rnd.choice(["sign"]*4 + ["code"]*4 + ["all"]*3 + ["identity"]*2 + ["cert"]*3 + ["hand"]*4 + ["replay", "cross", "cross", "decline", "delegate", "delegate","delegate", "back","back", "revoke", "enrol", "enrol", "extend", "remind", "cancel", "expire", "lapse", "oldmandate","view"])
                if op in ("cancel", "expire", "decline", "lapse","revoke") and rnd.random() < .6: continue
                x = rnd.choice(list(mod.m.values()))
                able = [q for q in mod.m.values() if mod.can(q.id)]
                if able and rnd.random() < .5: x = rnd.choice(able)
                log.append((op, sid[-4:], x.id))
                s = self.read(sid)
                if s.member(x.id) is None: raise AssertionError("lost member")
                page = self.page(s, x.id)
                own = self.keys.get(x.person); key = own
                # a delegate needs the mandate's key to count still
                let = not (x.frm and x.mandate_key in self.revoked)
                if op == "sign":
                    who = "own"
                    if rnd.random() < .25:
                        who = rnd.choice(["revoked", "other"])
                        key = rnd.choice(self.revoked_keys.get(x.person) or [BrowserKey()]) if who == "revoked" else self.keys.get(rnd.choice([p for p in PEOPLE if p != x.person])) or BrowserKey()
                    if key is None: key, who = BrowserKey(), "none"
                    expect = who == "own" and mod.can(x.id) and let
                    f = page.approve if x.level is not Level.ADVANCED else page.sign
                    if rnd.random() < .1: f, expect = (page.sign, expect) if x.level is not Level.ADVANCED else (page.approve, False)
                    if x.level is not Level.ADVANCED and f == page.sign: continue
                    a = await self.away(f, key)
                    ok = a.status == 200; stat[op, ok, None if ok else a.body.get("errcode")] += 1
                    assert ok == expect, (expect, a, who)
                    if ok: x.state = "signed"; mod.progress()
                elif op == "cert" and x.level is Level.ADVANCED and own:
                    fk = FreshKey(); asked = await self.away(page.ask, level="S2", key=fk.id)
                    if asked.status != 200:
                        stat[op, "ask", asked.body["errcode"]] += 1
                        assert not (mod.can(x.id) and let), asked; continue
                    signed = own.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
                    approvals.append((sid, x.id, fk, signed, x.person))
                    if rnd.random() < .8:
                        a = await self.away(page.certify, fk, signed)
                        ok = a.status == 200; stat[op, ok, None if ok else a.body.get("errcode")] += 1
                        assert ok == (mod.can(x.id) and let), a
                        if ok: pend.append((sid, x.id, fk, a.body, own.id, x.person))
                elif op == "hand" and pend:
                    psid, pid, fk, issued, kid, person = rnd.choice(pend)
                    mod = next(m for i, m, _ in both if i == psid); s2 = self.read(psid)
                    if pid not in mod.m or s2.member(pid) is None: continue
                    x = mod.m[pid]; pg = self.page(s2, pid); let = not (x.frm and x.mandate_key in self.revoked)
                    v = await self.away(pg.view)
                    if v["state"] in ("cancelled",) and "document" not in v: continue
                    try:
                        body = await self.away(lambda: pg.revision(v, pg.document(v), fk, issued))
                    except Exception as e:
                        stat[op, "page", type(e).__name__] += 1; continue
                    if rnd.random() < .2: # as another party
                        others = [m for m in mod.m.values() if m.id != pid]
                        if others:
                            o = rnd.choice(others); po = self.page(s2, o.id)
                            a = await self.away(po.hand_in, {**body, "party": o.id})
                            stat["hand_other", a.status] += 1
                            assert a.status != 200, ("signed as another", a)
                    a = await self.away(pg.hand_in, body)
                    ok = a.status == 200; stat[op, ok, None if ok else a.body.get("errcode")] += 1
                    newest = [q for q in pend if q[0] == psid and q[1] == pid and q[5] == person][-1]
                    expect = mod.can(pid) and let and kid not in self.revoked and person == x.person
                    if newest[2] is fk: assert ok == expect, (expect, a)
                    else: assert not (ok and not expect), a
                    if ok: x.state = "signed"; bodies.append((psid, pid, body)); mod.progress()
                elif op == "identity":
                    person = rnd.choice(PEOPLE); how = rnd.choice(["SAME", "SAME", "OTHER", "NONE"])
                    self.rows("INSERT INTO crypto.person (user_id, master_key, master_pinned) VALUES (%s, %s, 'key') ON CONFLICT (user_id) DO UPDATE SET master_key = EXCLUDED.master_key, master_pinned='key' RETURNING 1", person, {"SAME": "key", "OTHER": "evil", "NONE": None}[how])
                    self.ident[person] = how
                elif op == "code":
                    st = rnd.choice([DeviceStanding.VERIFIED]*3 + list(DeviceStanding)[:6]); person = rnd.choice([x.person]*4 + PEOPLE)
                    code = s.code if rnd.random() < .9 else f"{(int(s.code)+1)%10000:04}"
                    mine = [q for i, m2, _ in both for q in m2.m.values() if self.read(i).code == code and q.person == person and m2.can(q.id) and q.level is Level.CLICK and not (q.frm and q.mandate_key in self.revoked)]
                    older = 0
                    self.say(person, code, standing=st)
                    sure = st is DeviceStanding.VERIFIED and self.ident.get(person) == "SAME"
                    stat[op, sure, len(mine)] += 1
                    if sure and len(mine) == 1:
                        mine[0].state = "signed"; next(m2 for i, m2, _ in both if mine[0] in m2.m.values()).progress()
                elif op == "all" and self.keys.get(x.person):
                    person = x.person; key = self.keys[person]
                    todo = [(i, m2, q) for i, m2, _ in both for q in m2.m.values() if q.person == person and q.level is Level.ADVANCED]
                    if not todo: continue
                    pgs = [self.page(self.read(i), q.id) for i, m2, q in todo]; fk = FreshKey()
                    asked = await self.away(ask_all, pgs, fk)
                    good = [(i, m2, q, pg) for (i, m2, q), pg in zip(todo, pgs) if m2.can(q.id) and not (q.frm and q.mandate_key in self.revoked)]
                    if asked.status != 200:
                        stat[op, asked.body["errcode"]] += 1; assert not good, asked; continue
                    out = {o["session"] for o in asked.body["left_out"]}
                    stat[op, len(todo), len(out)] += 1
                    signed = key.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
                    hit = False
                    for (i, m2, q), pg in zip(todo, pgs):
                        if hit is False and rnd.random() < .15 and key.id not in self.revoked:
                            now = self.host.now_ms(); self.run_now(lambda txn: self.host.approvals.revoke(txn, person, key.id, now)); hit = True
                            self.revoked.append(key.id); self.revoked_keys.setdefault(person, []).append(key); self.keys.pop(person)
                        ok_now = m2.can(q.id) and not (q.frm and q.mandate_key in self.revoked) and key.id not in self.revoked and (i not in out)
                        a = await self.away(pg.certify, fk, signed)
                        assert (a.status == 200) == ok_now, (a, ok_now)
                        if a.status == 200:
                            pend.append((i, q.id, fk, a.body, key.id, person))
                            if rnd.random() < .7:
                                v = await self.away(pg.view); b = await self.away(lambda: pg.revision(v, pg.document(v), fk, a.body))
                                a = await self.away(pg.hand_in, b); assert a.status == 200, a
                                q.state = "signed"; m2.progress()
                elif op == "replay" and bodies:
                    psid, pid, body = rnd.choice(bodies); s2 = self.read(psid)
                    if s2.member(pid):
                        a = await self.away(self.page(s2, rnd.choice([pid, x.id if psid == sid else pid])).hand_in, body)
                        stat[op, a.status] += 1
                        assert a.status != 200, a
                elif op == "cross" and approvals:
                    asid, apid, fk, signed, person = rnd.choice(approvals)
                    if (asid, apid) == (sid, x.id): continue
                    a = await self.away(page.certify, fk, signed); stat[op, a.status, a.body.get("errcode")] += 1
                    assert a.status != 200, a
                    a = await self.away(page.call, "POST", f"/sessions/{sid}/signatures", {"party": x.id, "approval": signed})
                    assert a.status != 200, a
                    a = await self.away(page.call, "POST", f"/sessions/{sid}/decline", {"party": x.id, "reason_code": "other", "reason": "", "approval": signed})
                    assert a.status != 200, a
                elif op == "decline" and own:
                    k = own if rnd.random() < .7 else BrowserKey()
                    a = await self.away(page.decline, k, "other", "no")
                    ok = a.status == 200; stat[op, ok, None if ok else a.body.get("errcode")] += 1
                    assert ok == (mod.can(x.id) and k is own and let), a
                    if ok: x.state = "declined"; mod.progress()
                elif op == "delegate" and own:
                    to = rnd.choice(PEOPLE)
                    body = {"party": x.id, "to": to}; path = f"/sessions/{sid}/delegate"
                    asked = await self.away(page.call, "POST", f"{path}/ask", body)
                    can = mod.can(x.id) and may and not x.frm and let and all(m.person != to for m in mod.m.values())
                    if asked.status != 200:
                        stat[op, "ask", asked.body["errcode"]] += 1
                        assert not can, asked; continue
                    k = own if rnd.random() < .8 else BrowserKey()
                    signed = k.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
                    mandates.append((sid, x.id, signed, to, own.id))
                    a = await self.away(page.call, "POST", path, {**body, "approval": signed})
                    ok = a.status == 200; stat[op, ok, None if ok else a.body.get("errcode")] += 1
                    assert ok == (can and k is own), a
                    if ok:
                        s2 = self.read(sid); nid = s2.member(x.id).delegated_to
                        x.state = "delegated"; x.to = nid
                        mod.m[nid] = M(nid, x.role, to, x.level, of=x.of, state="invited", mandate_key=own.id, frm=x.id)
                        next(g for g, _ in mod.stages if x.id in g).append(nid)
                        for w in mod.m.values():
                            if w.of == x.id: w.of = nid
                elif op == "oldmandate" and mandates:
                    msid, mpid, signed, to, _ = rnd.choice(mandates)
                    if msid == sid and x.id == mpid: 
                        b = {"party": x.id, "to": to}
                    else: b = {"party": x.id, "to": to}
                    before = self.read(sid)
                    a = await self.away(page.call, "POST", f"/sessions/{sid}/delegate", {**b, "approval": signed})
                    stat[op, a.status, a.body.get("errcode")] += 1
                    assert a.status != 200 or self.read(sid).members == before.members, a
                elif op == "back" and own:
                    x = rnd.choice([m for m in mod.m.values() if m.to] or [x]); page = self.page(s, x.id); own = self.keys.get(x.person)
                    if not own: continue
                    path = f"/sessions/{sid}/delegate"
                    asked = await self.away(page.call, "POST", f"{path}/ask", {"party": x.id})
                    d = mod.m.get(x.to)
                    begun = bool(self.rows("SELECT 1 FROM signing.certificate WHERE session_id=%s AND party=%s", sid, x.to)) if d else False
                    can = mod.state == "open" and x.state == "delegated" and d is not None and d.state in ("invited", "viewed") and (not begun or d.mandate_key in self.revoked)
                    if asked.status != 200:
                        stat[op, "ask", asked.body["errcode"]] += 1
                        assert not can, asked; continue
                    signed = own.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
                    a = await self.away(page.call, "POST", path, {"party": x.id, "approval": signed})
                    ok = a.status == 200; stat[op, ok, None if ok else a.body.get("errcode")] += 1
                    assert ok == can, (a, begun)
                    if ok:
                        for g, _ in mod.stages:
                            if d.id in g: g.remove(d.id)
                        for w in mod.m.values():
                            if w.of == d.id: w.of = x.id
                        del mod.m[d.id]; x.to = ""; x.state = "viewed"
                elif op == "revoke":
                    person = rnd.choice(PEOPLE); k = self.keys.get(person)
                    if k:
                        now = self.host.now_ms(); self.run_now(lambda txn: self.host.approvals.revoke(txn, person, k.id, now))
                        self.revoked.append(k.id); self.revoked_keys.setdefault(person, []).append(k); self.keys.pop(person)
                elif op == "enrol":
                    person = rnd.choice(PEOPLE)
                    if person not in self.keys:
                        self.keys[person] = BrowserKey(); self.run_now(lambda txn: kstore.add_key(txn, kept_key(person, self.keys[person])))
                elif op == "extend":
                    r = self.step(sid, lambda sc, z: acting.extended(sc, z, z.deadline_at_ms + 1000))
                    assert (r is True) == (mod.state == "open"), r
                elif op == "remind":
                    self.step(sid, lambda sc, z: acting.reminded(sc, z))
                elif op == "view":
                    r = self.step(sid, lambda sc, z: acting.viewed(sc, z, x.id))
                    if r is True and mod.m[x.id].state == "invited": mod.m[x.id].state = "viewed"
                elif op == "cancel":
                    r = self.step(sid, acting.cancelled)
                    assert (r is True) == (mod.state == "open"), r
                    if r is True: mod.state = "cancelled"
                elif op == "expire":
                    r = self.step(sid, acting.expired)
                    if mod.state == "open": mod.state = "expired"
                elif op == "lapse":
                    was = x.state
                    self.step(sid, lambda sc, z: acting.lapsed(sc, z, x.id))
                    if mod.state == "open" and was in ("waiting", "invited", "viewed"): x.state = "lapsed"; mod.progress()
                for i, m, _ in both: self.check(i, m)
            await self.settle()
            for i, m, _ in both: self.check(i, m); await self.end(i, m)
        except BaseException:
            print("SEED", seed); print(*log, sep="\n"); raise

    def check(self, sid, mod):
        s = self.read(sid)
        got = {one.id: one.party.state.value for one in s.members}
        def norm(v): return "invited" if v == "viewed" else v
        want = {p: norm(m.state) for p, m in mod.m.items()}
        if mod.state == "open":
            assert {k: norm(v) for k, v in got.items()} == want, (got, want, mod.stages)
        else:
            assert {k for k, v in got.items() if v == "signed"} == {k for k, v in want.items() if v == "signed"}, (got, want)
        opened = s.state is State.OPEN
        assert opened == (mod.state == "open"), (s.state, mod.state)
        rows = self.rows("SELECT party FROM signing.signature WHERE session_id = %s", sid)
        assert sorted(p for p, in rows) == sorted(k for k, m in mod.m.items() if m.state == "signed"), rows
        for one in s.members: assert one.person == mod.m[one.id].person

    async def end(self, sid, mod):
        s = self.read(sid)
        if mod.state == "open": return
        signed = [m for m in mod.m.values() if m.state == "signed"]
        stat["end", mod.state, s.state.value, len(signed)] += 1
        if mod.state == "closed": assert s.state in (State.COMPLETED,) if hasattr(State, "COMPLETED") else True, s.state
        if not signed: return
        # what the requester got
        want = self.run_now(lambda txn: s.final_sha256)
        import hashlib
        got = [d for n, d in self.files(CAROL) if want and hashlib.sha256(d).digest() == want]
        infile = [m for m in signed if m.level is Level.ADVANCED]
        if want is None:
            stat["no final", mod.state, len(infile)] += 1
            assert not infile, (s.state, "no final file")
            return
        assert got, "requester has no file"
        pdf = got[0]
        rep = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        if infile: assert rep.verdict is Verdict.SEALED, rep
        assert sorted((x.field, x.account, x.name) for x in rep.signers) == sorted((s.member(m.id).field, m.person, NAMES[m.person]) for m in infile), rep
        evs = [d for n, d in self.files(CAROL)]
        found = None
        for d in evs:
            try: e = read_evidence(d)
            except Exception: continue
            if e.session == sid: found = e
        assert found is not None, "no evidence"
        assert check_evidence(found, pdf, rep) == [], check_evidence(found, pdf, rep)
        by = {p.party: p for p in found.parties}
        for m in mod.m.values():
            assert by[m.id].user == m.person and by[m.id].name == NAMES[m.person], (by[m.id], m)
            assert (by[m.id].state == "signed") == (m.state == "signed")
        stat["checked"] += 1

    async def test_fuzz(self):
        self.revoked_keys = {}; self.ident = {}
        s = int(os.environ.get("SEED0", "0")); t = time.time(); n = 0
        while time.time() - t < float(os.environ.get("SECS", "60")) and (not os.environ.get("N") or n < int(os.environ["N"])):
            if n % 10 == 0 and n: pass
            for p in PEOPLE:
                if p not in self.keys:
                    self.keys[p] = BrowserKey(); k = kept_key(p, self.keys[p]); self.run_now(lambda txn: kstore.add_key(txn, k))
            await self.run_one(s); s += 1; n += 1
        print("RUNS", n); [print(k, v) for k, v in sorted(stat.items(), key=str)]
    test_fuzz.timeout = 3000
