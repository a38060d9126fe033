"""A bank that tells the same money as the payments of a batch and as their sum, in any order."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import re
from typing import TYPE_CHECKING, Final, cast

import attrs
import pytest
from twisted.internet.defer import Deferred

from appservices.payments.banks.core.port import Entry, Statement
from appservices.payments.banks.core.told_xml import write_advice, write_statement
from appservices.payments.banks.service import suspense as orders
from appservices.payments.banks.service.filing import explain
from appservices.payments.banks.service.incoming import Incoming
from appservices.payments.banks.service.suspense import Note
from appservices.payments.banks.store import banks as store
from appservices.payments.banks.store import suspense
from appservices.payments.ledger.core import AccountCode
from tests.integration.appservices.payments.bank_rig import BANK, BOB, BankCase
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.banks.service import Bank
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

OTHER: Final = "other"
DAY: Final = dt.date(2026, 11, 2)
FORMS: Final = ("lines", "renamed", "batch", "bare batch", "sum", "renamed sum")
"""How a message tells payments: by themselves, or as a batch, with references or others."""
KNOWN_AGAIN: Final = {
    "lines": {"lines", "batch", "bare batch"},
    "renamed": {"renamed"},
    "batch": {*FORMS} - {"renamed"},
    "bare batch": {*FORMS} - {"renamed"},
    "sum": {"batch", "bare batch", "sum"},
    "renamed sum": {"batch", "bare batch", "renamed sum"},
}
"""After which statements an advice is known again: single lines by their names alone."""


def told(data: bytes, form: str, ref: str) -> bytes:
    """The message with its lines as one batch, if the form is one."""
    if "batch" not in form:
        return data
    text = re.sub(r">\s+<", "><", data.decode())
    lines = re.findall("<Ntry>.*?</Ntry>", text, re.DOTALL)
    details = "".join(re.findall("<TxDtls>.*?</TxDtls>", "".join(lines), re.DOTALL))
    total = sum(
        int(re.sub(r"\D", "", one)) for one in re.findall(r'<Amt Ccy="EUR">([\d.]+)<', text)
    )
    # Each line has its amount twice, and a statement its two balances.
    balances = [
        int(re.sub(r"\D", "", b)) for b in re.findall(r"<Bal>.*?>([\d.]+)<", text, re.DOTALL)
    ]
    amount = (total - sum(balances)) // 2
    head = re.sub(
        r'(<Ntry><Amt Ccy="EUR">)[\d.]+', rf"\g<1>{amount // 100}.{amount % 100:02}", lines[0]
    )
    whole = re.sub("<TxDtls>.*</TxDtls>", lambda _: details, head, flags=re.DOTALL)
    own = "" if form == "bare batch" else f"<AcctSvcrRef>{ref}</AcctSvcrRef>"
    whole = re.sub("<AcctSvcrRef>[^<]*</AcctSvcrRef><BkTxCd>", f"{own}<BkTxCd>", whole, count=1)
    return text.replace("".join(lines), whole).encode()


def lines_of(form: str, lines: Sequence[Entry], ref: str) -> Sequence[Entry]:
    """The lines that a message in the form has, before they are made a batch."""
    if form == "renamed":
        return [attrs.evolve(one, key=f"{one.key}-other") for one in lines]
    if "sum" in form:
        key = ref if form == "sum" else f"{ref}-other"
        first = lines[0]
        total = sum(one.amount_minor for one in lines)
        return [Entry(key, total, first.is_credit, "EUR", first.booked_on)]
    return lines


def is_known(advice: str, statement: str, is_advice_first: bool) -> bool:
    """Whether what is told twice in these forms is known again."""
    is_sum_first = "sum" in advice and statement in {"lines", "renamed"}
    return statement in KNOWN_AGAIN[advice] or (is_advice_first and not is_sum_first)


class TestToldTwice(BankCase):
    def test_money_that_is_told_twice_is_booked_once_and_the_days_add_up(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._rounds())

    def test_what_is_not_known_again_is_settled_by_one_command_of_the_operator(
        self,
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._commands())

    def test_a_batch_whose_sum_is_not_that_of_its_payments_is_booked_once_and_said(
        self,
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._other_sums())

    def test_a_line_that_is_told_again_with_another_amount_is_settled_by_the_command(
        self,
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._changed())

    async def _changed(self) -> None:
        await self._begin_other()
        chance = random.Random(3)  # noqa: S311 -- no secret
        for number, (is_advice_first, more) in enumerate(itertools.product((True, False), (7, -1))):
            lines = self._lines(number, chance)
            last = attrs.evolve(lines[-1], amount_minor=lines[-1].amount_minor + 10)
            lines = [*lines[:-1], last]
            extra, _, stated = self._messages(number, lines, ("lines", "lines"))
            changed = attrs.evolve(last, amount_minor=last.amount_minor + more)
            advice = write_advice(f"C{number}", BOB.account, [changed], self.at_ms).data
            for data in (advice, stated) if is_advice_first else (stated, advice):
                await self.run_txn(self._hear, data)
            await self.run_txn(self._hear, extra)
            await self.until_quiet()
            about = (number, is_advice_first, more)
            alarms = await self.run_txn(store.alarms, OTHER)
            assert any(key == last.key and "another content" in why for key, why in alarms), about
            if is_advice_first:
                assert (await self.days())[-1] == (-more if last.is_credit else more), about
                await self._is_settled(about)
            else:  # what the statement had is right
                assert (await self.days())[-1] == 0, about

    async def _other_sums(self) -> None:
        await self._begin_other()
        chance = random.Random(5)  # noqa: S311 -- no secret
        for number, (is_advice_first, more) in enumerate(itertools.product((True, False), (7, 1))):
            lines = self._lines(number, chance)
            first = attrs.evolve(lines[0], amount_minor=lines[0].amount_minor + more)
            extra, _, stated = self._messages(number, lines, ("batch", "sum"))
            wrong = [first, *lines[1:]]
            advice = write_advice(f"W{number}", BOB.account, wrong, self.at_ms).data
            files = (told(advice, "batch", f"B{number}"), stated)
            for data in files if is_advice_first else files[::-1]:
                await self.run_txn(self._hear, data)
                await self.run_txn(self._hear, data)
            await self.run_txn(self._hear, extra)
            await self.until_quiet()
            side = 1 if first.is_credit else -1
            about, off = (number, is_advice_first, more), -side * (more)
            alarms = [
                one for one in await self.run_txn(store.alarms, OTHER) if "another sum" in one[1]
            ]
            assert alarms[-1][0] == f"B{number}", about
            assert f"{off:+} minor units" in alarms[-1][1], about
            booked = self.rows(
                "SELECT sum(signed_minor)::bigint FROM payments.bank_line WHERE booked_on = %s",
                first.booked_on,
            )
            right = sum(one.signed_minor for one in lines) + 501 + number
            assert booked == [(right - off,)], about
            if not is_advice_first:
                day = first.booked_on + dt.timedelta(hours=24)
                await self.run_txn(self._hear, self._closed(f"E{number}", day))
            assert (await self.days())[-1] == off, about
            await self._is_settled(about)

    async def _commands(self) -> None:
        await self._begin_other()
        every = itertools.product(FORMS, FORMS, (True, False))
        unknown = [one for one in every if not is_known(*one)]
        assert len(unknown) > 10
        chance = random.Random(11)  # noqa: S311 -- no secret
        for number, (advice, statement, is_advice_first) in enumerate(unknown):
            lines = self._lines(number, chance)
            about = (number, advice, statement, is_advice_first)
            extra, first, second = self._messages(number, lines, (advice, statement))
            for data in (first, second) if is_advice_first else (second, first):
                await self.run_txn(self._hear, data)
            await self.run_txn(self._hear, extra)
            await self.until_quiet()
            if not is_advice_first:
                # Only the end of the next day finds what came after the statement.
                day = lines[0].booked_on + dt.timedelta(hours=24)
                await self.run_txn(self._hear, self._closed(f"E{number}", day))
            await self._is_settled(about)
            await self._match_twins(lines, about)
        assert self.matched > len(unknown) // 3

    async def _is_settled(self, about: object) -> None:
        """Payouts are stopped; the alarm names the command, after which the next day adds up."""
        difference = (await self.days())[-1]
        assert difference, about
        stopped = "SELECT stopped_at_ms IS NOT NULL FROM payments.bank WHERE name = %s"
        assert self.rows(stopped, OTHER) == [(True,)], about
        problem = (await self.run_txn(store.alarms, OTHER))[-1][1]
        assert f"{difference:+} minor units" in problem
        assert f"veche ledger resume {OTHER} --suspense" in problem
        words = self.desk.vault.seal({"text": "told twice"})
        await self.run_txn(explain, OTHER, words, self.home.now_ms())

        async def goes_on() -> bool:
            return self.rows(stopped, OTHER) == [(False,)]

        await self.until(goes_on, "payouts do not go on")
        await self.until_quiet()
        self.ends += 1
        day = self.rows("SELECT max(day) FROM payments.bank_day")[0][0] + dt.timedelta(days=1)
        await self.run_txn(self._hear, self._closed(f"N{self.ends}", day))
        assert (await self.days())[-2:] == [0, 0], about
        assert self.rows(stopped, OTHER) == [(False,)], about
        lines = await self.run_txn(suspense.lines)
        assert lines[-1].key.startswith("difference "), about
        assert lines[-1].signed_minor == difference, about
        # With nothing else in suspense by hand, an operator can decide about each line.
        assert await self.run_txn(suspense.settled_by_hand, lines[-1].ledger) == 0

    async def _match_twins(self, lines: Sequence[Entry], about: object) -> None:
        """What is in suspense twice and the difference settle one another, by the command."""
        found = await self.run_txn(suspense.lines)
        difference, day = found[-1], lines[0].booked_on
        twins = [one for one in found[:-1] if one.booked_on == day]
        sets = (part for n in range(len(twins)) for part in itertools.combinations(twins, n + 1))
        fits = (p for p in sets if sum(o.signed_minor for o in p) == -difference.signed_minor)
        parts = next(fits, None)
        if parts is None:
            return  # some of it was credited to Alice: she approves it, or the institution bears it
        self.matched += 1
        settled = [difference, *parts]
        note = Note("told twice", "operator")
        await self.run_txn(
            lambda txn: orders.match(txn, self.desk.vault, settled, note, self.home.now_ms())
        )
        left = {one.key for one in await self.run_txn(suspense.lines)}
        assert left.isdisjoint(one.key for one in settled), about
        assert await self.run_txn(suspense.settled_by_hand, difference.ledger) == 0, about

    async def _rounds(self) -> None:
        await self._begin_other()
        chance = random.Random(7)  # noqa: S311 -- no secret
        pairs = [one for one in itertools.product(FORMS, FORMS, (True, False)) if is_known(*one)]
        for number, (advice, statement, is_advice_first) in enumerate(pairs):
            await self._round(number, (advice, statement), chance, is_advice_first=is_advice_first)

    async def _begin_other(self) -> None:
        """Another bank, which these tests are."""
        banks = cast("dict[str, Bank]", self.desk.banks)
        banks[OTHER] = attrs.evolve(banks[BANK], name=OTHER, own=BOB)
        await self.run_txn(
            lambda txn: store.keep_bank(txn, OTHER, BOB.account, store.ledger_of(txn, BANK))
        )
        self.at_ms = at_ms = self.home.now_ms()
        self.reference = await self.run_txn(
            self.banking.expect, OTHER, self.account, derived_ulid(at_ms, "top-up", 1), at_ms
        )
        self.closing = 0
        self.wallet = 0
        self.ends = 0
        self.matched = 0

    async def _round(
        self,
        number: int,
        forms: tuple[str, str],
        chance: random.Random,
        *,
        is_advice_first: bool,
    ) -> None:
        lines = self._lines(number, chance)
        day, is_in, known = lines[0].booked_on, lines[0].is_credit, lines[0].amount_minor
        extra, first, second = self._messages(number, lines, forms)
        files = [extra, first, second] if is_advice_first else [extra, second, first]
        for data in [*files, *files]:
            await self.run_txn(self._hear, data)
            if number % 2:
                await self.until_quiet()
        await self.until_quiet()

        columns = "key, signed_minor, state, batch, told_by"
        rows = self.rows(f"SELECT {columns} FROM payments.bank_line WHERE booked_on = %s", day)  # noqa: S608 -- a constant
        about = (number, forms, is_advice_first, rows)
        is_single = not {"lines", "renamed", "batch", "bare batch"}.isdisjoint(forms)
        self.wallet += known if is_in and is_single else 0
        assert await self.days() == [0] * (number + 1), about
        assert self.balance(AccountCode.WALLET) == self.wallet, about
        assert self.balance(AccountCode.SUSPENSE) == self.closing - self.wallet, about
        [(open_minor,)] = self.rows(
            "SELECT coalesce(sum(signed_minor), 0)::bigint FROM payments.bank_line"
            " WHERE state = 'suspense'"
        )
        assert open_minor == self.closing - self.wallet, about

    def _lines(self, number: int, chance: random.Random) -> list[Entry]:
        """What is booked on a day; of what comes in, one is a top-up of Alice's."""
        day, ref, is_in = DAY + dt.timedelta(days=3 * number), f"B{number}", number % 3 != 0
        reference = self.reference if is_in else ""
        known = Entry(f"{ref}-0", chance.randint(1, 500), is_in, "EUR", day, reference=reference)
        return [known] + [
            Entry(f"{ref}-{at}", chance.randint(1, 500), is_in, "EUR", day, text=f"hello {at}")
            for at in range(1, chance.randint(2, 4))
        ]

    def _closed(self, name: str, day: dt.date) -> bytes:
        """The statement of a day without lines."""
        whole = Statement(name, BOB.account, "EUR", day, day, self.closing, self.closing, [])
        return write_statement(whole, self.at_ms).data

    def _messages(
        self, number: int, lines: Sequence[Entry], forms: tuple[str, str]
    ) -> tuple[bytes, bytes, bytes]:
        """An advice of a line that both tell by one name, an advice, and the day's statement."""
        ref, day, (advice, statement) = f"B{number}", lines[0].booked_on, forms
        other = Entry(f"{ref}-n", 501 + number, True, "EUR", day, text="both")
        opening = self.closing
        self.closing += sum(one.signed_minor for one in (*lines, other))
        stated = lines_of(statement, lines, ref)
        whole = Statement(f"S{number}", BOB.account, "EUR", day, day, opening, self.closing, stated)
        extra = write_advice(f"N{number}", BOB.account, [other], self.at_ms).data
        first = write_advice(
            f"A{number}", BOB.account, lines_of(advice, lines, ref), self.at_ms
        ).data
        second = told(write_statement(whole, self.at_ms).data, statement, ref)
        ntry = re.search(b"<Ntry>.*?</Ntry>", extra, re.DOTALL)
        assert ntry is not None
        second = second.replace(b"</Stmt>", ntry[0] + b"</Stmt>")
        return extra, told(first, advice, ref), second

    def _hear(self, txn: Cursor, data: bytes) -> None:
        Incoming.begin(txn, self.desk, OTHER, self.home.now_ms()).hear(data)
