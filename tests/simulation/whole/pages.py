"""The wallet page of a person of a world: what they do there while they chat with the bot, too.

Signed in they are from the beginning: links and codes have worlds of their own
(``tests/integration/appservices/widgets/test_sessions.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.simulation.whole.institution import CURRENCY
from veche.access.sessions import store
from veche.access.sessions.core import Agent, Level, Session, token_hash
from veche.protocol.ids import UserId, derived_ulid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.whole.people import Person
    from veche.runtime.database import Cursor

WALLET: Final = "/_veche/wallet/v1"
HISTORY: Final = f"currency={CURRENCY}&first=2026-11-01&last=2026-12-31"
SESSION_MS: Final = 8 * 3_600_000
TOKEN_CHARACTERS: Final = 43
DONE: Final = (200, 201, 204)
REFUSED: Final = (403, 404, 409, 410, 422)
"""By rules, by the state of what is asked about, or since it is there no more."""
TWICE: Final = 0.2


@attrs.define(eq=False)
class Page:
    """Of one person."""

    person: Person
    _keys: int = 0

    @property
    def token(self) -> str:
        """By which its session is known."""
        return f"page-{self.person.number}".ljust(TOKEN_CHARACTERS, "p")

    def sign_in(self, txn: Cursor, at_ms: int) -> None:
        """Have a session."""
        hashed = token_hash(self.token)
        assert hashed is not None
        user = UserId(self.person.user)
        id_ = derived_ulid(at_ms, "session", user)
        session = Session(id_, user, Level.ROOM, None, Agent(), at_ms, at_ms, at_ms + SESSION_MS)
        store.add_session(txn, session, hashed)

    def act(self, others: Sequence[str]) -> None:
        """Want something.

        Args:
            others: Whom they may want to pay.
        """
        chance = self.person.chance
        deeds = (
            self._pay(chance.choice(others)),
            self._pay(chance.choice(others)),
            self._stop(),
            self._end_mandate(),
            self._end_allowance(),
            self._limit(),
            self._freeze(),
        )
        chosen = chance.choice(deeds)
        for one in deeds:
            if one is not chosen:
                one.close()
        self.person.begin(chosen)

    async def check(self) -> None:
        """Find what the page says of the money as the ledger has it, when nothing moves."""
        wallet = await self._ask("GET", "/wallet")
        history = await self._ask("GET", f"/history?{HISTORY}")
        if wallet is None or history is None:
            self.person.problems.append(f"{self.person.user} has no page any more")
            return
        [balance] = wallet["balances"]
        said = (balance["available"]["minor"], balance["held"]["minor"])
        rows = self.person.institution.database.rows(
            "SELECT (l.credits_posted - l.debits_posted - l.debits_pending)::bigint,"
            " l.debits_pending FROM ledger.account AS l JOIN payments.account AS a ON a.id = l.id"
            " JOIN payments.holder AS h ON h.id = a.holder WHERE h.mark = %s",
            self.person.institution.vault.mark(self.person.user),
        )
        if said != (rows[0] if rows else (0, 0)):
            self.person.problems.append(f"{self.person.user} has {rows}, the page says {said}")

    async def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Body of the answer; None if it is refused."""
        whole = {"Authorization": f"Bearer {self.token}", **headers}
        status, answer = await self.person.ask(method, WALLET + path, body, **whole)
        if status not in (*DONE, *REFUSED):
            self.person.problems.append(f"{method} {path} is answered {status} {answer}")
        return (answer or {}) if status in DONE else None

    async def _pay(self, whom: str) -> None:
        amount = f"{self.person.chance.randrange(1, 40)}.50"
        body = {"payee": whom, "amount": amount, "currency": CURRENCY, "reference": "rent"}
        self._keys += 1
        key = {"Idempotency-Key": f"{self.person.user}-{self._keys}"}
        made = await self._ask("POST", "/payments", body, **key)
        if self.person.chance.random() < TWICE:
            again = await self._ask("POST", "/payments", body, **key)
            if made is not None and (again is None or again["id"] != made["id"]):
                self.person.problems.append(f"one key of a page: {made}, then {again}")
        if made is not None and made["asked"] is not None:
            await self.person.approve(made["asked"])

    async def _stop(self) -> None:
        wallet = await self._ask("GET", "/wallet")
        if wallet is not None and wallet["open"]:
            one = self.person.chance.choice(wallet["open"])
            await self._ask("POST", f"/payments/{one['id']}/stop", {})

    async def _end_mandate(self) -> None:
        wallet = await self._ask("GET", "/wallet")
        if wallet is not None and wallet["mandates"]:
            one = self.person.chance.choice(wallet["mandates"])
            choice = self.person.chance.choice(("pause", "resume", "revoke"))
            await self._ask("POST", f"/mandates/{one['id']}/{choice}", {})

    async def _end_allowance(self) -> None:
        trust = await self._ask("GET", "/trust")
        if trust is not None and trust["allowances"]:
            one = self.person.chance.choice(trust["allowances"])
            await self._ask("POST", f"/allowances/{one['id']}/end", {})

    async def _limit(self) -> None:
        minor = self.person.chance.randrange(2_000, 20_000)
        await self._ask("POST", "/limits", {"kind": "day", "minor": minor, "currency": CURRENCY})

    async def _freeze(self) -> None:
        """And go on soon after, once the key has said so."""
        await self._ask("POST", "/freeze", {})
        await self._ask("POST", "/unfreeze", {})
        wallet = await self._ask("GET", "/wallet")
        if wallet is not None and wallet["unfreeze"] is not None:
            await self.person.approve(wallet["unfreeze"])
