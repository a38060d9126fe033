"""Somebody without a phone signs a lease by hand, on a tablet of the office, before its clerk."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Final

import pytest

from tests.stories.signing import in_town
from tests.stories.test_signing import result, send, verdict_of
from tests.support.calls import request
from tests.support.keys import unpadded_base64
from tests.support.sign_page import API
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.words import words_of
from veche.protocol.prompts import PROMPT_KEY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]
_LINK: Final = re.compile(r"(http\S+)/sign#tablet=(\w+)&x=([\w-]+)&k=")
NAME: Final = [[100, 200, 200, 60, 300, 220, 420, 80], [500, 150, 620, 150]]


@pytest.mark.long
def test_a_tenant_without_a_phone_signs_by_hand_before_the_clerk(tmp_path: Path) -> None:
    with in_town(tmp_path) as town:
        carol = town.signatory("carol")
        send(carol, '"Bob Brown" by hand', "Lease of flat 12b")

        # Carol is asked to meet Bob, and opens the link on a tablet.
        asked = carol.expect("Bob Brown signs by hand", "Lease of flat 12b")
        carol.choose(asked, "here")
        found = _LINK.search(carol.expect("Open this on your tablet").body)
        assert found is not None
        origin, meeting, token = found.groups()
        secret = secrets.token_bytes(32)
        headers = {"veche-meeting": token, "veche-tablet": unpadded_base64(secret)}

        def tablet(path: str, body: object) -> dict[str, object]:
            url = f"{origin}{API}/meetings/{meeting}{path}"
            answer = request("POST", url, body=body, headers=headers)
            assert answer.status == 200, answer
            told: dict[str, object] = answer.body
            return told

        digest = unpadded_base64(hashlib.sha256(secret).digest())
        opened = tablet("/tablet", {"secret_sha256": digest})
        carol.expect("A tablet has opened", str(opened["code"]))

        # Bob reads, writes his name, and gives the tablet back.
        written = {
            "name": "Bob Brown",
            "drawing": {"strokes": NAME},
            "read": "all_pages",
            "agrees": True,
        }
        tablet("/hand", written)

        # Carol has seen it, looks at his passport, and signs as the witness.
        seen = carol.expect("Did you see them write it?", str(opened["code"]))
        assert next(one["id"] for one in seen.content[PROMPT_KEY]["choices"]) == "passport"
        carol.choose(seen, "passport")
        carol.expect("which name stands in it?")
        carol.say("Bob Brown")
        page = carol.page(carol.expect("Now sign as the witness", "who showed a passport"))
        signed = page.sign(carol.keys[0])
        assert signed.status == 200, signed

        pdf = carol.person.download(result(carol, "Lease of flat 12b").content)
        report = verdict_of(town, pdf)
        assert report.verdict is Verdict.SEALED, report
        assert "Bob Brown agreed by hand, without a key; witnessed with a key by carol" in words_of(
            report, "en"
        )
