"""Who stands behind the page of signatures in its tests: a session, its authorities, other signers.

It answers as the service does, in its shapes, by the same functions where they are pure; the
service itself is tested elsewhere. What the page hands in is judged by the strict verdict.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs
import pikepdf
import typst
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import STAMP_POLICY, Fresh, Holder
from appservices.signing.authority.core.levels import Level
from appservices.signing.keys.core.document_code import code_of
from appservices.signing.keys.document_cipher import (
    DOCUMENT,
    decrypt,
    encrypt,
    fresh_key,
    increment_of,
)
from appservices.signing.parties.api.declining import DeclineBody
from appservices.signing.parties.api.parties import (
    AskBody,
    AskedView,
    CertificateBody,
    CertificateView,
    DocumentView,
    ProofsView,
    RevisionView,
    SessionView,
    SignatureBody,
    StageView,
    YouView,
)
from appservices.signing.parties.api.waiting import (
    AskedListView,
    AskListBody,
    PrivateParty,
    WaitingList,
    WaitingParty,
)
from appservices.signing.sessions.core.parties import Party, PartyState, Role, Stage
from appservices.signing.sessions.core.records import Member, parties_sha256
from appservices.signing.stamps.core import StampAuthority
from tests.support import uploads
from tests.support.containers import LEASE, odt
from tests.support.signing import Office, with_boxes
from veche.contracts.signing.signing_api import ClauseView, PartyView
from veche.documents.asic.container import new_container, read_container
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.document import Document
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.signing import form_fields
from veche.documents.pdf.values import array
from veche.documents.pdf.values import number as coordinate
from veche.documents.pki import certificates
from veche.documents.pki.cms import der_of
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.approval import (
    Approval,
    AskedApproval,
    Decline,
    ShownClause,
    ShownDocument,
    SignatureShown,
    documents_sha256,
    signed_bytes,
)
from veche.protocol.canonical import canonical
from veche.protocol.ids import UserId
from veche.protocol.p256 import verify
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from tests.widgets.commands import Command

SESSION: Final = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"
ALICE: Final = UserId("@alice:localhost")
BOB: Final = UserId("@bob:localhost")
TITLE: Final = "Lease of flat 12b"
_CLAUSES: Final = (
    ClauseView(id="c1", title="House rules", kind="required", page=1),
    ClauseView(id="c7", title="Penalty", kind="unfair", page=2, field="Sig1:c7"),
    ClauseView(id="c9", title="News by e-mail", kind="optional", page=3),
)
_PAGES: Final = (
    '#set document(title: [Lease])\n#set text(lang: "en", size: 12pt)\n'
    "= Lease of flat 12b\nRent: 900 EUR a month. Договор аренды."
)
_HOUR: Final = dt.timedelta(hours=1)

COMMANDS: Final[dict[str, Command]] = {}


def command(function: Any) -> Any:
    """Make a function a command, by its own name."""
    COMMANDS[function.__name__] = function
    return function


@attrs.define
class Desk:
    """One session at a time; each test begins its own.

    Attributes:
        office: The authorities.
        key: Of the session.
        document: Before anybody signed it.
        whole: With all revisions.
        revisions: As they were taken.
        clauses: Of the document.
        is_signed: Whether somebody else had signed it before it was sent.
        state: Of Alice.
        ended: State of the session.
        asked: What was asked last.
        certificate: That was issued last.
        certified: How many were issued.
        device: Alice's device key, 65 bytes.
    """

    office: Office
    key: bytes = b""
    document: bytes = b""
    whole: bytes = b""
    revisions: list[RevisionView] = attrs.field(factory=list)
    clauses: tuple[ClauseView, ...] = ()
    is_signed: bool = False
    state: PartyState = PartyState.INVITED
    is_bob_done: bool = False
    asked: AskedApproval | None = None
    certificate: Certificate | None = None
    certified: int = 0
    device: bytes = b""

    @classmethod
    def new(cls) -> Desk:
        """With authorities that are an hour old."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- browsers have their own
        return cls(Office(now - _HOUR))

    @property
    def now(self) -> dt.datetime:
        """The time; browsers have their own, too."""
        return dt.datetime.now(dt.UTC)  # noqa: TID251 -- as above

    @property
    def now_ms(self) -> int:
        """The same in milliseconds."""
        return int(self.now.timestamp() * 1000)

    @property
    def members(self) -> tuple[Member, ...]:
        """Alice and Bob."""
        bob = PartyState.SIGNED if self.is_bob_done else PartyState.INVITED
        return (
            Member(
                Party("p1", Role.SIGNER, self.state), ALICE, "Alice Adams", "Sig1", Level.ADVANCED
            ),
            Member(Party("p2", Role.SIGNER, bob), BOB, "Боб Браун", "Sig2", Level.ADVANCED),
        )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Both at once."""
        return (Stage(("p1", "p2"), None),)

    def proofs(self) -> tuple[list[str], list[str]]:
        """Certificates and lists that every signer needs."""
        office = self.office
        known = (office.issuing.certificate, office.stamping.certificate)
        chain = [encode_base64(der_of(one)) for one in (office.root.certificate, *known)]
        return chain, [encode_base64(office.list_of(one, self.now)) for one in known]

    def view(self) -> SessionView:
        """The session as Alice sees it."""
        chain, lists = self.proofs()
        digest = hashlib.sha256(self.document).digest()
        cipher = self.cipher
        can_act = self.state in (PartyState.INVITED, PartyState.VIEWED)
        return SessionView(
            session=SESSION,
            state="open",
            title=TITLE,
            requester="Lindenau Housing Cooperative",
            effect="when_complete",
            may_delegate=True,
            deadline_at_ms=self.now_ms + 7 * 86_400_000,
            code=code_of(digest, SESSION),
            parties_sha256=encode_base64(parties_sha256(self.members, self.stages)),
            document=DocumentView(
                sha256=encode_base64(digest),
                size=len(self.document),
                pages=3,
                blob=hashlib.sha256(cipher).hexdigest(),
                is_signed=self.is_signed,
            ),
            clauses=list(self.clauses),
            stages=[StageView(need=one.need, parties=list(one.parties)) for one in self.stages],
            parties=[
                PartyView(
                    party=one.id,
                    role="signer",
                    name=one.name,
                    user=one.person,
                    state=one.party.state.value,
                )
                for one in self.members
            ],
            you=YouView(
                party="p1",
                role="signer",
                level="S2",
                field="Sig1",
                state=self.state.value,
                can_act=can_act,
            ),
            revisions=self.revisions,
            proofs=ProofsView(certificates=chain, lists=lists),
            now_ms=self.now_ms,
        )

    @property
    def cipher(self) -> bytes:
        """The document's, the same each time: a blob is named by its digest."""
        if not self._cipher:
            self._cipher = encrypt(self.key, self.document, DOCUMENT)
        return self._cipher

    _cipher: bytes = b""
    matter: bytes = b""
    """Of a blind session, as the browser of who asks has made it; empty: it is none."""
    closed: bool = False

    def take(self, party: str, increment: bytes) -> None:
        """Keep a revision."""
        number = len(self.revisions) + 1
        before = hashlib.sha256(self.whole).digest()
        self.whole += increment
        view = RevisionView(
            number=number,
            party=party,
            previous_sha256=encode_base64(before),
            sha256=encode_base64(hashlib.sha256(self.whole).digest()),
            size=len(increment),
            increment=encode_base64(encrypt(self.key, increment, increment_of(number))),
        )
        self.revisions = [*self.revisions, view]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _json(view: Any) -> Any:
    return view.model_dump(mode="json", exclude_none=True)


