"""The page that verifies signed PDF files comes to the same verdicts as ``veche verify``."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Revoked, revocation_list
from tests.support import attackers, attacks
from tests.support.far_objects import TABLES, covered
from tests.support.forgery import FORGED, closed_by_attacker, find, increment, page
from tests.support.long import many
from tests.support.node import WIDGETS, node, why_no_node
from tests.support.signing import NOW, YEAR, Office, Person, fresh, ms, new_key, with_boxes
from tests.unit.appservices.signing import test_renewal as renewals
from tests.unit.appservices.signing.service import test_appending as appended
from tests.unit.veche.documents.pdf import test_appearance as pictures
from tests.unit.veche.documents.signatures import test_verdict as files
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import prepare_signature
from veche.documents.pdf.structure import SIZE_MAX
from veche.documents.pdf.values import VALUES_MAX
from veche.documents.pki import certificates, der
from veche.documents.pki.cms import Signer
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from veche.documents.signatures.report import Report

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

VERDICT = WIDGETS / "static" / "signatures" / "verdict.js"
CERTIFICATE = WIDGETS / "static" / "signatures" / "certificate.js"
FLIPPED = many(ordinary=100, long=400)
"""Files in which one byte is another."""


@attrs.frozen
class File:
    """A file, and by what it is judged."""

    name: str
    pdf: bytes
    root: x509.Certificate
    now: dt.datetime = files.LATER
    lists: tuple[bytes, ...] = ()
    ends: Mapping[str, dt.datetime] = attrs.field(factory=dict)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def by_page(cases: Sequence[File]) -> list[dict[str, Any]]:
    """What the page's modules make of each file, asked of Node."""
    code = f"""
        import {{ judge }} from {json.dumps(VERDICT.as_uri())};
        import {{ readCertificate }} from {json.dumps(CERTIFICATE.as_uri())};
        const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
        let text = "";
        for await (const part of process.stdin) text += part;
        const found = [];
        for (const one of JSON.parse(text)) {{
            const root = readCertificate(bytes(one.root));
            const lists = one.lists.map(bytes);
            found.push(await judge(bytes(one.pdf), [root], one.now, lists, one.ends));
        }}
        process.stdout.write(JSON.stringify(found));
    """
    given = [
        {
            "pdf": _b64(one.pdf),
            "root": _b64(one.root.public_bytes(Encoding.DER)),
            "now": ms(one.now),
            "lists": [_b64(held) for held in one.lists],
            "ends": {name: ms(end) for name, end in one.ends.items()},
        }
        for one in cases
    ]
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    return reports


def by_command(one: File) -> Report:
    return judge(one.pdf, Trusted([one.root], one.now, one.lists, one.ends))


def same(report: Report, other: dict[str, Any]) -> list[str]:
    """What the two say otherwise, without the words for those who look closer."""
    ours = {
        "verdict": report.verdict.value,
        "findings": [[one.reason.value, one.field] for one in report.findings],
        "signers": [
            [
                *(one.field, one.clause, one.name, one.account),
                *(_level(one.level), one.registrar, one.at_ms, one.is_proven),
                "" if one.hand is None else one.hand.name,
                *(one.issuer, one.root_sha256.hex(), len(one.policies)),
                one.certificate_sha256.hex(),
            ]
            for one in report.signers
        ],
        "documentSha256": (report.document_sha256 or b"").hex(),
        "closedAtMs": report.closed_at_ms,
    }
    theirs = {
        "verdict": other["verdict"],
        "findings": [[one["reason"], one["field"]] for one in other["findings"]],
        "signers": [
            [
                *(one[key] for key in ("field", "clause", "name", "account", "level")),
                one["registrar"],
                one.get("atMs"),
                one["isProven"],
                one["hand"],
                *(one["issuer"], one["root"], len(one["policies"])),
                one["certificate"],
            ]
            for one in other["signers"]
        ],
        "documentSha256": other["documentSha256"],
        "closedAtMs": other.get("closedAtMs"),
    }
    return [f"{key}: {ours[key]} / {theirs[key]}" for key in ours if ours[key] != theirs[key]]


