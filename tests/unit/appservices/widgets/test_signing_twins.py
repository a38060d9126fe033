"""What a page writes into a file is what our commands write; others accept it."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import itertools
import json
import random
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
import typst
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from pyhanko.sign.diff_analysis import ModificationLevel

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.authority.core.levels import Level as RecordLevel
from appservices.signing.keys.core.document_code import code_of
from appservices.signing.keys.document_cipher import decrypt, encrypt, increment_of
from appservices.signing.sessions.core.parties import Party, Role, Stage
from appservices.signing.sessions.core.records import Member, parties_sha256
from appservices.signing.stamps.core import StampAuthority
from tests.support.forgery import page
from tests.support.node import ROOT, WIDGETS, node, why_no_node
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.responders import Answering
from tests.support.signing import NOW, Office, ms, with_boxes
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.document import Document
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.signing import (
    Box,
    NewField,
    Proofs,
    lay_boxes,
    prepare_closing,
    prepare_signature,
)
from veche.documents.pki import der
from veche.documents.pki.cms import Signer, der_of
from veche.documents.pki.digests import HASHES
from veche.documents.pki.stamps import StampRequest, read_token
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from veche.documents.pki.digests import Hash

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

STATIC: Final = WIDGETS / "static"
LETTERS: Final = ROOT / "veche" / "documents" / "pdf" / "letters.json"
RANDOM: Final = random.Random(5)  # noqa: S311 -- test data
NAMES: Final = ("Alice Adams", "Боб Браун", "李雷", "𝔄lice 🖋", "Ann (née) <Bo>\\")
SIGNERS: Final = ("Alice Adams", "Боб Браун", "Carol Clark")
CLAUSE: Final = "c7"
"""That the last of them signs by itself, too."""
SIGNATURES: Final = len(SIGNERS) + 1
LOOK: Final = Look("Арендатор · жилец", "Advanced signature")
FILES: Final = 40


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def by_page(code: str, given: Any) -> Any:
    """What a piece of JavaScript makes of ``given``, asked of Node: it calls ``answer``."""
    whole = f"""
        const at = (name) => import({json.dumps(STATIC.as_uri())} + "/" + name);
        const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
        const base64 = (data) => Buffer.from(data).toString("base64");
        let text = "";
        for await (const part of process.stdin) text += part;
        const given = JSON.parse(text);
        const answer = (value) => process.stdout.write(JSON.stringify(value));
        {code}
    """
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", whole],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Revisions


_REVISIONS: Final = """
    const { openFile, layBoxes, prepareSignature, prepareClosing, filled } =
        await at("pdf/signing.js");
    const { pageCount } = await at("pdf/tree.js");
    const { readFile } = await import("node:fs/promises");
    const letters = JSON.parse(await readFile(given[0].letters));
    const none = { digest: new Uint8Array(), hole: [0, 0] };
    const { HASHES } = await at("signatures/digests.js");
    const hashes = new Map(HASHES.map((one) => [one.name, one]));
    const found = [];
    for (const one of given.slice(1)) {
        const [file, proofs] = [openFile(bytes(one.pdf)), {}];
        for (const key of ["certificates", "lists"]) proofs[key] = one[key].map(bytes);
        const made =
            one.does === "boxes"
                ? { data: layBoxes(file, one.boxes, one.letters && letters), ...none }
                : one.does === "sign"
                  ? await prepareSignature(
                        file, one.field, proofs, one.name, one.now, one.look, one.isNew)
                  : await prepareClosing(file, one.field, proofs, hashes.get(one.by));
        const whole = one.cms ? filled(made, bytes(one.cms)) : made.data;
        found.push([base64(made.data), base64(made.digest), made.hole, base64(whole),
            pageCount(file.document)]);
    }
    answer(found);