def _source(pages: int) -> str:
    more = [f"Page {number}. #lorem(200)" for number in range(2, pages + 1)]
    attached = '#pdf.attach("terms.txt", bytes("Terms"), relationship: "supplement")'
    return "\n#pagebreak()\n".join([_PAGES + attached, *more])


@functools.cache
def _document(pages: int, *, has_clauses: bool) -> bytes:
    """A lease with boxes for two, and for a clause of the first."""
    source = _source(pages)
    boxes = ["Sig1", "Sig2", *(["Sig1:c7"] if has_clauses else [])]
    return with_boxes(typst.compile(source.encode()), boxes, with_letters=True)


@command
def begin(
    desk: Desk, *, has_clauses: bool = False, is_signed: bool = False, pages: int = 3
) -> dict[str, Any]:
    """A new session: the fragment of Alice's link, and the document."""
    pdf = _document(pages, has_clauses=has_clauses)
    if is_signed:
        office = desk.office
        base = with_boxes(typst.compile(_source(pages).encode()), ["Sig9"])
        signed = office.person("Carol Clark", base).sign(base, "Sig9", desk.now)
        pdf = office.close(signed, desk.now, name="Closed")
    fresh = Desk(desk.office, fresh_key(), pdf, pdf)
    fresh.is_signed = is_signed
    fresh.clauses = _CLAUSES if has_clauses else ()
    for field in attrs.fields(Desk):
        setattr(desk, field.name, getattr(fresh, field.name))
    return {
        "fragment": f"s={SESSION}&p=p1&t={'t' * 32}&k={_base64url(desk.key)}",
        "document": base64.b64encode(pdf).decode(),
    }


