"""The page judges the answers of OCSP responders as our commands do."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.signing.authority.core.issuing import DAY
from tests.support.node import why_no_node
from tests.support.responders import HOUR
from tests.support.signing import NOW, ms
from tests.unit.appservices.widgets.test_elsewhere import File, differing
from tests.unit.appservices.widgets.test_signing_twins import by_page
from tests.unit.veche.documents.pki import test_ocsp as answers
from veche.documents.pki.cms import der_of

if TYPE_CHECKING:
    from veche.documents.pki.trust import Standing

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

CHANGED: Final = 400
"""Answers in which one bit is another."""
_STANDINGS: Final = """
    const { readCertificate } = await at("signatures/certificate.js");
    const { Trust } = await at("signatures/trust.js");
    const found = [];
    for (const one of given) {
        const [certificates, lists] = [one.certificates, one.lists].map((held) => held.map(bytes));
        const trust = new Trust([readCertificate(bytes(one.root))], certificates, lists);
        const certificate = readCertificate(bytes(one.certificate));
        found.push(await trust.standing(certificate, one.at, one.ends));
    }
    answer(found);
"""


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _given(case: answers.Case) -> dict[str, Any]:
    certificates, lists = answers.proofs_of(case)
    return {
        "root": _b64(der_of(answers.office().root.certificate)),
        "certificates": [_b64(one) for one in certificates],
        "lists": [_b64(one) for one in lists],
        "certificate": _b64(der_of(answers.bob().certificate)),
        "at": ms(case.at),
        "ends": {name: ms(day) for name, day in case.ends.items()},
    }


def _told(standing: Standing) -> dict[str, bool]:
    return {
        "isTrusted": standing.is_trusted,
        "isRevoked": standing.is_revoked,
        "isListed": standing.is_listed,
        "isWeak": standing.is_weak,
    }


def test_page_and_command_agree_on_every_answer() -> None:
    found = by_page(_STANDINGS, [_given(case) for case in answers.CASES.values()])

    named = dict(zip(answers.CASES, found, strict=True))
    assert named == {name: _told(case.expected) for name, case in answers.CASES.items()}


@pytest.mark.parametrize("make", [answers.issuers_own, answers.delegates])
def test_page_takes_no_answer_of_which_one_bit_is_another(make: Any) -> None:
    whole = make()
    cases = []
    for number in range(CHANGED):
        changed = bytearray(whole)
        changed[number * len(whole) // CHANGED] ^= 1 << (number % 8)
        cases.append(answers.Case(functools.partial(list, (bytes(changed),)), answers.UNKNOWN))

    found = by_page(_STANDINGS, [_given(case) for case in cases])

    assert not [one for one in found if one["isListed"] or one["isRevoked"]]


def test_page_and_command_agree_on_files_with_answers() -> None:
    root, now = answers.answering().root.certificate, NOW + DAY
    newer = [
        answers.answering().answer_of(answers.carol().certificate, now, since)
        for since in (NOW - HOUR, NOW + HOUR)
    ]
    cases = []
    for kind in ("pdf", "container", "renewed"):
        data = answers.proven(kind)
        for at in (now, NOW + 40 * DAY):
            for number, lists in enumerate(([], newer[:1], newer[1:])):
                cases.append(File(f"{kind} {at} {number}", data, [root], at, lists))

    assert not differing(cases)