"""


def _corners() -> list[float]:
    """Any four numbers, whole ones and halves of what is written."""
    return [
        RANDOM.choice(
            (RANDOM.randrange(-80, 6000) / 8, RANDOM.uniform(-10, 900), RANDOM.randrange(900))
        )
        for _ in range(4)
    ]


def _box() -> list[float]:
    """A box in which a signature can be shown."""
    left, bottom = RANDOM.uniform(0, 300), RANDOM.randrange(4000) / 8
    return [left, bottom, left + RANDOM.uniform(61, 399), bottom + RANDOM.uniform(31, 149)]


def _turned(box: Box) -> Box:
    """The box on a page that is shown turned or not, as wide as it was."""
    turn = RANDOM.choice((0, 90, 180, 270))
    left, bottom, right, top = box.corners
    if turn % 180:
        right, top = left + top - bottom, bottom + right - left
    return Box(box.field, box.page, (left, bottom, right, top), turn)


def _bases() -> tuple[bytes, ...]:
    """Documents with a form, notes and a tree of pages in the places where files have them."""
    tree = {
        2: b"<</Type/Pages/Kids[6 0 R 7 0 R]/Count 2>>",
        6: b"<</Type/Pages/Parent 2 0 R/Kids[3 0 R]/Count 1>>",
        7: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots 8 0 R>>",
        8: b"[9 0 R]",
        9: b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/T(\\(a\\)\\101) >>",
        10: b"<</Fields 11 0 R/DR<</Font<<>>>>>>",
        11: b"[]",
    }
    return (
        page("Pay 100 EUR to Bob"),
        page("Pay").removesuffix(b"\n"),
        page("Pay", catalog=b"/AcroForm<</Fields[]/DA(/Helv 0 Tf)>>"),
        page("Pay", tree, catalog=b"/AcroForm 10 0 R"),
    )


def _steps() -> Iterator[tuple[dict[str, Any], tuple[bytes, bytes, tuple[int, int], bytes]]]:
    """Inputs, and what Python makes of each."""
    offices, bases = (Office(), Answering()), _bases()
    for number in range(FILES):
        office = offices[number // 2 % 2]
        base = bases[number % len(bases)]
        document = Document(base)
        pages = page_count(document)
        is_shown = number % 2 == 1
        corners = [_box() if is_shown else _corners() for _ in range(1 + number % 4)]
        boxes = [
            _turned(Box(f"{RANDOM.choice(NAMES)} {at}", at % pages, (a, b, c, d)))
            for at, (a, b, c, d) in enumerate(corners)
        ]
        laid = lay_boxes(document, boxes)
        asked_boxes = _asked(base, does="boxes", boxes=[_given(one) for one in boxes])
        yield asked_boxes, (laid, b"", (0, 0), laid)
        both = lay_boxes(document, boxes, with_letters=True)
        yield {**asked_boxes, "letters": True}, (both, b"", (0, 0), both)
        pdf = base + (lay_boxes(document, boxes, with_letters=True) if is_shown else laid)
        for at, box in enumerate(boxes):
            person = office.person(f"Person {at}", pdf)
            proofs = office.proofs(person.certificate, NOW)
            now, look = ms(NOW) + RANDOM.randrange(10**12), LOOK if is_shown else None
            name = RANDOM.choice(SIGNERS if is_shown else NAMES)
            made = prepare_signature(Document(pdf), box.field, proofs, name, now, look=look)
            cms = RANDOM.randbytes(RANDOM.randrange(1, 5001))
            said = {"does": "sign", "field": box.field, "name": name, "now": now}
            if look is not None:
                said["look"] = {"role": look.role, "level": look.level}
            filled = made.filled(cms)
            yield (
                _asked(pdf, proofs, cms, **said),
                (made.data, made.digest, made.hole, filled),
            )
            pdf += filled
        extra = Proofs([RANDOM.randbytes(50)], []) if number % 2 else Proofs()
        by = HASHES[number % len(HASHES)]
        closed = prepare_closing(Document(pdf), "Seal1", extra, by=by)
        yield (
            _asked(pdf, extra, b"\x30", does="close", field="Seal1", by=by.name),
            (closed.data, closed.digest, closed.hole, closed.filled(b"\x30")),
        )
        yield _added(pdf + closed.filled(b"\x30"), extra)


def _added(
    pdf: bytes, proofs: Proofs
) -> tuple[dict[str, Any], tuple[bytes, bytes, tuple[int, int], bytes]]:
    """A signature in a field that is made with it, in a file that was signed and closed before."""
    name, now = RANDOM.choice(NAMES), ms(NOW)
    made = prepare_signature(Document(pdf), NewField("Added"), proofs, name, now)
    said = {"does": "sign", "field": "Added", "name": name, "now": now, "isNew": True}
    filled = made.filled(b"\x30")
    return _asked(pdf, proofs, b"\x30", **said), (made.data, made.digest, made.hole, filled)


def _given(box: Box) -> dict[str, Any]:
    told = {"field": box.field, "page": box.page, "corners": list(box.corners)}
    return {**told, "turn": box.turn} if box.turn else told


def _asked(
    pdf: bytes, proofs: Proofs | None = None, cms: bytes = b"", **said: Any
) -> dict[str, Any]:
    held = proofs or Proofs()
    return {
        "pdf": _b64(pdf),
        "certificates": [_b64(one) for one in held.certificates],
        "lists": [_b64(one) for one in held.lists],
        "cms": _b64(cms),
        **said,
    }


def test_page_writes_every_revision_as_the_command_does() -> None:
    steps = list(_steps())

    found = by_page(_REVISIONS, [{"letters": str(LETTERS)}, *(given for given, _ in steps)])

    for (given, (data, digest, hole, filled)), other in zip(steps, found, strict=True):
        theirs = [base64.b64decode(other[at]) for at in (0, 1, 3)]
        assert theirs == [data, digest, filled], given["does"]
        assert tuple(other[2]) == hole
        assert other[4] == page_count(Document(base64.b64decode(given["pdf"])))


_REFUSED: Final = """
    const { openFile, layBoxes, prepareSignature, prepareClosing } = await at("pdf/signing.js");
    const { PdfError } = await at("pdf/values.js");
    const file = openFile(bytes(given));
    const none = { certificates: [], lists: [] };
    const box = (field, page) => [{ field, page, corners: [0, 0, 1, 1] }];
    const found = [];
    for (const work of [
        () => layBoxes(file, box("Sig1", 0)),
        () => layBoxes(file, [...box("New", 0), ...box("New", 0)]),
        () => layBoxes(file, box("New", 1)),
        () => prepareSignature(file, "None", none, "A", 0),
        () => prepareSignature(file, "Sig1", none, "A", 0),
        () => prepareSignature(file, "Sig2", none, "\\ud800", 0),
        () => prepareClosing(file, "Sig2", none),
    ])
        found.push(await Promise.try(work).then(() => "made", (e) => e instanceof PdfError));
    answer(found);
