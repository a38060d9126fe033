"""What a page makes of a file that is no PDF is what our commands make of it, byte for byte."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from appservices.signing.papers.core.any_files import kind_of, safe_name
from appservices.signing.papers.core.growing import added, begun, grown
from tests.support.node import why_no_node
from tests.support.responders import Answering
from tests.support.signing import Office
from tests.unit.appservices.widgets.test_signing_twins import _stamps, by_page
from tests.unit.veche.documents.pki import test_proofs as stamps
from veche.documents.asic.archive import new_entry
from veche.documents.asic.container import DataFile, prepare, prepare_closing, read_container
from veche.documents.asic.verdict import judge_container
from veche.documents.pki.cms import Signer, der_of, with_proofs
from veche.documents.pki.digests import SHA256, SHA512
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pdf.signing import Proofs
    from veche.documents.pki.digests import Hash

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

FILES: Final = (
    DataFile("lease.txt", "text/plain", b"Pay 100 EUR a month to Bob.\n" * 40),
    DataFile("Квартира (12) & 'б'.docx", "application/zip", b"PK\x03\x04" + bytes(range(256)) * 9),
    DataFile("empty", "application/octet-stream", b"0"),
)
SIGNERS: Final = ("Alice Adams", "Боб Браун")
_GROWN: Final = """
    const { begun, grown, prepareStep } = await at("asic/growing.js");
    const found = [];
    for (const { name, kind, data, additions } of given) {
        const file = { name, kind, data: bytes(data) };
        const known = additions.map(bytes);
        try {
            const step = await prepareStep(file, known.length + 1);
            const filled = step.filled(new Uint8Array([1, 2, 3]));
            const whole = [begun(file, known), grown(file, known), step.digest, filled];
            found.push(whole.map(base64));
        } catch (error) {
            found.push(error.constructor.name);
        }
    }
    answer(found);
"""
_TOGETHER: Final = """
    const { begun, grown, isStep, prepareStamp, prepareStep } = await at("asic/growing.js");
    const { HASHES } = await at("signatures/digests.js");
    const { documentDigest } = await at("asic/container.js");
    const files = given.files.map((one) => ({ ...one, data: bytes(one.data) }));
    const file = { ...files[0], beside: files.slice(1) };
    const by = HASHES.find(({ name }) => name === given.by);
    const [added, token, other] = [given.added, given.token, given.other].map(bytes);
    const proofs = {
        certificates: given.certificates.map(bytes),
        lists: given.lists.map(bytes),
    };
    const step = await prepareStep(file, 1);
    const stamp = await prepareStamp(file, [added], proofs, by);
    const closing = stamp.filled(token);
    const again = await prepareStamp(file, [added, closing], proofs, by);
    const renewing = again.filled(token);
    const old = [added, closing];
    answer({
        made: [
            begun(file), grown(file, []), await documentDigest(files), step.digest,
            stamp.digest, closing, again.digest, renewing, grown(file, [...old, renewing]),
        ].map(base64),
        isStep: [
            await isStep(file, [], added, true),
            await isStep(file, [added], closing, false),
            await isStep(file, old, renewing, false),
            await isStep(file, [], other, true),
            await isStep(file, [added], added, true),
            await isStep(file, [added], closing, true),
            await isStep(file, [], added, false),
            await isStep(file, old, closing, false),
        ],
    });
"""
_NAMES: Final = """
    const { kindOf, safeName } = await at("asic/kinds.js");
    answer(given.map(({ name, data }) => {
        const safe = safeName(name);
        return [safe, kindOf(safe, bytes(data))];
    }));
"""
_SIGN: Final = """
    const { grown } = await at("asic/growing.js");
    const { signStep } = await at("signatures/signing.js");
    const { stamper } = await at("signatures/stamps.js");
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const tsa = bytes(given.tsa);
    const post = async (body) =>
        new Uint8Array(await (await fetch(given.address, { method: "POST", body })).arrayBuffer());
    const stamp = stamper(post, tsa);
    const file = { name: given.name, kind: given.kind, data: bytes(given.data) };
    const additions = [];
    for (const one of given.signers) {
        const key = await crypto.subtle.importKey("pkcs8", bytes(one.key), curve, false, ["sign"]);
        const certified = {
            certificate: bytes(one.certificate),
            chain: given.chain.map(bytes),
            root: bytes(given.root),
            tsa,
            lists: one.lists.map(bytes),
        };
        const number = additions.length + 1;
        additions.push((await signStep({ file, number, key, certified, stamp })).data);
    }
    answer([base64(grown(file, additions)), additions.map(base64)]);
