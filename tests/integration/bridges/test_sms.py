"""Somebody who only has a phone uses the demo's office: a message centre of others, by SMPP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.bridges.sms_town import NOTHING, Phone, SmsTown, sms_town
from tests.integration.bridges.story import get_a_service_with_a_fee
from tests.support.processes import wait_until
from tests.support.smsc import OFFICE_NUMBER, why_no_centre

if TYPE_CHECKING:
    from collections.abc import Iterator

if _reason := why_no_centre():
    pytest.skip(_reason, allow_module_level=True)

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

LANGUAGE: Final = "Which language do you prefer?"
MENU: Final = "What do you need?"
LATER: Final = 0x64
NEVER: Final = 0x65


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmsTown]:
    with sms_town(tmp_path_factory.mktemp("bridged")) as one:
        yield one


@pytest.fixture(scope="module")
def ann(town: SmsTown) -> Phone:
    return Phone(town.centre, "+491700000001")


@pytest.fixture(scope="module")
def bob(town: SmsTown) -> Phone:
    """Somebody who has chosen a language, so that ``menu`` is answered by the menu."""
    one = Phone(town.centre, "+491700000002")
    one.ask("1", one.ask("Hello", None, LANGUAGE), MENU)
    return one


def settle(town: SmsTown, somebody: Phone) -> None:
    """Wait until all that came before has been dealt with: each ``menu`` was answered once."""
    somebody.send("menu")
    due = 1 + somebody.due("menu")  # one came with the language
    wait_until(lambda: somebody.count(MENU) >= due, 60, "an answer is missing")
    open_rows = "SELECT count(*) FROM bridges.remote_outbox WHERE sealed IS NOT NULL"
    wait_until(lambda: town.query(open_rows) == [(0,)], 30, "something is not sent")
    assert somebody.count(MENU) == due


def test_somebody_with_a_phone_alone_gets_a_service_with_a_fee(town: SmsTown, ann: Phone) -> None:
    """Greeting, form by numbers, payment link, decision, and how to get the document."""
    result = get_a_service_with_a_fee(town.house, ann, "It cannot be sent by SMS")

    assert ".pdf" in result.words
    received = ann.messages()
    assert sum("can read them" in one.words for one in received) == 1
    assert any(one.parts > 1 for one in received)
    delivered = "SELECT count(*) FROM bridges.remote_outbox WHERE state = 'delivered'"
    wait_until(lambda: town.query(delivered) == [(len(received),)], 30, "receipts are missing")