"""


def test_page_refuses_what_can_not_be_signed() -> None:
    office = Office()
    document = with_boxes(page("Pay"), ["Sig1", "Sig2"])
    signed = office.person("Alice", document).sign(document, "Sig1")

    assert by_page(_POLYFILL + _REFUSED, _b64(signed)) == [True] * 7


_POLYFILL: Final = "Promise.try ??= async (work) => work();"
"""Node 20 has not what browsers have."""


# Signatures


_SIGNATURES: Final = """
    const { readCertificate } = await at("signatures/certificate.js");
    const { signedAttributes, DATA } = await at("signatures/cms.js");
    const { derOf, detached } = await at("signatures/making.js");
    const { stampRequest } = await at("signatures/stamps.js");
    const { HASHES } = await at("signatures/digests.js");
    const found = [];
    for (const one of given) {
        const certificate = readCertificate(bytes(one.certificate));
        const attributes = await signedAttributes(certificate, bytes(one.digest), DATA);
        const signature = derOf(bytes(one.raw));
        const token = one.token ? bytes(one.token) : undefined;
        const cms = detached(certificate, one.chain.map(bytes), attributes, signature, token);
        const nonce = bytes(one.nonce);
        const by = HASHES.find(({ name }) => name === one.by);
        const request = stampRequest({ imprint: bytes(one.digest), nonce, by });
        found.push([attributes, signature, cms, request].map(base64));
    }
    answer(found);