@command
def enrol(desk: Desk, *, public_key: Sequence[int]) -> None:
    """Alice's device has a key."""
    desk.device = bytes(public_key)


@command
def session(desk: Desk) -> Any:
    """GET /sessions/{id}."""
    return _told(desk)


_SALT: Final = hashlib.sha256(b"salt").digest()


def _veiled(words: str) -> str:
    return encode_base64(hashlib.sha256(_SALT + words.encode()).digest())


@command
def begin_blind(desk: Desk, *, has_bob: bool = False, title: str = TITLE) -> dict[str, Any]:
    """A new session that no service can read: Alice signs, and Bob if he is asked.

    The title in its matter may be another than what the service says the digest of.
    """
    begun = begin(desk)
    desk.is_bob_done = not has_bob
    matter = {
        "v": 1,
        "salt": encode_base64(_SALT),
        "title": title,
        "filename": "lease.pdf",
        "names": {str(ALICE): "Alice Adams", str(BOB): "Боб Браун"},
        "clauses": [],
    }
    desk.matter = encrypt(desk.key, json.dumps(matter).encode(), b"veche.signing.matter")
    digest = _base64url(hashlib.sha256(desk.document).digest())
    key = _base64url(desk.key)
    return {
        **begun,
        "private": f"s={SESSION}&k={key}&d={digest}",
        "of_bot": f"s={SESSION}&p=p1&t={'t' * 32}",
    }


def _told(desk: Desk) -> Any:
    """The session as Alice is told of it."""
    told = _json(desk.view())
    if not desk.matter:
        return told
    del told["title"]
    is_done = desk.state is PartyState.SIGNED and desk.is_bob_done
    blind = {
        "mode": "blind",
        "title_sha256": _veiled(TITLE),
        "matter": encode_base64(desk.matter),
        "requester": str(BOB),
        "is_to_close": is_done and not desk.closed,
        "state": "completed" if desk.closed else "sealing" if is_done else "open",
        "parties": [{**one, "name": one["user"]} for one in told["parties"]],
    }
    sha256 = encode_base64(hashlib.sha256(desk.whole).digest())
    until_ms = desk.now_ms + 90 * 86_400_000
    ended = {"final_sha256": sha256, "deletes_at_ms": until_ms} if desk.closed else {}
    return {**told, **blind, **ended, "parties_sha256": _parties(blind["parties"], told["stages"])}


def _parties(parties: Any, stages: Any) -> str:
    keys = ("party", "role", "name", "user")
    told = {
        "parties": [{key: one[key] for key in keys} for one in parties],
        "stages": [{"need": one.get("need"), "parties": one["parties"]} for one in stages],
    }
    return encode_base64(hashlib.sha256(canonical(told)).digest())


@command
def ask_blind(desk: Desk, *, body: Any) -> Any:
    """POST /sessions/{id}/ask of such a session."""
    asked = ask_approval(desk, body=body)
    told, shown = _told(desk), asked["asked"]["shown"]
    del shown["title"]
    shown |= {"title_sha256": told["title_sha256"], "requester": told["requester"]}
    shown |= {"parties_sha256": told["parties_sha256"]}
    return asked


@command
def certify_blind(desk: Desk, *, body: Any) -> Any:
    """POST /certificates: what is approved is checked by the service, and in its own tests."""
    assert body["approval"]["approval"]["shown"]["title_sha256"] == _veiled(TITLE)
    return issue(desk, spki=body["spki"])


