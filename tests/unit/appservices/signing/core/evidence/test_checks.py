"""A record of evidence is believed only as far as the signed file bears it out."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from appservices.signing.evidence.core.checks import check_evidence
from appservices.signing.evidence.core.record import Evidence
from tests.support import evidence as made
from tests.support.forgery import page
from tests.support.keys import Passkey
from tests.support.signing import Office, with_boxes
from tests.support.tables import each_row
from veche.protocol.canonical import canonical
from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.evidence import Case

OTHER = encode_base64(hashlib.sha256(b"another").digest())


@functools.cache
def case() -> Case:
    document = with_boxes(page("Lease"), ["Sig1", "Sig2"], with_letters=True)
    return made.case(Office(), document)


def problems(change: Callable[[dict[str, Any]], None]) -> list[str]:
    record = copy.deepcopy(case().record)
    change(record)
    return check_evidence(parse(Evidence, record), case().pdf, case().report)


def changed_approval(record: dict[str, Any], **shown: Any) -> None:
    """Another approval under the old signature."""
    approval = made.opened(record["approvals"][0])
    approval["shown"].update(shown)
    record["approvals"][0]["signed"] = encode_base64(canonical(approval, where="approval"))


def test_a_true_record_goes_with_its_file() -> None:
    assert problems(lambda _: None) == []


@each_row(
    ("change", "words"),
    [
        (lambda r: r.update(final_sha256=OTHER), "about another file"),
        (lambda r: r["document"].update(sha256=OTHER), "names another document"),
        (lambda r: r["parties"][0].update(field="Sig9"), "knows nothing"),
        (lambda r: r["parties"][0].update(certificate_sha256=OTHER), "another certificate"),
        (lambda r: r["parties"][0].update(user="@mallory:example.org"), "another account"),
        (lambda r: r["parties"][2].update(field="Sig3", state="signed"), "the file does not"),
        (lambda r: r.update(certificates=r["certificates"][:-1]), "lacks their certificate"),
        (lambda r: r.update(log={OTHER: {"entry": "", "proof": ""}}), "that it lacks"),
        (lambda r: r["approvals"][0].update(party="p9"), "took no part"),
        (lambda r: r["approvals"][0].update(party="p2"), "p2: "),
        (lambda r: r["approvals"][0].update(signature="A" * 86), "does not hold"),
        (lambda r: r["approvals"][0].update(signature=None), "does not hold"),
        (lambda r: r["approvals"][0].update(public_key=None), "does not hold"),
        (lambda r: changed_approval(r, code="0000"), "does not hold"),
        (lambda r: r["document"].update(code="0000"), "not this document in this session"),
        (lambda r: r.update(effect="each"), "not this document in this session"),
        (lambda r: r.update(session="01KAV3Z8K4Q6V5W7X9Y0A1B2C4"), "not this document"),
    ],
)
def test_whatever_the_file_does_not_bear_out_is_told(
    change: Callable[[dict[str, Any]], None], words: str
) -> None:
    found = problems(change)

    assert any(words in one for one in found), found


def test_a_seal_needs_no_certificate_of_its_own_beside_those_of_the_record() -> None:
    def as_seal(record: dict[str, Any]) -> None:
        record["parties"][1].update(role="seal", certificate_sha256=None)
        record["approvals"].pop()

    assert problems(as_seal) == []

    def unknown(record: dict[str, Any]) -> None:
        as_seal(record)
        record["certificates"].pop()

    assert problems(unknown) == ["p2: the record names another certificate"]


def test_a_record_about_another_file_is_told() -> None:
    other = made.case(Office(), with_boxes(page("Other"), ["Sig1", "Sig2"], with_letters=True))

    found = check_evidence(case().evidence, other.pdf, other.report)

    assert len(found) >= 4


def test_of_those_who_had_signed_before_the_record_need_not_know() -> None:
    [first, *others] = case().report.signers
    identified = attrs.evolve(first, field="Old1", registrar="Alice, @alice:example.org")
    clause = attrs.evolve(identified, field="Old1:c1", clause="c1")
    report = attrs.evolve(case().report, signers=(identified, clause, first, *others))
    record = copy.deepcopy(case().record)

    assert len(check_evidence(parse(Evidence, record), case().pdf, report)) == 5

    record["document"]["fields_before"] = ["Old1", "Old1:c1"]
    assert check_evidence(parse(Evidence, record), case().pdf, report) == []


def with_passkey(record: dict[str, Any], rp_id: str, **changes: str) -> None:
    """The first approval by a passkey."""
    passkey = Passkey(rp_id="sign.example.org", origin="https://sign.example.org")
    approval = record["approvals"][0]
    challenge = hashlib.sha256(decode_base64(approval["signed"])).digest()
    approval.update(
        means="webauthn",
        signature=None,
        public_key=encode_base64(passkey.public),
        webauthn={**passkey.get(challenge), **changes},
        rp_id=rp_id,
    )


def test_a_passkey_approves_as_well() -> None:
    assert problems(lambda record: with_passkey(record, "sign.example.org")) == []


@each_row(
    ("rp_id", "changes"),
    [
        ("other.example.org", {}),
        ("sign.example.org", {"client_data": encode_base64(b'{"type":"webauthn.get"}')}),
        ("sign.example.org", {"authenticator_data": encode_base64(bytes(37))}),
        ("sign.example.org", {"authenticator_data": ""}),
        ("sign.example.org", {"signature": encode_base64(b"0")}),
    ],
)
def test_a_passkey_that_signed_something_else_is_told(rp_id: str, changes: dict[str, str]) -> None:
    (found,) = problems(lambda record: with_passkey(record, rp_id, **changes))

    assert "does not hold" in found


def test_a_code_in_the_chat_is_not_a_signature_to_be_checked() -> None:
    code = {"means": "code", "key": None, "public_key": None, "signature": None, "reply": {"a": 1}}

    assert problems(lambda record: record["approvals"][0].update(code)) == []


@each_row(
    "change",
    [
        {"v": 2},
        {"state": "open"},
        {"parties": []},
        {"final_sha256": "abc"},
        {"certificates": ["not base64!"]},
        {"events": [{"at_ms": -1, "what": "sent"}]},
    ],
)
def test_a_record_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        parse(Evidence, {**case().record, **change})


def test_a_record_has_no_addresses_of_the_network() -> None:
    said = json.dumps(Evidence.model_json_schema())

    assert "ip_address" not in said
    assert "user_agent" not in said