"""


def test_attributes_signatures_and_requests_are_byte_equal() -> None:
    office = Office()
    cases, ours = [], []
    for number in range(60):
        person = office.person(RANDOM.choice(NAMES), RANDOM.randbytes(9))
        chain = [office.issuing.certificate, office.root.certificate][: number % 3]
        signer = Signer(person.certificate, chain)
        digest, nonce = RANDOM.randbytes(32), RANDOM.randbytes(16)[number % 17 :]
        r, s = (RANDOM.getrandbits(RANDOM.choice((1, 8, 200, 247, 248, 255, 256))) for _ in "rs")
        signature = der.sequence(der.integer(r), der.integer(s))
        attributes = signer.signed_attributes(digest)
        token = office.token(digest, NOW) if number % 2 else b""
        by = HASHES[number % len(HASHES)]
        request = StampRequest(digest, int.from_bytes(nonce, "big"), by)
        ours.append(
            [
                attributes,
                signature,
                signer.detached(attributes, signature, token),
                request.encoded(),
            ]
        )
        cases.append(
            {
                "by": by.name,
                "certificate": _b64(der_of(person.certificate)),
                "chain": [_b64(der_of(one)) for one in chain],
                "digest": _b64(digest),
                "raw": _b64(r.to_bytes(32, "big") + s.to_bytes(32, "big")),
                "token": _b64(token),
                "nonce": _b64(nonce),
            }
        )

    found = by_page(_SIGNATURES, cases)

    assert [[base64.b64decode(part) for part in one] for one in found] == ours


# The whole of it


_SIGN: Final = """
    const { openFile } = await at("pdf/signing.js");
    const { joined } = await at("verify/bytes.js");
    const { sign, close } = await at("signatures/signing.js");
    const { stamper } = await at("signatures/stamps.js");
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const tsa = bytes(given.tsa);
    const post = async (body) =>
        new Uint8Array(await (await fetch(given.address, { method: "POST", body })).arrayBuffer());
    const stamp = stamper(post, tsa);
    let whole = bytes(given.pdf);
    for (const one of given.signers) {
        const key = await crypto.subtle.importKey("pkcs8", bytes(one.key), curve, false, ["sign"]);
        const certified = {
            certificate: bytes(one.certificate),
            chain: given.chain.map(bytes),
            root: bytes(given.root),
            tsa,
            lists: one.lists.map(bytes),
        };
        const file = openFile(whole);
        const { field, name } = one;
        const { now: nowMs, look } = given;
        const added = await sign({ file, field, key, certified, name, nowMs, stamp, look });
        whole = joined(whole, added);
    }
    const none = { certificates: [], lists: [] };
    answer(base64(joined(whole, await close(openFile(whole), "Seal1", none, stamp))));
"""


@functools.cache
def _present() -> Office:
    # pdfsig judges at the present time.
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as above
    return Office(now - dt.timedelta(hours=1))


@contextmanager
def _stamps(office: Office) -> Iterator[str]:
    """Where an authority answers requests for time stamps."""
    who, serials = office.stamping, itertools.count(1)
    authority = StampAuthority(who.certificate, who.key, STAMP_POLICY)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = authority.answer(body, next(serials), ms(office.now))
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="stamps", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@functools.cache
def _signed_by_page() -> bytes:
    """Three signers and a closing stamp on a page of typst, all made by the page's modules."""
    office = _present()
    source = '#set document(title: [Lease])\n#set text(lang: "en")\nLease. Договор.'
    fields = [f"Sig{number}" for number, _ in enumerate(SIGNERS, 1)]
    clause = f"{fields[-1]}:{CLAUSE}"
    pdf = with_boxes(
        typst.compile(source.encode(), pdf_standards=["a-3b"]), [*fields, clause], with_letters=True
    )
    signers = []
    for name, field in zip(SIGNERS, fields, strict=True):
        person = office.person(name, pdf)
        secret = person.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        lists = office.proofs(person.certificate, office.now).lists
        signers.append(
            {
                "name": name,
                "field": field,
                "key": _b64(secret),
                "certificate": _b64(der_of(person.certificate)),
                "lists": [_b64(one) for one in lists],
            }
        )
    signers.append({**signers[-1], "field": clause})
    with _stamps(office) as address:
        given = {
            "pdf": _b64(pdf),
            "signers": signers,
            "chain": [_b64(der_of(office.issuing.certificate))],
            "root": _b64(der_of(office.root.certificate)),
            "tsa": _b64(der_of(office.stamping.certificate)),
            "address": address,
            "now": ms(office.now),
            "look": {"role": LOOK.role, "level": LOOK.level},
        }
        return base64.b64decode(by_page(_SIGN, given))


