from __future__ import annotations
import collections, itertools, os, random, time
import pytest
from twisted.internet.defer import gatherResults, ensureDeferred
from twisted.internet.threads import deferToThread
from tests.integration.appservices.signing.test_zz_fuzz import *
from tests.integration.appservices.signing.test_zz_fuzz import FuzzTests as Base
from veche.documents.signatures.report import Verdict

class PairTests(Base):
    test_fuzz = None
    def call_delegate(self, page, key, to):
        body = {"party": page.party} if to is None else {"party": page.party, "to": to}
        path = f"/sessions/{page.session}/delegate"
        asked = page.call("POST", f"{path}/ask", body)
        if asked.status != 200: return lambda: asked
        signed = key.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
        told = {"party": page.party, "approval": signed, **({"to": to} if to else {})}
        return lambda: page.call("POST", path, told)
    def sign_later(self, page, key, fk=None):
        fk = fk or FreshKey(); v = page.view(); issued = page.certificate(fk, key)
        if issued.status != 200: return lambda: issued
        b = page.revision(v, page.document(v), fk, issued.body)
        def go():
            for _ in range(4):
                a = page.hand_in(nb[0])
                if a.status == 409 and a.body["errcode"] == "ORG.VECHE.STALE_REVISION":
                    v2 = page.view(); nb[0] = page.revision(v2, page.document(v2), fk, issued.body); continue
                return a
            return a
        nb = [b]
        return go
    def cert_later(self, page, key):
        fk = FreshKey(); asked = page.ask(level="S2", key=fk.id)
        if asked.status != 200: return lambda: asked
        signed = key.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
        return lambda: page.certify(fk, signed)
    def decline_later(self, page, key):
        from tests.support.keys import decline_of
        asked = page.ask(level="S2", key=FreshKey().id, is_refusal=True)
        if asked.status != 200: return lambda: asked
        body = {"party": page.party, "reason_code": "other", "reason": "", "approval": key.signed(decline_of(asked.body["asked"], asked.body["now_ms"]))}
        return lambda: page.call("POST", f"/sessions/{page.session}/decline", body)
    async def one(self, seed):
        rnd = random.Random(seed); log = []
        k = rnd.choice([1, 2, 2, 3]); people = rnd.sample([ALICE, BOB, DAVE], k)
        inv = [Invited(f"p{i}", Role.SIGNER, p, NAMES[p]) for i, p in enumerate(people, 1)]
        need = rnd.choice([None, 1])
        def work(txn):
            scene = self.scene_of(txn)
            order = Order(requester=CAROL, requester_name="Carol Clark", title="Lease", filename="lease.pdf", invited=inv, stages=[Stage(tuple(i.id for i in inv), need)], may_delegate=True, room_id=self.room(CAROL))
            s = drafting.make(scene, order); names = [n for one in s.members for n in fields_of(s, one)]
            return drafting.send(scene, drafting.freeze(scene, s, with_boxes(PDF, names)))
        sid = self.run_now(work).id
        try:
            for _ in range(rnd.randint(1, 3)):
                s = self.read(sid); ops = []
                acts = rnd.choices(["sign", "sign", "decline", "delegate", "back", "cert", "cancel", "expire", "lapse", "revoke", "signsame"], k=rnd.choice([2, 2, 3]))
                for a in acts:
                    m = rnd.choice(s.members); page = self.page(s, m.id); key = self.keys[m.person]
                    log.append((a, m.id))
                    if a == "sign": ops.append((a, m.id, await self.away(self.sign_later, page, key)))
                    elif a == "signsame":
                        f = await self.away(self.sign_later, page, key); ops += [(a, m.id, f), (a, m.id, f)]
                    elif a == "cert": ops.append((a, m.id, await self.away(self.cert_later, page, key)))
                    elif a == "decline": ops.append((a, m.id, await self.away(self.decline_later, page, key)))
                    elif a == "delegate": ops.append((a, m.id, await self.away(self.call_delegate, page, key, rnd.choice(PEOPLE))))
                    elif a == "back": ops.append((a, m.id, await self.away(self.call_delegate, page, key, None)))
                    elif a in ("cancel", "expire"): ops.append((a, "", lambda a=a: self.step(sid, acting.cancelled if a == "cancel" else acting.expired)))
                    elif a == "lapse": ops.append((a, m.id, lambda m=m: self.step(sid, lambda sc, z: acting.lapsed(sc, z, m.id))))
                    elif a == "revoke":
                        person = m.person
                        ops.append((a, m.id, lambda p=person, key=key: (self.run_now(lambda txn: self.host.approvals.revoke(txn, p, key.id, self.host.now_ms())), self.gone.append((p, key)))))
                rows = {p: 1 for p, in self.rows("SELECT party FROM signing.signature WHERE session_id=%s", sid)}
                got = await gatherResults([deferToThread(f) for _, _, f in ops])
                log.append([(a, p, getattr(g, "status", g), getattr(g, "body", {}).get("errcode") if hasattr(g, "body") and isinstance(g.body, dict) else None) for (a, p, _), g in zip(ops, got)])
                for (a, p, _), g in zip(ops, got):
                    st = getattr(g, "status", 0); stat[a, st, g.body.get("errcode") if st not in (0, 200) else None] += 1
                    assert st < 500, g
                for p, key in self.gone:
                    if self.keys.get(p) is key:
                        self.keys[p] = BrowserKey(); kk = kept_key(p, self.keys[p]); self.run_now(lambda txn: kstore.add_key(txn, kk))
                after = [p for p, in self.rows("SELECT party FROM signing.signature WHERE session_id=%s", sid)]
                assert len(after) == len(set(after)) and set(rows) <= set(after)
                s2 = self.read(sid)
                assert sorted(after) == sorted(m.id for m in s2.members if m.party.state.value == "signed")
                news = set(after) - set(rows)
                oks = {p for (a, p, _), g in zip(ops, got) if a in ("sign", "signsame") and getattr(g, "status", 0) == 200}
                assert news <= oks and oks <= set(after), (news, oks, after)
                dl = [m.delegated_to for m in s2.members if m.delegated_to]
                assert len(dl) == len(set(dl)) and all(s2.member(d) for d in dl)
                per = [m.person for m in s2.members]; assert len(per) == len(set(per)), per
                for m in s2.members: assert bool(m.delegated_to) == (m.party.state.value == "delegated")
                if rnd.random() < .5: await self.settle()
                if s2.state is not State.OPEN: break
            await self.settle()
            s = self.read(sid)
            mod = Model.__new__(Model); mod.m = {m.id: M(m.id, m.party.role, m.person, Level.ADVANCED, state=m.party.state.value) for m in s.members}
            mod.state = "open" if s.state is State.OPEN else "over"
            await self.end(sid, mod)
        except BaseException:
            print("SEED", seed); print(*log, sep="\n"); raise
    async def test_pairs(self):
        self.gone = []; self.revoked_keys = {}; self.ident = {}
        s = int(os.environ.get("SEED0", "0")); t = time.time(); n = 0
        while time.time() - t < float(os.environ.get("SECS", "60")):
            await self.one(s); s += 1; n += 1
        print("RUNS", n); [print(k, v) for k, v in sorted(stat.items(), key=str)]
    test_pairs.timeout = 3000
del FuzzTests, Base
