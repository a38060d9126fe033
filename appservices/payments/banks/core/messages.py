"""Any message of a bank, as the events that it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.banks.core import orders_xml, told_xml
from appservices.payments.banks.core.xml import BankMessageError, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.banks.core.port import BankEvent, BankOrder


def read_events(data: bytes) -> Sequence[BankEvent]:
    """Read the events in a bank's file.

    Raises:
        BankMessageError: It is no message for us, breaks its schema, or does not add up: nothing
            of it counts. A line that cannot be booked is ``Odd``, and the others count.
    """
    message, root = read(data)
    if message == told_xml.PAIN_002:
        return told_xml.read_statuses(root)
    if message == told_xml.CAMT_054:
        return told_xml.read_advice(root)
    if message == told_xml.CAMT_053:
        return told_xml.read_statements(root)
    raise BankMessageError(f"{message} is for a bank, not of one", line=1, path="/Document")


def read_orders(data: bytes) -> tuple[str, str, Sequence[BankOrder]]:
    """Name and ``MsgId`` of a file for a bank, and its orders.

    Raises:
        BankMessageError: It is none, breaks its schema, or does not add up.
    """
    message, root = read(data)
    if message not in orders_xml.MESSAGES.values():
        raise BankMessageError(f"{message} is of a bank, not for one", line=1, path="/Document")
    message_id, orders = orders_xml.read_orders(message, root)
    return message, message_id, orders