def test_what_a_page_signs_is_sealed_for_the_strict_verdict() -> None:
    office = _present()

    report = judge(_signed_by_page(), Trusted([office.root.certificate], office.now))

    assert report.verdict is Verdict.SEALED, report.findings
    assert [one.name for one in report.signers] == [*SIGNERS, SIGNERS[-1]]
    assert [one.clause for one in report.signers] == [*([""] * len(SIGNERS)), CLAUSE]
    assert all(one.is_proven for one in report.signers)


def test_what_a_page_signs_is_sealed_for_the_page_too() -> None:
    office = _present()
    verdict = """
        const { judge } = await at("signatures/verdict.js");
        const { readCertificate } = await at("signatures/certificate.js");
        const root = readCertificate(bytes(given.root));
        answer(await judge(bytes(given.pdf), [root], given.now));
    """
    root = _b64(der_of(office.root.certificate))
    given = {"pdf": _b64(_signed_by_page()), "root": root, "now": ms(office.now)}

    report = by_page(verdict, given)

    assert (report["verdict"], report["findings"]) == ("sealed", [])
    assert [one["name"] for one in report["signers"]] == [*SIGNERS, SIGNERS[-1]]
    assert report["signers"][-1]["clause"] == CLAUSE


def test_what_a_page_signs_is_trusted_by_pdfsig(tmp_path: Path) -> None:
    said = by_pdfsig(tmp_path, _signed_by_page(), _present().root.certificate)

    assert said.count("Signature is Valid.") == SIGNATURES
    assert said.count("Certificate is Trusted.") == SIGNATURES
    assert "- Total document signed" in said


def test_what_a_page_signs_is_good_for_pyhanko() -> None:
    moment = _present().now + dt.timedelta(seconds=5)

    found = by_pyhanko(_signed_by_page(), _present().root.certificate, moment)

    assert [one.bottom_line for one in found[:-1]] == [True] * SIGNATURES
    assert all(one.modification_level <= ModificationLevel.FORM_FILLING for one in found[:-1])
    assert (found[-1].intact, found[-1].valid, found[-1].trusted) == (True, True, True)


# Time stamps that are none


_STAMPS: Final = """
    const { HASHES } = await at("signatures/digests.js");
    const { readAnswer } = await at("signatures/stamps.js");
    const { readCertificate } = await at("signatures/certificate.js");
    const found = [];
    for (const one of given) {
        const by = HASHES.find(({ name }) => name === one.by);
        const asked = { imprint: bytes(one.imprint), nonce: bytes(one.nonce), by };
        const authority = readCertificate(bytes(one.authority));
        found.push(
            await readAnswer(bytes(one.answer), asked, authority).then(base64, (e) => e.name),
        );
    }
    answer(found);
"""


@pytest.mark.parametrize("by", HASHES, ids=lambda one: one.name)
def test_page_takes_the_stamp_that_it_asked_for_and_no_other(by: Hash) -> None:
    office, stranger = Office(), Office()
    imprint, nonce = b"\1" * by.size, b"\0\x80\2"
    request = StampRequest(imprint, int.from_bytes(nonce, "big"), by)
    other_hash = next(one for one in HASHES if one is not by)
    authority = StampAuthority(office.stamping.certificate, office.stamping.key, STAMP_POLICY)
    other = StampAuthority(stranger.stamping.certificate, stranger.stamping.key, STAMP_POLICY)
    persons = StampAuthority(office.issuing.certificate, office.issuing.key, STAMP_POLICY)
    good = authority.answer(request.encoded(), 7, ms(NOW))
    flipped = good[:-1] + bytes((good[-1] ^ 1,))
    answers = {
        "good": good,
        **{
            name: authority.answer(one.encoded(), 7, ms(NOW))
            for name, one in {
                "another imprint": attrs.evolve(request, imprint=b"\2" * by.size),
                "another nonce": attrs.evolve(request, nonce=5),
                "no nonce": attrs.evolve(request, nonce=None),
                "another hash": StampRequest(b"\1" * other_hash.size, request.nonce, other_hash),
            }.items()
        },
        "a stranger's": other.answer(request.encoded(), 7, ms(NOW)),
        "another signature": flipped,
        "refused": authority.answer(b"?", 7, ms(NOW)),
        "nothing": b"",
        "more": good + b"\0",
    }
    key = office.stamping.certificate
    cases = [(one, key) for one in answers.values()]
    of_persons = persons.answer(request.encoded(), 7, ms(NOW))
    cases.append((of_persons, office.issuing.certificate))
    given = [
        {
            "answer": _b64(answer),
            "authority": _b64(der_of(who)),
            "imprint": _b64(imprint),
            "nonce": _b64(nonce),
            "by": by.name,
        }
        for answer, who in cases
    ]

    found = by_page(_STAMPS, given)

    assert read_token(base64.b64decode(found[0])).imprint == imprint
    assert found[1:] == ["Error"] * (len(cases) - 1)


