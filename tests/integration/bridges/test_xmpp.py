"""Somebody who only has XMPP uses the demo's office: a real Prosody, Synapse and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.bridges.story import get_a_service_with_a_fee
from tests.integration.bridges.xmpp_town import ADDRESS, NAME, Citizen, XmppTown, xmpp_town
from tests.support.processes import wait_until
from tests.support.xmpp_people import XmppPerson

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppTown]:
    with xmpp_town(tmp_path_factory.mktemp("bridged")) as one:
        yield one


@pytest.fixture(scope="module")
def ann(town: XmppTown) -> Iterator[Citizen]:
    person = XmppPerson("ann", town.server.port)
    person.connect()
    yield Citizen(person)
    person.stop()


def test_somebody_with_xmpp_alone_gets_a_service_with_a_fee(town: XmppTown, ann: Citizen) -> None:
    """Greeting, form by numbers, payment link, decision, and how to get the document."""
    result = get_a_service_with_a_fee(town.house, ann, "It cannot be sent by XMPP")

    assert ".pdf" in result.words
    received = ann.person.messages()
    assert {(one.sender, one.nick) for one in received} == {(ADDRESS, NAME)}
    assert sum("can read them" in one.words for one in received) == 1
    assert len(ann.person.received) == len(received), "something came twice, or an error"
    delivered = "SELECT count(*) FROM bridges.remote_outbox WHERE state = 'delivered'"
    wait_until(lambda: town.query(delivered) == [(len(received),)], 30, "receipts are missing")