"""
_PROOFS: Final = """
    const { withProofs } = await at("signatures/cms.js");
    answer(given.map(({ cms, certificates, lists }) =>
        base64(withProofs(bytes(cms), certificates.map(bytes), lists.map(bytes)))));
"""
_TOKENS: Final = """
    const { readToken } = await at("signatures/cms.js");
    const { DerError } = await at("signatures/der.js");
    answer(given.map((one) => {
        try {
            return readToken(bytes(one)).signed.lists.length > 0;
        } catch (error) {
            if (error instanceof DerError) return false;
            throw error;
        }
    }));
"""
_LEGIBLE: Final = """
    const { shapeOf, textParts } = await at("sign/legible.js");
    const shapes = given.files.map(({ kind, data }) => shapeOf({ kind, data: bytes(data) }));
    const texts = given.texts.map((one) => textParts(bytes(one)) ?? null);
    answer({ shapes, texts });
"""


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@functools.cache
def _office() -> Office:
    return Office()


def _proofs(name: str, file: DataFile, office: Office | None = None) -> tuple[bytes, Proofs, bytes]:
    """A signature over a file's first manifest, and the proofs of its signer."""
    office = office or _office()
    person = office.person(name, file.data)
    prepared = prepare(begun(file), [file.kind])
    signer = Signer(person.certificate, [office.issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    signature = person.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
    token = office.token(hashlib.sha256(signature).digest(), office.now)
    cms = signer.detached(attributes, signature, token)
    return (
        cms,
        office.proofs(person.certificate, office.now),
        prepared.carrying(office.proofs(person.certificate, office.now)).filled(cms),
    )


def _of_page(cases: Sequence[tuple[DataFile, Sequence[bytes]]]) -> list[Any]:
    given = [
        {
            "name": file.name,
            "kind": file.kind,
            "data": _b64(file.data),
            "additions": [_b64(one) for one in additions],
        }
        for file, additions in cases
    ]
    found: list[Any] = by_page(_GROWN, given)
    return found


def test_containers_and_what_is_signed_are_the_same_bytes() -> None:
    cases: list[tuple[DataFile, list[bytes]]] = []
    for file in FILES:
        _, _, more = _proofs("Alice Adams", file)
        cases += [(file, []), (file, [more])]

    found = _of_page(cases)

    for (file, additions), one in zip(cases, found, strict=True):
        whole = begun(file, additions)
        prepared = prepare(whole, [file.kind])
        filled = prepared.filled(b"\1\2\3")
        ours = [whole, grown(file, additions), prepared.digest, filled]
        assert [base64.b64decode(part) for part in one] == ours, file.name


def test_what_is_no_addition_is_refused_by_both() -> None:
    file = FILES[0]
    _, _, more = _proofs("Alice Adams", file)
    packed = bytes(new_entry("META-INF/x", bytes(999)).record)
    outside = bytes(new_entry("other.txt", b"evil", is_packed=False).record)
    bad = (more[:-1], more + b"P", packed, outside, more + outside, b"\0" * 40)
    cases: list[tuple[DataFile, Sequence[bytes]]] = [(file, [one]) for one in bad]
    names = ("mimetype", "META-INF", "meta-inf/a", "a/../b", "a:b", "a\u202eb", "")
    cases += [(DataFile(name, "text/plain", b"1"), []) for name in names]

    found = _of_page(cases)

    for (one, additions), said in zip(cases, found, strict=True):
        assert said in ("HiddenError", "ArchiveError"), (one.name, said)
        with pytest.raises(ValueError, match=r".*"):
            begun(one, additions)


@pytest.mark.parametrize("by", [SHA256, SHA512])
def test_several_files_are_signed_closed_and_renewed_in_the_same_bytes(by: Hash) -> None:
    office, (file, *beside) = _office(), FILES
    person = office.person("Alice Adams", file.data)
    proofs = office.proofs(person.certificate, office.now)
    kinds = [one.kind for one in FILES]
    cms, _, alone = _proofs("Alice Adams", file)
    empty = begun(file, (), beside)
    step = prepare(empty, kinds)
    signed = step.filled(cms)
    whole = begun(file, [signed], beside)
    closing = prepare_closing(whole, by=by)
    token = office.token(closing.digest, office.now)
    closed = closing.carrying(proofs).filled(token)
    once = begun(file, [signed, closed], beside)
    renewing = prepare_closing(once, proofs, by)
    renewed = renewing.embed(with_proofs(token, [], []))
    given = {
        "files": [{"name": one.name, "kind": one.kind, "data": _b64(one.data)} for one in FILES],
        "by": by.name,
        "added": _b64(signed),
        "other": _b64(alone),
        "token": _b64(token),
        "certificates": [_b64(one) for one in proofs.certificates],
        "lists": [_b64(one) for one in proofs.lists],
    }

    found = by_page(_TOGETHER, given)

    made = [base64.b64decode(one) for one in found["made"]]
    digest = read_container(empty).document_sha256
    ours = [empty, empty, digest, step.digest, closing.digest, closed, renewing.digest]
    assert made[: len(ours)] == ours
    assert made[len(ours) :] == [added(once, renewed), renewed]
    assert found["isStep"] == [True] * 3 + [False] * 5


def test_names_and_kinds_of_files_are_the_same() -> None:
    names = [
        *(
            "lease.odt",
            "Договор №7.docx",
            "a/b\\c:d.txt",
            "  two   spaces .md",
            "mimetype",
            "META-INF",
        ),
        *(
            "x" * 150 + ".txt",
            "y." + "z" * 150,
            ".hidden",
            "",
            "...",
            "a\u202egpj.exe",
            "tab\there.csv",
        ),
        *(
            "e\u0301.png",
            "CON?.json",
            "up.PNG",
            "no ending",
            "n.svg",
            "b\u00a0c.html",
            "photo.heic",
        ),
        *("two\r\nlines.xml", "\u3164.txt", "т" * 120 + ".odt", "😀" * 120 + ".odt", "a.b.c", "a."),
    ]
    heif = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"
    contents = [
        *(b"PK\x03\x04", b"plain words", b"\xff\xfe", b"a\0b", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n"),
        *(b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", heif, heif.replace(b"mif1", b"avif"), b"1"),
        b"\0\0\0\x10ftypmif1",
    ]
    cases = [(name, data) for name in names for data in contents]
    given = [{"name": name, "data": _b64(data)} for name, data in cases]

    found = by_page(_NAMES, given)

    ours = [(safe, kind_of(safe, data)) for name, data in cases if (safe := safe_name(name))]
    assert [tuple(one) for one in found] == ours


def test_proofs_are_signedin_the_same_order() -> None:
    given, ours = [], []
    for name, office in itertools.product(SIGNERS, (_office(), Answering())):
        cms, proofs, _ = _proofs(name, FILES[0], office)
        twice = [*proofs.certificates, *proofs.certificates[:1]]
        for certificates, lists in ((twice, list(proofs.lists)), (twice, []), ([], [])):
            given.append(
                {
                    "cms": _b64(cms),
                    "certificates": [_b64(one) for one in certificates],
                    "lists": [_b64(one) for one in lists],
                }
            )
            ours.append(with_proofs(cms, certificates, lists))

    answering = Answering()
    answers = answering.proofs(answering.stamping.certificate, answering.now).lists
    for first, second in ((answers[:2], answers), (answers, []), ([], answers[:1])):
        token = with_proofs(answering.token(bytes(32), answering.now), [], first)
        given.append({"cms": _b64(token), "certificates": [], "lists": list(map(_b64, second))})
        ours.append(with_proofs(token, [], second))

    found = by_page(_PROOFS, given)

    assert [base64.b64decode(one) for one in found] == ours


def test_both_read_the_same_time_stamps() -> None:
    cases = stamps.unsigned()

    found = by_page(_TOKENS, [_b64(encoded) for encoded, _ in cases.values()])

    assert dict(zip(cases, found, strict=True)) == {name: ok for name, (_, ok) in cases.items()}


def test_what_a_page_signs_is_sealed_for_the_strict_verdict_once_it_is_closed() -> None:
    office, file = _office(), FILES[1]
    signers = []
    for name in SIGNERS:
        person = office.person(name, file.data)
        secret = person.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        lists = office.proofs(person.certificate, office.now).lists
        signers.append(
            {
                "key": _b64(secret),
                "certificate": _b64(der_of(person.certificate)),
                "lists": [_b64(one) for one in lists],
            }
        )
    with _stamps(office) as address:
        given = {
            "name": file.name,
            "kind": file.kind,
            "data": _b64(file.data),
            "signers": signers,
            "chain": [_b64(der_of(office.issuing.certificate))],
            "root": _b64(der_of(office.root.certificate)),
            "tsa": _b64(der_of(office.stamping.certificate)),
            "address": address,
        }
        whole, additions = by_page(_SIGN, given)
    made = base64.b64decode(whole)
    prepared = prepare_closing(made)
    closed = prepared.embed(office.token(prepared.digest, office.now))

    report = judge_container(closed, Trusted([office.root.certificate], office.now))

    assert made == begun(file, [base64.b64decode(one) for one in additions])
    assert report.verdict is Verdict.SEALED, report.findings
    assert [one.name for one in report.signers] == list(SIGNERS)
    assert report.files == (file.name,)


def test_what_nobody_sees_in_a_text_is_made_visible() -> None:
    texts = [
        "Pay 100\tEUR.\r\nYes\n",
        "a\u202egpj.exe\u200b b\u00a0c\ufeff\x1b[2K\rd\u2028",
        "x\n" * 70,
        "я" * 10_000,
        "",
    ]
    too_much = ["\u200b" * 2001, "\n" * 30_001]
    encoded = [*(one.encode() for one in (*texts, *too_much)), b"\xff"]

    found = by_page(_LEGIBLE, {"files": [], "texts": [_b64(one) for one in encoded]})["texts"]

    plain, hidden, lines, long, empty, *none = found
    assert plain == [[{"text": "Pay 100\tEUR.\nYes\n", "isHidden": False}]]
    seen = [one["text"] for one in hidden[0] if one["isHidden"]]
    assert seen == [
        *("U+202E", "U+200B", "U+00A0", "U+FEFF", "U+001B", "U+000D", "U+2028"),
    ]
    assert "".join(one["text"] for one in hidden[0] if not one["isHidden"]) == "agpj.exe bc[2Kd"
    assert [len(part[0]["text"]) for part in lines] == [60, 60, 20]
    assert "".join(part[0]["text"] for part in long) == "я" * 10_000
    assert max(len(part[0]["text"]) for part in long) <= 1600
    assert (empty, none) == ([[]], [None] * 3)


def test_only_what_stands_still_and_runs_nothing_is_shown() -> None:
    beginning = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + bytes(17)
    webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0"
    cases = [
        ("image/png", beginning + b"\0\0\0\x01IDAT", "picture"),
        ("image/png", beginning + b"\0\0\0\x08acTL" + bytes(12) + b"\0\0\0\1IDAT", "nothing"),
        ("image/png", beginning, "picture"),
        ("image/jpeg", b"\xff\xd8", "picture"),
        ("image/webp", webp + b"\x10", "picture"),
        ("image/webp", webp + b"\x12", "nothing"),
        ("text/plain", bytes(2**20), "text"),
        ("text/plain", bytes(2**20 + 1), "nothing"),
        *((one, b"1", "nothing") for one in ("text/html", "image/svg+xml", "image/gif", "a/b")),
    ]
    files = [{"kind": kind, "data": _b64(data)} for kind, data, _ in cases]

    found = by_page(_LEGIBLE, {"files": files, "texts": []})["shapes"]

    assert found == [shape for *_, shape in cases]