@command
def take_blind(desk: Desk, *, body: Any) -> Any:
    """POST /sessions/{id}/signatures or /closing: what the service can check of it."""
    told = body["revision"]
    number = len(desk.revisions) + 1
    if told["number"] != number:
        return {"is_stale": True}
    increment = decrypt(desk.key, decode_base64(told["increment"]), increment_of(number))
    assert told["size"] == len(increment)
    assert decode_base64(told["cms"]).hex().encode() in increment
    desk.take("p1", increment)
    assert told["sha256"] == encode_base64(hashlib.sha256(desk.whole).digest())
    desk.closed = desk.state is PartyState.SIGNED
    desk.state = PartyState.SIGNED
    report = judge(desk.whole, Trusted([desk.office.root.certificate], desk.now))
    assert any(encode_base64(one) == told["signed_sha256"] for one in _digests(desk.whole)), report
    return {"is_stale": False, "session": _told(desk)}


def _digests(pdf: bytes) -> list[bytes]:
    """What each signature of a file covers."""
    ranges = re.findall(rb"/ByteRange \[0 (\d+) +(\d+) +(\d+) *\]", pdf)
    parts = [tuple(map(int, one)) for one in ranges]
    return [
        hashlib.sha256(pdf[:first] + pdf[second : second + length]).digest()
        for first, second, length in parts
    ]


@command
def garbage(desk: Desk) -> None:
    """Bob hands in what is no signature; the service cannot see that."""
    desk.take("p2", b"\n% no signature at all\n")
    desk.is_bob_done = True


@command
def swap(desk: Desk) -> None:
    """The service puts another document in the place of the one that was sent."""
    other = with_boxes(typst.compile(b"Another lease."), ["Sig1", "Sig2"], with_letters=True)
    desk.document = desk.whole = other
    desk._cipher = b""


@command
def blob(desk: Desk) -> str:
    """GET /blobs/{digest}, in base64."""
    return base64.b64encode(desk.cipher).decode()


@command
def ask_approval(desk: Desk, *, body: Any) -> Any:
    """POST /sessions/{id}/ask."""
    told, view = AskBody.model_validate(body), desk.view()
    answers = {one.id: one.accepted for one in told.clauses}
    shown = SignatureShown(
        title=view.title,
        sha256=view.document.sha256,
        size=view.document.size,
        pages=view.document.pages,
        requester=view.requester,
        session=SESSION,
        party="p1",
        role="signer",
        level=told.level,
        code=view.code,
        parties_sha256=view.parties_sha256,
        effect=view.effect,
        read=told.read,
        clauses=tuple(
            ShownClause(id=one.id, title=one.title, accepted=answers.get(one.id, True))
            for one in view.clauses
        ),
        key=told.key,
    )
    nonce = base64.b32encode(secrets.token_bytes(20)).decode().lower()
    desk.asked = AskedApproval(kind="signature", nonce=nonce, person=ALICE, shown=shown)
    asked = desk.asked.model_dump(mode="json", exclude_none=True)
    return _json(AskedView(asked=asked, now_ms=desk.now_ms, expires_at_ms=desk.now_ms + 300_000))


@command
def waiting(desk: Desk) -> dict[str, Any]:
    """GET /waiting: the session, and another one that is signed by itself; the link to the list."""
    one = WaitingParty(
        session=SESSION, party="p1", token="t" * 32, key=_base64url(desk.key), title=TITLE
    )
    other = one.model_copy(update={"title": "House rules"})
    return _listed(desk, WaitingList(documents=[one], others=[other], private=[], more=3))


@command
def waiting_blind(desk: Desk) -> dict[str, Any]:
    """GET /waiting: a session that no service can read, and one of which that is signed alone."""
    one = PrivateParty(
        session=SESSION, party="p1", token="t" * 32, requester=str(BOB), is_together=True
    )
    other = one.model_copy(update={"session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C9", "is_together": False})
    return _listed(desk, WaitingList(documents=[], others=[], private=[one, other], more=0))


