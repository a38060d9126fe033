"""Guardians, allowances and bans as commands and jobs reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.allowances.service import allowances
from appservices.payments.allowances.service import orders as allowance_orders
from appservices.payments.guardians.service import guardians
from appservices.payments.guardians.service import orders as guardian_orders
from appservices.payments.limits.service import bans as banning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound

ORDERS: Final[Mapping[str, Callable[[Conversation, Inbound, str], None]]] = {
    "guardians": guardian_orders.order,
    "allow": allowance_orders.order,
    "ban": banning.order,
}
"""By command."""


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """The handler of each kind of job."""
    return {
        guardian_orders.NAME_GUARDIANS: guardian_orders.NameGuardians(parts),
        guardians.COUNT: guardians.Count(parts),
        allowance_orders.NAME_ALLOWANCE: allowance_orders.NameAllowance(parts),
    }


def show_to(scene: Conversation, payload: Mapping[str, Any], person: UserId) -> None:
    """Tell somebody who has got a chat why it was made for them."""
    if "guard" in payload:
        guardians.RULES.invite(scene, payload["guard"], person)
    if "allowance" in payload:
        allowances.tell_given(scene, payload["allowance"], person)
