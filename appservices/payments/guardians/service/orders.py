"""``guardians @bob @carol 2 of 2 above 200 EUR``: what is wrong with it, then who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.conversation.service import naming
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.guardians.core import read_guards
from appservices.payments.guardians.service import guardians
from appservices.payments.guardians.texts import (
    RuleView,
    guard_example,
    guard_problem_doc,
    no_guardian_doc,
)
from appservices.payments.transfers.texts.paying import problem_doc
from appservices.payments.transfers.texts.views import Party
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.guardians import GuardProblem
from veche.protocol.ids import RoomId, UserId, effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.guardians.core import GuardOrder
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

NAME_GUARDIANS: Final = "payments.guardians"
"""Job: finds out what guardians are called; then the payer is asked."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to see or to set their guardians.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: "@bob @carol 2 of 2 above 200 EUR", "off", or nothing.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer, currencies = scene.localizer(person), scene.section.currencies
    if not argument:
        scene.tell(room_id, person, guardians.RULES.shown(scene, person))
        return
    wanted = read_guards(argument, currencies)
    if isinstance(wanted, OrderProblem):
        scene.tell(
            room_id,
            person,
            problem_doc(wanted, currencies, localizer, guard_example(currencies[0], localizer)),
        )
    elif isinstance(wanted, GuardProblem):
        scene.tell(room_id, person, guard_problem_doc(wanted, currencies[0], localizer))
    else:
        _name(scene, inbound, wanted)


class NameGuardians(ChatJob[Parts]):
    """Finds out what guardians are called; then asks the payer for their key."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver for their names."""
        client, bot = self._parts.host.client, self._parts.bot.user_id
        persons = [job.payload["person"], *job.payload["guardians"]]
        return {"names": [await naming.known_name(client, bot, UserId(one)) for one in persons]}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask the payer, or say who is not here."""
        scene, wanted = self._parts.conversation(txn, job.id, now_ms), job.payload
        persons = [wanted["person"], *wanted["guardians"]]
        named = list(zip(persons, result["names"], strict=True))
        missing = next((address for address, name in named if name is None), None)
        person, room_id = UserId(wanted["person"]), RoomId(wanted["room"])
        if missing is not None:
            scene.tell(room_id, person, no_guardian_doc(missing, scene.localizer(person)))
            return
        owner, *chosen = (Party(address, name) for address, name in named)
        view = RuleView(owner, tuple(chosen), wanted["needed"], wanted["minor"], wanted["currency"])
        guardians.propose(scene, view, room_id)


def _name(scene: Conversation, inbound: Inbound, wanted: GuardOrder) -> None:
    """Have the persons looked up, if all can be guardians of this one."""
    person, bot = inbound.sender, scene.sender.bot.user_id
    found: list[UserId] = []
    for typed in wanted.guardians:
        one = naming.user_named(typed, bot)
        if one is None or one == person or one in found:
            doc = no_guardian_doc(typed, scene.localizer(person))
            scene.tell(inbound.room_id, person, doc)
            return
        found.append(one)
    payload = {
        "person": person,
        "room": inbound.room_id,
        "guardians": found,
        "needed": wanted.needed,
        "minor": wanted.above.minor,
        "currency": wanted.above.currency,
    }
    id_ = effect_id(NAME_GUARDIANS, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, NAME_GUARDIANS, payload, scene.now_ms))