def _listed(desk: Desk, told: WaitingList) -> dict[str, Any]:
    """A list as it is told, and the link to it."""
    sealed = encrypt(desk.key, told.model_dump_json().encode(), b"veche.signing.waiting")
    name = _base64url(ALICE.encode())
    return {
        "sealed": encode_base64(sealed),
        "fragment": f"all={name}&d={desk.now_ms}&t={'t' * 32}&k={_base64url(desk.key)}",
    }


@command
def ask_list_blind(desk: Desk, *, body: Any) -> Any:
    """POST /asks of such a session."""
    asked, told = ask_list(desk, body=body), _told(desk)
    shown = asked["asked"]["shown"]
    for one in (shown, *shown["documents"]):
        del one["title"]
        one |= {"title_sha256": told["title_sha256"], "requester": told["requester"]}
        one |= {"parties_sha256": told["parties_sha256"]}
    return asked


@command
def ask_list(desk: Desk, *, body: Any) -> Any:
    """POST /asks."""
    told = AskListBody.model_validate(body)
    [one] = told.documents
    alone = {"party": one.party, "level": "S2", "read": told.read, "key": told.key}
    ask_approval(desk, body=alone)
    assert desk.asked is not None
    assert isinstance(desk.asked.shown, SignatureShown)
    facts = desk.asked.shown.model_dump(include=set(ShownDocument.model_fields))
    digest = documents_sha256([decode_base64(facts["sha256"])])
    shown = SignatureShown(
        **{**facts, "sha256": encode_base64(digest)},
        level="S2",
        read=told.read,
        clauses=(),
        key=told.key,
        documents=(ShownDocument(**facts),),
    )
    desk.asked = desk.asked.model_copy(update={"shown": shown})
    return _json(
        AskedListView(
            asked=desk.asked.model_dump(mode="json", exclude_none=True),
            now_ms=desk.now_ms,
            expires_at_ms=desk.now_ms + 300_000,
            left_out=[],
        )
    )


@command
def certify(desk: Desk, *, body: Any) -> Any:
    """POST /certificates."""
    told = CertificateBody.model_validate(body)
    approval = told.approval.approval
    spki = decode_base64(told.spki)
    key = load_der_public_key(spki)
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert isinstance(approval, Approval)
    assert desk.asked is not None
    assert isinstance(approval.shown, SignatureShown)
    assert approval.shown == desk.asked.shown
    assert approval.shown.key == encode_base64(hashlib.sha256(spki).digest())
    verify(desk.device, signed_bytes(approval), str(told.approval.signature))
    verify(point, signed_bytes(approval), told.proof)
    return _issued(desk, key)


@command
def issue(desk: Desk, *, spki: str) -> Any:
    """A certificate without any question, for measuring."""
    return _issued(desk, load_der_public_key(decode_base64(spki)))


def _issued(desk: Desk, key: Any) -> Any:
    serial = secrets.randbits(100)
    fresh = Fresh(serial, f"http://ca.example.org/crl/{serial:x}.crl", desk.now)
    bound = (
        hashlib.sha256(desk.document).digest(),
        certificates.Level.ACCOUNT,
        dt.timedelta(days=365),
    )
    made = issuing.person_certificate(
        desk.office.issuing,
        key,
        Holder("Alice Adams", ALICE),
        fresh,
        bound,
    )
    desk.certificate, desk.certified = made, desk.certified + 1
    chain, lists = desk.proofs()
    own = encode_base64(desk.office.list_of(made, desk.now))
    return _json(
        CertificateView(
            certificate=encode_base64(der_of(made)),
            certificates=chain,
            lists=[own, *lists],
            act="1",
        )
    )


@command
def stamp(desk: Desk, *, request: str) -> str:
    """POST /tsa, both in base64."""
    who = desk.office.stamping
    authority = StampAuthority(who.certificate, who.key, STAMP_POLICY)
    answer = authority.answer(base64.b64decode(request), secrets.randbits(100), desk.now_ms)
    return base64.b64encode(answer).decode()


@command
def bob_signs(desk: Desk) -> None:
    """Somebody else is quicker."""
    bob = desk.office.person("Боб Браун", desk.document)
    signed = bob.sign(desk.whole, "Sig2", desk.now, Look("Арендодатель", "Advanced signature"))
    desk.take("p2", signed[len(desk.whole) :])
    desk.is_bob_done = True


