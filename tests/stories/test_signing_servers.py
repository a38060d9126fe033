"""Signers of different servers sign one document (E2); on the far server nothing of ours runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stories.signing import in_town
from tests.stories.test_signing import result, send, verdict_of
from tests.support.people import Kind, Person
from tests.support.synapse_federation import federated_homeserver
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.mark.long
def test_somebody_of_another_server_signs_with_somebody_of_ours(tmp_path: Path) -> None:
    with (
        in_town(tmp_path / "town", is_federated=True) as town,
        federated_homeserver(tmp_path / "far") as far,
    ):
        user = far.register("dave")
        dave_person = Person.start(Kind.NIO, far.plan.url, user, is_verified=True)
        try:
            alice, dave = town.signatory("alice"), town.signatory_of(dave_person)
            send(alice, f"me then {dave_person.user_id}", "Lease across servers")

            card = alice.expect("asks you to sign", "Lease across servers")
            assert alice.page(card).sign(alice.keys[0]).status == 200
            asked = dave.expect("asks you to sign", "Lease across servers")
            done = dave.page(asked).sign(dave.keys[0])
            assert done.status == 200, done

            files = [
                one.person.download(result(one, "Lease across servers").content)
                for one in (alice, dave)
            ]
            report = verdict_of(town, files[0])
        finally:
            dave_person.stop()

    assert files[0] == files[1]
    assert report.verdict is Verdict.SEALED, report
    assert [one.account for one in report.signers] == [alice.person.user_id, dave.person.user_id]
