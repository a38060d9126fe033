"""A clerk calls a person, who asks the office's bot whether that is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stories.office import Desk, Town

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


def test_a_person_who_is_called_asks_whether_it_is_the_office(town: Town, desk: Desk) -> None:
    applicant = town.applicant()
    number, _ = applicant.apply()
    thread = desk.claimed(number)
    thread.expect("What is decided?")

    thread.say("call")
    told = thread.expect("Read these words to the person on the phone:").body
    found = re.search(r"on the phone: (\w+ \w+ \w+ \w+)", told)
    assert found, told
    applicant.chat.say(f"  CALL {found[1].upper()}! ")
    applicant.chat.expect(f"Yes, our office calls you about case {number}")
    thread.expect("they know that it is you")
    applicant.chat.say(f"call {found[1]}")
    applicant.chat.expect("No. Hang up.")
