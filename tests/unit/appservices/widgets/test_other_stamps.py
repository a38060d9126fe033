"""The page takes those stamps of authorities elsewhere that the service and `veche sign` take."""

from __future__ import annotations

import base64
import datetime as dt
import functools
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core.issuing import STAMP_POLICY, Revoked, revocation_list
from appservices.signing.authority.core.stampers import Stampers
from appservices.signing.commands.sign.session_stamps import SessionStamps
from appservices.signing.keys.core.foreign_stamps import believed_token
from appservices.signing.stamps.core import StampAuthority
from tests.support.node import why_no_node
from tests.support.signing import NOW, Office, ms
from tests.unit.appservices.widgets.test_signing_twins import by_page
from veche.documents.pdf.signing import Proofs
from veche.documents.pki.cms import CmsError, der_of
from veche.documents.pki.stamps import StampRequest, read_token
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate

    from appservices.signing.authority.core.issuing import Authority

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

IMPRINT: Final = bytes(range(32))
NONCE: Final = bytes([7]) * 16
"""What the page's machine gives as chance."""
ASKED: Final = StampRequest(IMPRINT, int.from_bytes(NONCE, "big"))
FLIPPED: Final = 150
_STAMPS: Final = """
    const { stampRoot } = await at("signatures/trust.js");
    const { stamperBelow } = await at("signatures/other_stamps.js");
    const { StampError } = await at("signatures/stamps.js");
    crypto.getRandomValues = (room) => room.fill(7);
    const found = [];
    for (const one of given) {
        const { certificates, lists, policy } = one;
        const others = {
            roots: [stampRoot(bytes(one.root))],
            certificates: certificates.map(bytes),
            lists: lists.map(bytes),
            policy,
            now: () => one.now,
        };
        const asked = [];
        const post = async (request) => asked.push(base64(request)) && bytes(one.answer);
        try {
            const token = await stamperBelow(post, others)(bytes(one.imprint));
            found.push({ asked, token: base64(token) });
        } catch (error) {
            if (!(error instanceof StampError)) throw error;
            found.push({ asked, refused: error.message });
        }
    }
    answer(found);
"""


@functools.cache
def office() -> Office:
    """Whose root the operator has chosen."""
    return Office()


@functools.cache
def stranger() -> Office:
    """Somebody else."""
    return Office()


def _list(office_: Office, who: Certificate, revoked: Revoked | None = None) -> bytes:
    made = revocation_list(office_.root, who, NOW, revoked)
    return made.public_bytes(Encoding.DER)


@attrs.frozen
class Case:
    """An answer, and what the service says of who stamps.

    Attributes:
        answer: Of the authority.
        certificates: That the service names.
        lists: About them.
        policy: That is configured.
    """

    answer: bytes
    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    policy: str | None = None


def case(
    *,
    who: Authority | None = None,
    request: StampRequest = ASKED,
    at: dt.datetime = NOW,
    named: Authority | None = None,
    lists: tuple[bytes, ...] | None = None,
    policy: str | None = None,
) -> Case:
    """An honest answer, but for what is said."""
    stamps = who or office().stamping
    known = (named or stamps).certificate
    made = StampAuthority(stamps.certificate, stamps.key, STAMP_POLICY)
    proofs = (_list(office(), known),) if lists is None else lists
    certificates = tuple(der_of(one) for one in (known, office().root.certificate))
    return Case(made.answer(request.encoded(), 1, ms(at)), certificates, proofs, policy)


def _person() -> Authority:
    """Who may sign documents, and stamp nothing."""
    alice = office().person("Alice", b"lease")
    return attrs.evolve(office().stamping, certificate=alice.certificate, key=alice.key)


def _revoked() -> Case:
    since = NOW - dt.timedelta(days=1)
    why = Revoked(since, x509.ReasonFlags.key_compromise)
    return case(lists=(_list(office(), office().stamping.certificate, why),))