# Keys and ciphers of a session


def test_the_key_of_a_signature_can_not_be_taken_out_of_the_page() -> None:
    code = """
        const { makeKey, publicKeyOf } = await at("signatures/making.js");
        const { privateKey, publicKey } = await makeKey();
        const forms = await Promise.all(["pkcs8", "jwk"].map((form) =>
            crypto.subtle.exportKey(form, privateKey).then(() => "out", (e) => e.name)));
        answer([...forms, privateKey.extractable, base64(await publicKeyOf(publicKey))]);
    """
    *forms, is_extractable, spki = by_page(code, None)

    assert all(one.startswith("InvalidAccess") for one in forms)
    assert is_extractable is False
    assert isinstance(load_der_public_key(base64.b64decode(spki)), ec.EllipticCurvePublicKey)


_PAPER: Final = """
    globalThis.window = globalThis;
    const { codeOf, partiesDigest } = await at("sign/paper.js");
    const { decrypt, encrypt, importKey } = await at("sign/cipher.js");
    const found = [];
    for (const one of given) {
        const key = await importKey(bytes(one.key));
        const plain = await decrypt(key, bytes(one.cipher), one.purpose);
        const wrong = await decrypt(key, bytes(one.cipher), one.purpose + "1");
        found.push({
            code: await codeOf(one.digest, one.session),
            parties: await partiesDigest(one),
            plain: base64(plain),
            isWrong: wrong === undefined,
            cipher: base64(await encrypt(key, plain, one.purpose)),
        });
    }
    answer(found);
"""


def _party_of(number: int) -> Member:
    role = RANDOM.choice(list(Role))
    name, person = RANDOM.choice(NAMES), f"@p{number}:example.org"
    return Member(Party(f"p{number}", role), person, name, "", RecordLevel.ADVANCED)


def test_page_and_service_agree_on_codes_parties_and_ciphers() -> None:
    cases, ours = [], []
    for number in range(20):
        members = [_party_of(one) for one in range(1, 3 + number % 4)]
        if number % 3 == 0:
            members[0] = attrs.evolve(members[0], delegated_to=members[-1].id)
        ids = tuple(one.id for one in members)
        stages = [Stage(ids[:1], None), Stage(ids[1:], RANDOM.choice((None, 1)))]
        acts = {one.delegated_to: one.id for one in members if one.delegated_to}
        digest, data, key = (RANDOM.randbytes(size) for size in (32, 1 + 999 * number, 32))
        session, purpose = f"01KAV3Z8K4Q6V5W7X9Y0A1B2{number:02}", increment_of(number)
        cases.append(
            {
                "session": session,
                "digest": encode_base64(digest),
                "parties": [
                    {
                        "party": one.id,
                        "role": one.party.role.value,
                        "name": one.name,
                        "user": one.person,
                        "acts_for": acts.get(one.id),
                    }
                    for one in members
                ],
                "stages": [{"need": one.need, "parties": list(one.parties)} for one in stages],
                "key": _b64(key),
                "cipher": _b64(encrypt(key, data, purpose)),
                "purpose": purpose.decode(),
            }
        )
        code, parties = code_of(digest, session), encode_base64(parties_sha256(members, stages))
        ours.append((code, parties, data, key, purpose))

    found = by_page(_PAPER, cases)

    for (code, parties, data, key, purpose), other in zip(ours, found, strict=True):
        assert (other["code"], other["parties"], other["isWrong"]) == (code, parties, True)
        assert base64.b64decode(other["plain"]) == data
        assert decrypt(key, base64.b64decode(other["cipher"]), purpose) == data
