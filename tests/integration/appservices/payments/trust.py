"""Approvals, chats, allowances and rules of guardians for tests on a real database."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.allowances import store as allowances
from appservices.payments.allowances.core import AllowanceState, AllowanceTerms
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.allowances.store import Allowance
from appservices.payments.allowances.texts import AllowanceView
from appservices.payments.conversation import store as chats
from appservices.payments.conversation.service.conversation import Conversation
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.guardians.store import GuardRule
from appservices.payments.guardians.texts import RuleView
from appservices.payments.holders import store as holders
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.scenes import ALICE, BOB, NOW_MS
from tests.support.stored_keys import revoke_keys
from veche.protocol.guardians import RuleState
from veche.protocol.ids import EffectId, RoomId, UserId, derived_ulid
from veche.runtime.crypto.tracking import pin_encrypted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.transfers.service.files import OpenPayment
    from tests.integration.appservices.payments.scenes import World

CAROL: Final = UserId("@carol:veche.test")
_numbers: Final = itertools.count(1)


def with_keys(scene: Conversation, *, is_revoked: bool = False) -> Conversation:
    """The same scene; all keys of Alice that approved something until now may be revoked."""
    if is_revoked:
        revoke_keys(scene.txn, ALICE, NOW_MS)
    return scene


@attrs.frozen
class _Quiet(Conversation):
    """A scene that says and asks nothing."""

    def tell(self, *_: Any, **__: Any) -> EffectId:
        """Nothing."""
        return EffectId("nothing")

    def ask(self, *_: Any, **__: Any) -> EffectId:
        """Nothing."""
        return EffectId("nothing")

    def close(self, *_: Any) -> None:
        """Nothing."""


def asking_nothing(scene: Conversation) -> Conversation:
    """The same scene, in which nothing is said and keys are asked for nothing."""
    return _Quiet(scene.txn, scene.sender, scene.parts)


def chat_with(scene: Conversation, person: UserId) -> RoomId:
    """A chat of somebody with the bot, in which they are alone."""
    room_id = RoomId(f"!chat{next(_numbers)}:veche.test")
    chats.keep_chat(scene.txn, room_id, person, NOW_MS)
    chats.set_greeted(scene.txn, room_id)
    pin_encrypted(scene.txn, room_id, {})
    for member in (person, scene.sender.bot.user_id):
        join(scene, room_id, member)
    return room_id


def join(scene: Conversation, room_id: RoomId, person: UserId, membership: str = "join") -> None:
    """Somebody is in a room now, or is not any more."""
    scene.txn.execute(
        "INSERT INTO runtime.room_member (room_id, user_id, membership) VALUES (%s, %s, %s)"
        " ON CONFLICT (room_id, user_id) DO UPDATE SET membership = EXCLUDED.membership",
        (room_id, person, membership),
    )


def allowance(here: World, cap: int = 1_000, *, is_given: bool = True) -> Allowance:
    """Alice lets Bob pay anybody, in each day up to a cap; or only proposes to."""
    scene = here.scene
    terms = AllowanceTerms(cap, "day", cap, 1, NOW_MS * 2)
    view = AllowanceView(Party(ALICE, "Alice"), Party(BOB, "Bob"), (), (), "EUR", terms)
    kept = Allowance(
        id=derived_ulid(NOW_MS, "allowance", next(_numbers)),
        giver=scene.holder(ALICE).id,
        spender=scene.holder(BOB).id,
        ledger=holders.currencies(scene.txn)["EUR"],
        state=AllowanceState.ACTIVE if is_given else AllowanceState.PROPOSED,
        sealed=allowance_uses.sealed(scene, view),
        approved_by=here.approved() if is_given else None,
        terms=terms,
    )
    allowances.add_allowance(scene.txn, kept, NOW_MS)
    return kept


def use_of(here: World, by: Allowance) -> OpenPayment:
    """A payment of 5.00 by an allowance that is approved, and whose wait is just over."""
    return here.asked(
        state=State.COOLING, allowance_id=by.id, approved_by=here.approved(), due_at_ms=NOW_MS
    )


def rule(
    here: World,
    *guardians: UserId,
    needed: int | None = None,
    above: int = 100,
    state: RuleState = RuleState.ACTIVE,
    counts_from_ms: int | None = None,
) -> GuardRule:
    """A rule of Alice's."""
    scene = here.scene
    count = len(guardians) if needed is None else needed
    parties = tuple(Party(one, one) for one in guardians)
    view = RuleView(Party(ALICE, "Alice"), parties, count, above, "EUR")
    kept = GuardRule(
        id=derived_ulid(NOW_MS, "rule", next(_numbers)),
        holder=scene.holder(ALICE).id,
        ledger=holders.currencies(scene.txn)["EUR"],
        state=state,
        needed=count,
        above_minor=above,
        is_shown=True,
        sealed=guarding.sealed(scene, view),
        approved_by=here.approved(),
        counts_from_ms=counts_from_ms,
    )
    numbers: Sequence[int] = [scene.holder(one).id for one in guardians]
    guards.add_rule(scene.txn, kept, numbers, NOW_MS)
    return kept