def _level(level: certificates.Level | None) -> str:
    return "" if level is None else level.name.lower()


def _files() -> Iterator[File]:
    office = files.office()
    root = office.root.certificate
    for name, pdf in {
        "honest": files.honest(),
        "not closed": files.open_tail(),
        "unsigned": files.document(),
        "no PDF": b"hello",
        "empty": b"",
        "another entry in a trailer": page("Pay").replace(b"/Size", b"/Foo 1/Size", 1),
        **{f"clause: {name}": make() for name, make in files.CLAUSES.items()},
        "clause": files.signed_in(("Alice", "Sig1"), ("Alice", "Sig1:c7"), ("Bob", "Sig2")),
        **{f"changed: {name}": make() for name, make in files.CHANGED.items()},
        **{f"broken: {name}": make() for name, make in files.BROKEN.items()},
    }.items():
        yield File(name, pdf, root)
    number, _ = find(files.honest(), b"Tj ET")
    for end in (b"", b"/Root 1 0 R"):
        hidden = closed_by_attacker(office, files.honest(), {number: FORGED}, root=end)
        yield File(f"hidden under a stamp {end!r}", hidden, root)
    yield File("nobody known", files.honest(), Office().root.certificate)
    script = page("Pay", catalog=b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>")
    doc = with_boxes(script, ["Sig1"])
    signed = office.close(office.person("Алиса", doc).sign(doc, "Sig1"))
    yield File("a script", signed, root)
    for name in files.ACTING:
        yield File(f"acts by a detour: {name}", files.acting(name), root)
    yield File("one value more", attackers.crowded(VALUES_MAX + 1), root)
    yield from _certificates(office)
    yield from _attacks()
    yield from _added()
    yield from _pictures()
    yield from _years()


def _attacks() -> Iterator[File]:
    root = attackers.office().root.certificate
    for name, make in attacks.ALL.items():
        yield File(name, make(), root, NOW)
    for name, document in attacks.DOCUMENTS.items():
        yield File(f"before an attack: {name}", attackers.signed(document()), root, NOW)
    for name, make in attacks.LIKE_ATTACKS.items():
        yield File(f"like an attack: {name}", make(), root, NOW)
    for name, make in TABLES.items():
        yield File(f"tables of its own: {name}", attackers.signed(make()), root, NOW)
    yield File("numbers too large", attackers.signed(covered(SIZE_MAX)), root, NOW)
    yield File("certifies nothing", attacks.uncertified(), root, NOW)
    alone = attackers.closed(attacks.first_allows(1))
    yield File("certifies, and nothing may follow", alone, root, NOW)


def _added() -> Iterator[File]:
    """Files that others had signed, to which signatures were added; honest and changed ones."""
    root, now = appended.office().root.certificate, appended.office().now + dt.timedelta(minutes=1)
    for name, base in {"others": appended.of_dora(), "ours": appended.of_ours()}.items():
        pdf = appended.closed(base)
        number, _ = find(pdf, b"Tj ET")
        at = pdf.index(b"100 EUR")
        yield File(f"signed by {name}", base, root, now)
        yield File(f"added to {name}", pdf, root, now)
        yield File(f"added to {name}, by a root", pdf, appended.dora().root, now)
        yield File(f"added to {name}, changed", increment(pdf, {number: FORGED}), root, now)
        yield File(f"added to {name}, another byte", pdf[:at] + b"9" + pdf[at + 1 :], root, now)
        changed = increment(base, {number: FORGED})
        yield File(f"{name} changed", changed, root, now)
    yield File(
        "added to changed",
        appended.closed(increment(appended.of_dora(), {number: FORGED})),
        root,
        now,
    )


def _certificates(office: Office) -> Iterator[File]:
    root = office.root.certificate
    other = office.person("Alice", b"another document")
    issuing = office.issuing
    signers = {
        "other document": (other.certificate, other.key),
        "stamper": (office.stamping.certificate, office.stamping.key),
        "authority": (issuing.certificate, issuing.key),
    }
    for name, who in signers.items():
        yield File(name, files._signed_with(*who), root)
    for critical in (True, False):
        yield File(f"more {critical}", files.signed_with_more(is_critical=critical), root)
        yield File(f"bound {critical}", files.signed_out_of_bounds(is_critical=critical), root)
    for bits in (1024, 2048):
        yield File(f"RSA of {bits} bits", _by_rsa(office, bits), root)
    for name, content in _HANDS.items():
        yield File(f"by hand: {name}", _by_hand(office, content), root)
    late = office.close(files.open_tail(), NOW + dt.timedelta(hours=1))
    yield File("a stamp of the future", late, root)
    for seconds in (2, 3, 60):
        pdf = files.out_of_order(dt.timedelta(seconds=seconds))
        yield File(f"a stamp {seconds} s older than one that it covers", pdf, root)
    doc = with_boxes(page("Pay"), ["Sig1"])
    alice = office.person("Alice", doc)
    pdf = office.close(alice.sign(doc, "Sig1"))
    both = []
    for minutes in (-1, 1):
        since = NOW + dt.timedelta(minutes=minutes)
        why = Revoked(since, x509.ReasonFlags.key_compromise)
        made = revocation_list(issuing, alice.certificate, files.LATER, why)
        listed = made.public_bytes(Encoding.DER)
        yield File(f"revoked {minutes}", pdf, root, lists=(listed,))
        both.append(listed)
    # One that was put earlier: whoever has the older list too goes by the earlier day.
    yield File("put earlier", pdf, root, lists=tuple(both))
    yield File("put earlier, the older list last", pdf, root, lists=tuple(both[::-1]))


_HANDS: Final = {
    "a name": b"h" * 32 + "Боб Браун".encode(),
    "a mark of order": b"h" * 32 + "\ufeffBob".encode(),
    "no name": b"h" * 32,
    "too short": b"h" * 31,
    "no text": b"h" * 32 + b"\xff\xfe",
    "nothing": b"",
}


def _by_hand(office: Office, content: bytes) -> bytes:
    """A file that a witness has signed before whom somebody wrote by hand, closed."""
    doc, key = with_boxes(page("Pay"), ["Sig1"]), new_key()
    bound = (hashlib.sha256(doc).digest(), certificates.Level.ACCOUNT, YEAR)
    told = x509.UnrecognizedExtension(certificates.HAND, der.octets(content))
    holder = issuing.Holder("Carol", UserId("@carol:example.org"))
    with mock.patch.object(issuing, "_known_by", _telling(told)):
        made = issuing.person_certificate(
            office.issuing, key.public_key(), holder, fresh(NOW), bound
        )
    return office.close(Person(office, key, made).sign(doc, "Sig1"))


def _telling(told: x509.UnrecognizedExtension) -> Any:
    known = issuing._known_by
    return lambda holder: [*known(holder), (told, False)]


def _by_rsa(office: Office, bits: int) -> bytes:
    """A file that a card signed which has no other key, closed."""
    doc = with_boxes(page("Pay"), ["Sig1"])
    key: Any = rsa.generate_private_key(65537, bits)  # small ones are to be refused
    bound = (hashlib.sha256(doc).digest(), certificates.Level.HIGH, YEAR)
    holder = issuing.Holder("Bob Brown", UserId("@bob:example.org"))
    made = issuing.person_certificate(office.issuing, key.public_key(), holder, fresh(NOW), bound)
    prepared = prepare_signature(
        Document(doc), "Sig1", office.proofs(made, NOW), "Bob Brown", ms(NOW)
    )
    signer = Signer(made, [office.issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    signature = key.sign(attributes, padding.PKCS1v15(), hashes.SHA256())
    token = office.token(hashlib.sha256(signature).digest(), NOW)
    return office.close(doc + prepared.filled(signer.detached(attributes, signature, token)))


def test_a_key_of_rsa_is_proven_like_another() -> None:
    """As `veche sign` makes it with a card that has no other key."""
    office = files.office()
    pdf = _by_rsa(office, 2048)

    report = judge(pdf, Trusted([office.root.certificate], files.LATER))

    assert report.verdict is Verdict.SEALED
    small = judge(_by_rsa(office, 1024), Trusted([office.root.certificate], files.LATER))
    assert small.verdict is Verdict.INVALID


def _pictures() -> Iterator[File]:
    """Signatures that are shown: as they are, and as they must not be."""
    root, doc = pictures.office().root.certificate, pictures.document()
    alice, bob = (pictures.office().person(name, doc) for name in ("Alice Adams", "Боб Браун"))
    pdf = bob.sign(alice.sign(doc, "Sig1", look=pictures.LOOK), "Sig2", look=pictures.LOOK)
    for name, one in {
        "two": pictures.office().close(pdf),
        "as it was": pictures.forged_file(lambda data: data),
        "of somebody else": pictures.forged_file(lambda data: data, name="Bob Brown"),
        "wider": pictures.forged_file(
            pictures.replaced(b"/BBox [0 0 160 50]", b"/BBox [0 0 960 50]")
        ),
        "filled": pictures.forged_file(
            pictures.replaced(b"0.25 0.25 159.5 49.5 re\nS", b"0.25 0.25 159.5 49.5 re\nf")
        ),
        "in another font": pictures.forged_file(
            lambda data: data, doc.replace(b"/W [1 [250 ", b"/W [1 [150 ", 1)
        ),
    }.items():
        yield File(f"a picture: {name}", one, root, NOW)


def _years() -> Iterator[File]:
    town, closed, renewed, authorities = files.long_lived()
    root = town.root.certificate
    for years in (0, 0.8, 3, 12, 14.1, 16, 24, 26):
        now = NOW + years * YEAR
        alive = [one for one in authorities if one.not_valid_after_utc > now]
        lists = tuple(town.list_of(one, now) for one in alive)
        for pdf in (closed, renewed):
            for given in ((), lists):
                name = f"{years} years, {len(pdf)} bytes, {len(given)} lists"
                yield File(name, pdf, root, now, given)


def _differing(cases: Sequence[File], reports: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """What the two say otherwise, by file."""
    found = {
        one.name: same(by_command(one), report) for one, report in zip(cases, reports, strict=True)
    }
    return {name: said for name, said in found.items() if said}


def test_page_and_command_agree_on_stamps_by_other_hashes_when_one_ends() -> None:
    root = renewals.town().office.root.certificate
    cases = [
        File(f"{name} at {now}", pdf, root, now, ends=renewals.Stronger.ends)
        for name, pdf in renewals.stamped_by_hashes("pdf").items()
        for now in (NOW + YEAR / 3, NOW + YEAR)
    ]

    reports = by_page(cases)

    assert not _differing(cases, reports)
    assert {report["verdict"] for report in reports} == {"sealed", "signed", "unproven"}


def test_page_and_command_agree_on_every_file() -> None:
    cases = list(_files())

    reports = by_page(cases)

    assert not _differing(cases, reports)
    assert len({report["verdict"] for report in reports}) == 6


def test_page_believes_no_attack_that_has_a_name() -> None:
    cases = [one for one in _attacks() if one.name in attacks.ALL]

    reports = by_page(cases)

    assert len(cases) == len(attacks.ALL)
    assert {report["verdict"] for report in reports} <= {"invalid", "unreadable"}


def test_page_and_command_agree_where_one_byte_is_another() -> None:
    honest = files.honest()
    step = max(1, len(honest) // FLIPPED)
    cases = []
    for number, at in enumerate(range(0, len(honest), step)):
        pdf = bytearray(honest)
        pdf[at] ^= 1 << (number % 8)
        cases.append(File(f"byte {at}", bytes(pdf), files.office().root.certificate))

    reports = by_page(cases)

    assert not _differing(cases, reports)
