"""Alice with the Rust SDK of Element X, which believes cross-signed devices only."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.support.people import Kind
from veche.contracts.agency.document import DOCUMENT_KEY

if TYPE_CHECKING:
    from tests.stories.office import Desk, Town

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.mark.long
def test_a_strict_client_gets_a_certificate(town: Town, desk: Desk) -> None:
    alice = town.applicant(kind=Kind.RUST)
    number, case = alice.apply()
    thread = desk.claimed(number)
    thread.expect("Name of the child: Anna Weber")
    thread.choose(thread.expect("What is decided?"), "approve")
    document = case.expect("Valid until")
    pdf = alice.person.download(document.content)
    done = case.expect("done. Nothing more is needed.")

    assert hashlib.sha256(pdf).hexdigest() in done.body
    assert DOCUMENT_KEY in document.content
    assert alice.chat.unreadable() == case.unreadable() == []