@command
def take(desk: Desk, *, body: Any) -> dict[str, Any]:
    """POST /sessions/{id}/signatures: what the strict verdict says of the file then."""
    told = SignatureBody.model_validate(body).revision
    assert told is not None
    if told.number != len(desk.revisions) + 1:
        return {"is_stale": True}
    increment = decrypt(desk.key, decode_base64(told.increment), increment_of(told.number))
    before = encode_base64(hashlib.sha256(desk.whole).digest())
    assert (told.size, told.previous_sha256) == (len(increment), before)
    desk.take("p1", increment)
    assert told.sha256 == encode_base64(hashlib.sha256(desk.whole).digest())
    desk.state = PartyState.SIGNED
    return {"is_stale": False, "session": _json(desk.view())}


@command
def verdict(desk: Desk) -> dict[str, Any]:
    """What is said of the file as it is now, and once it is closed."""
    roots = [desk.office.root.certificate]
    later = desk.now + dt.timedelta(seconds=5)
    now = judge(desk.whole, Trusted(roots, later))
    closed = judge(desk.office.close(desk.whole, desk.now), Trusted(roots, later))
    return {
        "findings": [one.reason.value for one in now.findings],
        "closed": closed.verdict.value,
        "signers": [one.name for one in closed.signers],
        "boxes": [one.field for one in closed.signers],
        "file": base64.b64encode(desk.whole).decode(),
        "certified": desk.certified,
        "is_shown": desk.whole.count(b"/Type /XObject /Subtype /Form"),
    }


@command
def decline(desk: Desk, *, body: Any) -> Any:
    """POST /sessions/{id}/decline."""
    told = DeclineBody.model_validate(body)
    approval = told.approval.approval
    assert isinstance(approval, Decline)
    assert desk.asked is not None
    assert approval.nonce == desk.asked.nonce
    verify(desk.device, signed_bytes(approval), str(told.approval.signature))
    desk.state = PartyState.DECLINED
    return _json(desk.view())


def _signable() -> bytes:
    return _document(3, has_clauses=False)


_UPLOADS: Final[dict[str, Any]] = {
    "plain": uploads.plain,
    "form": lambda: uploads.changed(uploads.text_field),
    "nothing": lambda: b"",
    "letter": odt,
    "container": lambda: new_container([LEASE]),
    "words": lambda: b"only called a PDF",
    "locked": lambda: uploads.changed(
        uploads.nothing, encryption=pikepdf.Encryption(owner="o", user="u")
    ),
    "xfa": lambda: uploads.changed(uploads.xfa),
    "signed": lambda: Office().person("Bob", _signable()).sign(_signable(), "Sig1"),
    "empty": lambda: uploads.changed(uploads.no_pages),
    "cut": lambda: uploads.plain()[:-200],
    "hundred": lambda: uploads.changed(uploads.text_field, uploads.plain(pages=100)),
    "large": lambda: uploads.changed(uploads.large_picture, compress_streams=False),
}


@command
def upload(desk: Desk, *, kind: str) -> dict[str, str]:
    """A file that somebody chooses, in base64."""
    del desk
    return {"content": base64.b64encode(_UPLOADS[kind]()).decode()}


@command
def look_into_container(desk: Desk, *, container: str) -> dict[str, Any]:
    """What is in a container that nobody has signed, and the digest that stands for it."""
    del desk
    held = read_container(base64.b64decode(container))
    assert not held.steps
    return {
        "names": [one.name for one in held.files],
        "first": base64.b64encode(held.files[0].data).decode(),
        "sha256": encode_base64(held.document_sha256),
    }


@command
def look_into(desk: Desk, *, pdf: str) -> dict[str, Any]:
    """What a file has that somebody has prepared: fields, their places, pages, salt."""
    del desk
    content = base64.b64decode(pdf)
    document = Document(content)
    found = form_fields(document)
    rectangles = [
        array(document.dictionary(number, "a field").get(b"/Rect"), "/Rect") for _, number in found
    ]
    return {
        "fields": [name for name, _ in found],
        "corners": [[coordinate(one, "/Rect") for one in corners] for corners in rectangles],
        "pages": page_count(document),
        "is_salted": re.search(rb"/VecheSalt <[0-9a-f]{64}>", content) is not None,
    }
