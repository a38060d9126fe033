"""``allow @bob 50 EUR a week at @shop food``: what is wrong with it, then who they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.allowances.core import AllowanceProblem, AllowanceTerms, read_allowance
from appservices.payments.allowances.service import allowances
from appservices.payments.allowances.texts import (
    AllowanceView,
    allowance_example,
    allowance_problem_doc,
    nobody_doc,
)
from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.conversation.service import naming
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.transfers.texts.paying import problem_doc
from appservices.payments.transfers.texts.views import Party
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import RoomId, UserId, effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.allowances.core import AllowanceOrder
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

NAME_ALLOWANCE: Final = "payments.allowance"
"""Job: finds out what those of an allowance are called; then the giver is asked."""
_FROM: Final = re.compile(r"(.*\S)\s+(?:from|из|от|von|з|від)\s+(@\S+)", re.IGNORECASE)
_KIND: Final = "kind"
_ORGANISATION: Final = "organisation"
_PERSON: Final = "person"


def purse_of(typed: str) -> tuple[str, str | None]:
    """An order without the account that it names at its end, and that: "… from @alice"."""
    found = _FROM.fullmatch(typed)
    return (found[1], found[2]) if found is not None else (typed, None)


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to let another pay from their account.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: Whom, how much, in which time, at whom, until when.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer, currencies = scene.localizer(person), scene.section.currencies
    wanted = read_allowance(argument, currencies, scene.now_ms, localizer.time_zone)
    if isinstance(wanted, OrderProblem):
        if wanted is not OrderProblem.USAGE:
            example = allowance_example(currencies[0], localizer)
            scene.tell(room_id, person, problem_doc(wanted, currencies, localizer, example))
            return
        wanted = AllowanceProblem.USAGE
    if isinstance(wanted, AllowanceProblem):
        scene.tell(room_id, person, allowance_problem_doc(wanted, currencies[0], localizer))
        return
    _name(scene, inbound, wanted)


class NameAllowance(ChatJob[Parts]):
    """Finds out what those of an allowance are called; then asks the giver for their key."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver for their names."""
        client, bot = self._parts.host.client, self._parts.bot.user_id
        persons = _persons(job.payload)
        return {"names": [await naming.known_name(client, bot, UserId(one)) for one in persons]}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask the giver, or say who is not here."""
        scene, wanted = self._parts.conversation(txn, job.id, now_ms), job.payload
        names = dict(zip(_persons(wanted), result["names"], strict=True))
        person, room_id = UserId(wanted["person"]), RoomId(wanted["room"])
        missing = next((address for address, name in names.items() if name is None), None)
        if missing is not None:
            scene.tell(room_id, person, nobody_doc(missing, scene.localizer(person)))
            return
        whom = wanted["whom"]
        view = AllowanceView(
            giver=Party(person, names[person]),
            spender=Party(wanted["spender"], names[wanted["spender"]]),
            payees=tuple(
                Party(one, names.get(one) or name) for sort, one, name in whom if sort != _KIND
            ),
            kinds=tuple(one for sort, one, _ in whom if sort == _KIND),
            currency=wanted["currency"],
            terms=AllowanceTerms(
                each_max_minor=wanted["each"],
                period=wanted["period"],
                period_max_minor=wanted["cap"],
                starts_at_ms=now_ms,
                ends_at_ms=wanted["ends_at_ms"],
            ),
        )
        allowances.propose(scene, view, room_id)


def _persons(wanted: Mapping[str, Any]) -> Sequence[str]:
    """List the people whose names must be looked up."""
    persons = [one for sort, one, _ in wanted["whom"] if sort == _PERSON]
    return [wanted["person"], wanted["spender"], *persons]


def _name(scene: Conversation, inbound: Inbound, wanted: AllowanceOrder) -> None:
    """Have the persons looked up, if all that was named can be somebody."""
    person, localizer = inbound.sender, scene.localizer(inbound.sender)
    spender = naming.user_named(wanted.spender, scene.sender.bot.user_id)
    if spender is None or spender == person:
        scene.tell(inbound.room_id, person, nobody_doc(wanted.spender, localizer))
        return
    whom = []
    for typed in wanted.whom:
        found = _payee(scene, typed)
        if found is None:
            scene.tell(inbound.room_id, person, nobody_doc(typed, localizer))
            return
        whom.append(found)
    payload = {
        "person": person,
        "room": inbound.room_id,
        "spender": spender,
        "period": wanted.period,
        "cap": wanted.period_max.minor,
        "each": wanted.each_max.minor,
        "currency": wanted.period_max.currency,
        "whom": whom,
        "ends_at_ms": wanted.ends_at_ms,
    }
    id_ = effect_id(NAME_ALLOWANCE, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, NAME_ALLOWANCE, payload, scene.now_ms))


def _payee(scene: Conversation, typed: str) -> tuple[str, str, str] | None:
    """Interpret a word as a kind, an organisation or a person; with address and name."""
    section, word = scene.section, typed.casefold()
    if word in section.kinds():
        return _KIND, word, word
    organisation = naming.organisation_named(section, word)
    if organisation is not None:
        return _ORGANISATION, organisation.id, organisation.name_in(section.language)
    person = naming.user_named(typed, scene.sender.bot.user_id)
    return None if person is None else (_PERSON, person, person)