TAKEN: Final[dict[str, Callable[[], Case]]] = {
    "theirs": case,
    "under their policy": lambda: case(policy=STAMP_POLICY),
    "a minute ago": lambda: case(at=NOW - dt.timedelta(seconds=60)),
}
REFUSED: Final[dict[str, Callable[[], Case]]] = {
    "over something else": lambda: case(request=StampRequest(bytes(32), ASKED.nonce)),
    "another number": lambda: case(request=StampRequest(IMPRINT, 8)),
    "without a number": lambda: case(request=StampRequest(IMPRINT)),
    "of somebody else": lambda: case(who=stranger().stamping),
    "of a person": lambda: case(who=_person()),
    "under another policy": lambda: case(policy="1.3.6.1.4.1.99999.9"),
    "another key of theirs": lambda: case(who=office().new_stamping(NOW), named=office().stamping),
    "nobody says that it was not revoked": lambda: case(lists=()),
    "a list about another": lambda: case(lists=(_list(office(), office().issuing.certificate),)),
    "revoked": _revoked,
    "no answer": lambda: attrs.evolve(case(), answer=b""),
    "no stamp": lambda: attrs.evolve(case(), answer=b"<html>"),
}
OF_ANOTHER_TIME: Final[dict[str, Callable[[], Case]]] = {
    "older": lambda: case(at=NOW - dt.timedelta(seconds=61)),
    "of the future": lambda: case(at=NOW + dt.timedelta(seconds=61)),
}
"""The service looks at the time when a signature is handed in."""


def by_service(one: Case) -> str:
    """Why it is not taken; empty: it is."""
    roots = (office().root.certificate,)
    stampers = Stampers(stranger().stamping.certificate, roots, one.policy)
    proofs = Proofs(one.certificates, one.lists)
    client = cast("Any", None)
    try:
        token, certificate = believed_token(one.answer, ASKED)
        SessionStamps(client, roots, proofs, NOW)._check(token, IMPRINT, roots)
    except (CmsError, UnavailableError) as e:
        return str(e)
    return stampers.fault(read_token(token), certificate, ms(NOW))


def on_page(cases: list[Case]) -> list[dict[str, Any]]:
    """What the page makes of each."""

    def b64(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return cast(
        "list[dict[str, Any]]",
        by_page(
            _STAMPS,
            [
                {
                    "root": b64(der_of(office().root.certificate)),
                    "certificates": [b64(each) for each in one.certificates],
                    "lists": [b64(each) for each in one.lists],
                    "policy": one.policy,
                    "now": ms(NOW),
                    "imprint": b64(IMPRINT),
                    "answer": b64(one.answer),
                }
                for one in cases
            ],
        ),
    )


def test_both_take_what_is_theirs() -> None:
    cases = [make() for make in TAKEN.values()]

    found = on_page(cases)

    assert [by_service(one) for one in cases] == [""] * len(cases)
    tokens = [base64.b64decode(one.get("token", "")) for one in found]
    assert all(
        one.answer.endswith(token) and token for one, token in zip(cases, tokens, strict=True)
    )
    asked = base64.b64encode(ASKED.encoded()).decode()
    assert [one["asked"] for one in found] == [[asked]] * len(cases)


def test_both_refuse_what_lies() -> None:
    cases = {name: make() for name, make in REFUSED.items()}

    found = dict(zip(cases, on_page(list(cases.values())), strict=True))

    assert [name for name, one in cases.items() if not by_service(one)] == []
    assert [name for name, one in found.items() if not one.get("refused")] == []


def test_the_page_takes_no_stamp_of_another_time() -> None:
    cases = {name: make() for name, make in OF_ANOTHER_TIME.items()}

    found = on_page(list(cases.values()))

    assert [one.get("refused") for one in found] == ["a stamp of another time"] * len(cases)


def test_both_take_the_same_of_answers_in_which_one_bit_is_another() -> None:
    honest = case()
    cases = []
    for number in range(FLIPPED):
        answer = bytearray(honest.answer)
        answer[number * len(answer) // FLIPPED] ^= 1 << (number % 8)
        cases.append(attrs.evolve(honest, answer=bytes(answer)))

    found = on_page(cases)

    assert [bool(by_service(one)) for one in cases] == ["refused" in one for one in found]
    assert all("refused" in one for one in found)
