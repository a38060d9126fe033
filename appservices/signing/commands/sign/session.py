"""`veche sign --session`: a party signs what is in a session with a key of their own.

The document is fetched and decrypted here, and compared with what all parties were told; a key, a
card or a provider gets digests of it. First the certificate is told to the service, then the person
approves it on their page with the key of their device, and only then is anything signed.

Source: design of Veche, signing §2 (S3, S4) and §3.5.
"""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import hmac
import re
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qs

import attrs
from twisted.internet.task import deferLater

from appservices.signing.commands.sign.session_client import SessionClient, SessionRefusedError
from appservices.signing.commands.sign.session_stamps import SessionStamps
from appservices.signing.keys.core.document_code import code_of, order_sha256
from appservices.signing.keys.core.provider import KeyHome
from appservices.signing.keys.document_cipher import DOCUMENT, decrypt, encrypt, increment_of
from appservices.signing.keys.pades import Place, sign_revision
from appservices.signing.parties.api.parties import (
    INCREMENT_BYTES_MAX,
    ClauseClaim,
    RevisionView,
    SignatureBody,
)
from veche.documents.pdf import Look
from veche.documents.pdf.signing import NewField, Proofs
from veche.documents.pki.cms import der_of
from veche.documents.pki.stated import read_certificate
from veche.documents.signatures.judging import StampRoot
from veche.documents.signatures.report import Reason
from veche.protocol.addresses import split_address
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError, RefusedError
from veche.protocol.message import LOOPBACK
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.files.sandbox import in_sandbox
from veche.runtime.files.signed_files import judge_encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.signing.keys import SigningPool
    from appservices.signing.keys.core.provider import Credential, SignatureProvider
    from appservices.signing.keys.revocation import Fetch
    from appservices.signing.parties.api.parties import SessionView

APPROVAL_S_MAX: Final = 15 * 60
"""How long the approval on the page is waited for."""
POLL_S: Final = 2.0
REBASE_MAX: Final = 5
"""How often the newer file is signed if others were quicker."""
_STALE: Final = "ORG.VECHE.STALE_REVISION"
_SIGNED: Final = "ORG.VECHE.ALREADY_SIGNED"
_SESSION: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_PARTY: Final = re.compile(r"p[1-9][0-9]{0,2}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ROLES: Final = {
    "signer": "Signer",
    "clerk": "Signs for an office",
    "witness": "Witness",
    "approver": "Approves",
    "viewer": "Gets a copy",
    "seal": "Seal of an organisation",
}
_LEVELS: Final = {
    "S3": "with a certificate of their own",
    "S4": "with a qualified certificate of their own",
}
_WHY: Final = {
    Reason.REVOKED: " (your certificate, or one above it, was revoked: get a new one)",
    Reason.LISTS: " (a newest list of revoked certificates, or an answer of its authority, has to"
    " be in it about yours and about each above: try again later, or ask your authority)",
    Reason.UNKNOWN_SIGNER: " (your certificate was not valid then, or those between it and an"
    " authority that is trusted here are missing: give the whole chain)",
}


class NotThisDocumentError(RefusedError):
    """The file is not the announced document, or its signatures do not hold."""

    errcode = "ORG.VECHE.NOT_THIS_DOCUMENT"


class Held(Protocol):
    """A key whose certificate is known, and that may still have to be opened."""

    @property
    def credential(self) -> Credential:
        """Credential of the key's holder."""

    async def opened(self) -> SignatureProvider:
        """The key, ready for one signature; its holder is asked for what that takes."""


@attrs.frozen
class SessionLink:
    """The content of a party's link.

    Attributes:
        origin: Of the site.
        session: Id of the session.
        party: Who.
        token: That it is theirs.
        key: 32 bytes that decrypt the files.
        document_sha256: Of the document, if who asks has told it in the link.
    """

    origin: str
    session: str
    party: str
    token: str = attrs.field(repr=False)
    key: bytes = attrs.field(repr=False)
    document_sha256: bytes | None = None


def read_link(text: str) -> SessionLink:
    """A party's link, from the address of their page.

    Raises:
        MalformedError: It is none, or a part of it is missing.
    """
    parts = split_address(text.strip())
    said = {name: values[0] for name, values in parse_qs(parts.fragment).items()}
    session, party, token = (said.get(name, "") for name in "spt")
    is_ours = _SESSION.fullmatch(session) and _PARTY.fullmatch(party) and _TOKEN.fullmatch(token)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_ours or not is_safe or "@" in parts.netloc:
        raise MalformedError("link", "should be copied whole from your page: https://…/sign#s=…")
    key, promised = (said.get(name, "") for name in "kd")
    if not _KEY.fullmatch(key):
        raise MalformedError(
            "link", "lacks the key of the document: copy it from your page, not from the chat"
        )
    digest = _decoded(promised) if _KEY.fullmatch(promised) else None
    origin = f"{parts.scheme}://{parts.netloc}"
    return SessionLink(origin, session, party, token, _decoded(key), digest)


@attrs.frozen
class Paper:
    """The document of a session, checked.

    Attributes:
        base: Before anybody signed it here.
        whole: With all that was signed so far.
        revision: Number of the newest one.
    """

    base: bytes = attrs.field(repr=False)
    whole: bytes = attrs.field(repr=False)
    revision: int = 0


@attrs.define
class SessionSigning:
    """One signature in one session.

    Attributes:
        reactor: Clock and network.
        link: The party's.
        client: By which the service is asked.
        pool: Threads for the work on files.
        fetch: Gets the proofs about certificates, up to an authority that is trusted.
        say: Shows a line to the person.
    """

    reactor: Any
    link: SessionLink
    client: SessionClient
    pool: SigningPool
    fetch: Fetch
    say: Callable[[str], object]

    async def read(self) -> tuple[SessionView, Paper]:
        """The session and its document, which is what everybody was told.

        Raises:
            NotThisDocumentError: It is not.
            RefusedError: The service says no.
            UnavailableError: It does not answer.
        """
        view = await self.client.view()
        if view.session != self.link.session or view.you.party != self.link.party:
            raise NotThisDocumentError("the service answers for another session")
        base = await self._base(view)
        paper = self._grown(Paper(base, base), view)
        return view, paper

    def show(self, view: SessionView) -> None:
        """Show what is signed, and by whom."""
        digest = decode_base64(view.document.sha256).hex()
        title = view.title or "(private: the title is on your page)"
        self.say(f"{'document':<12} {_plain(title)}")
        self.say(f"{'asked by':<12} {_plain(view.requester)}")
        self.say(f"{'pages':<12} {view.document.pages}, {view.document.size} bytes")
        self.say(f"{'SHA-256':<12} {' '.join(digest[at : at + 8] for at in range(0, 64, 8))}")
        for one in view.parties:
            level = _LEVELS.get(one.level_min or "", "")
            told = [_ROLES.get(one.role, one.role), _plain(one.user), one.state, level]
            you = " (you)" if one.party == view.you.party else ""
            self.say(f"{'party':<12} {_plain(one.name)}{you}: {', '.join(filter(None, told))}")

    def compare(self, view: SessionView, typed: str | None) -> None:
        """Have the person compare the code of the document with that on their page.

        Args:
            view: The session.
            typed: The code, if it was given with the command; None: it is asked for.

        Raises:
            NotThisDocumentError: It is another one.
        """
        if typed is None:
            self.say("Your page and the message in your chat show a code of four digits.")
            typed = getpass.getpass("Code of the document: ")
        expected = code_of(decode_base64(view.document.sha256), view.session)
        if not hmac.compare_digest(typed.strip().encode(), expected.encode()):
            raise NotThisDocumentError(
                "the code that you typed is not the one of the document that came here: do not sign"
                " it, and ask whoever wants it signed"
            )

    async def approved(self, credential: Credential) -> None:
        """Tell the service the certificate, and wait for the person to approve it on their page.

        Raises:
            RefusedError: The certificate is not taken, or nobody has approved it in time.
        """
        chain = [credential.certificate, *credential.chain]
        view = await self.client.announce([der_of(one) for one in chain])
        own = view.you.own
        if own is None:
            raise NotThisDocumentError("the service does not know the certificate that it was told")
        self.say(f"{'certificate':<12} {_plain(own.name)}, issued by {_plain(own.issuer)}")
        self.say(
            f"{'key':<12} {' '.join(own.key[at : at + 4] for at in range(0, len(own.key), 4))}"
        )
        mine = own.key
        until_s = self.reactor.seconds() + APPROVAL_S_MAX
        is_told = False
        while own is None or not (own.is_approved and own.key == mine):
            if own is not None and own.key != mine:
                raise RefusedError("Another certificate was told in this session meanwhile.")
            if self.reactor.seconds() > until_s:
                raise RefusedError("Nobody has approved the certificate on your page in time.")
            if not is_told:
                self.say("Now open your page and approve this certificate there. Waiting …")
                is_told = True
            await deferLater(self.reactor, POLL_S)
            own = (await self.client.view()).you.own

    async def sign(self, held: Held, paper: Paper) -> None:
        """Sign, and hand it in; the newer file if others were quicker.

        Raises:
            RefusedError: The key, or the service, says no.
            UnavailableError: One of them does not answer.
        """
        lists = await self._fetched(held.credential)
        provider = await held.opened()
        credential = provider.credential
        for again in range(REBASE_MAX + 1):
            view = await self.client.view()
            paper = self._grown(paper, view)
            stamps = await SessionStamps.of(self.client, view)
            body = await self._signed(view, paper, provider, lists, stamps)
            try:
                await self.client.hand_in(body)
            except SessionRefusedError as e:
                if e.code == _SIGNED and await self._is_there(body):
                    return
                if e.code != _STALE or again == REBASE_MAX:
                    raise
                self.say("Somebody else has signed meanwhile: signing the newer file.")
                if credential.home is KeyHome.PROVIDER:
                    provider = await held.opened()
            else:
                return

    async def _fetched(self, credential: Credential) -> Sequence[bytes]:
        """Fetch proofs that the certificates were not revoked, before asking for a PIN."""
        view = await self.client.view()
        await SessionStamps.of(self.client, view)  # so that who stamps is there
        encoded = (decode_base64(one.certificate) for one in view.authorities)
        roots = [one for one in map(read_certificate, encoded) if one is not None]
        found = await self.fetch([credential.certificate, *credential.chain], roots)
        found.check()
        return found.proofs

    async def _is_there(self, body: SignatureBody) -> bool:
        """Return whether it was taken: its answer may have been lost on the way."""
        view = await self.client.view()
        return any(body.revision and one.sha256 == body.revision.sha256 for one in view.revisions)

    async def _base(self, view: SessionView) -> bytes:
        cipher = await self.client.blob(view.document.blob)
        if hashlib.sha256(cipher).hexdigest() != view.document.blob:
            raise NotThisDocumentError("the document was damaged on its way")
        base = decrypt(self.link.key, cipher, DOCUMENT)
        digest, told = hashlib.sha256(base).digest(), decode_base64(view.document.sha256)
        promised = self.link.document_sha256
        if digest != told or (promised is not None and promised != digest):
            raise NotThisDocumentError("this is not the document that everybody was told")
        if code_of(digest, view.session) != view.code or _order(view) != view.parties_sha256:
            raise NotThisDocumentError("the code or the parties are not those of this document")
        return base

    def _grown(self, paper: Paper, view: SessionView) -> Paper:
        """The document with what others have signed since."""
        whole, number = paper.whole, paper.revision
        for one in view.revisions[number:]:
            increment = decrypt(
                self.link.key, decode_base64(one.increment), increment_of(one.number)
            )
            is_next = one.number == number + 1
            before = hashlib.sha256(whole).digest()
            whole, number = whole + increment, one.number
            after = hashlib.sha256(whole).digest()
            if not is_next or (before, after) != tuple(
                map(decode_base64, (one.previous_sha256, one.sha256))
            ):
                raise NotThisDocumentError("what others have signed was changed on its way")
        if number > paper.revision or (number == 0 and view.document.is_signed):
            self._check(whole, view)
        return Paper(paper.base, whole, number)

    def _check(self, whole: bytes, view: SessionView) -> None:
        """Make sure that what others have signed holds."""
        bad = _faults(whole, view)
        if view.document.is_signed:
            return  # what others signed elsewhere is judged on the page, before it is approved
        if bad:
            raise NotThisDocumentError(f"what others have signed does not hold: {bad[0]}")

    async def _signed(
        self,
        view: SessionView,
        paper: Paper,
        provider: SignatureProvider,
        lists: Sequence[bytes],
        stamps: SessionStamps,
    ) -> SignatureBody:
        """Build the signature to hand in."""
        own = view.you.field
        if not own:
            raise RefusedError("You have no box in this document: approve it on your page.")
        whole, claims = paper.whole, []
        boxes = [("", own), *((one.id, one.field) for one in view.clauses if one.field)]
        for clause, field in boxes:
            place = Place(
                NewField(field) if view.document.is_signed else field,
                _proofs(view, provider.credential, lists, stamps.proofs),
                _look(view, provider.credential),
            )
            added = await sign_revision(self.pool, provider, whole, place, view.now_ms, stamps)
            whole += added.data
            claims.append((clause, encode_base64(added.cms), encode_base64(added.digest)))
        increment, number = whole[len(paper.whole) :], paper.revision + 1
        if len(increment) > INCREMENT_BYTES_MAX:
            raise RefusedError(
                f"The signature with its proofs has {len(increment)} bytes; at most"
                f" {INCREMENT_BYTES_MAX} are taken. The lists of revoked certificates of your"
                " authority are too long."
            )
        is_blind = view.mode == "blind"
        if is_blind:
            _check_own(whole, view)
        revision = RevisionView(
            number=number,
            party=view.you.party,
            previous_sha256=encode_base64(hashlib.sha256(paper.whole).digest()),
            sha256=encode_base64(hashlib.sha256(whole).digest()),
            size=len(increment),
            increment=encode_base64(encrypt(self.link.key, increment, increment_of(number))),
            cms=claims[0][1] if is_blind else None,
            signed_sha256=claims[0][2] if is_blind else None,
            clauses=_clauses(claims[1:]) if is_blind else None,
        )
        return SignatureBody(party=view.you.party, revision=revision)


def check_can_sign(view: SessionView) -> None:
    """Make sure that a signature by a key of one's own is wanted here.

    Raises:
        RefusedError: It is not; the message says why.
    """
    if not view.you.can_act:
        raise RefusedError(f"You cannot sign here now: {view.you.state}, {view.state}.")
    if not view.you.field:
        raise RefusedError("You have no box in this document: approve it on your page.")
    if not view.authorities:
        raise RefusedError("This service takes no certificates from elsewhere: sign on your page.")


def ask_link() -> str:
    """The link, typed where nobody else sees it: not in the list of processes, nor in a history."""
    return sys.stdin.readline() if not sys.stdin.isatty() else getpass.getpass("Link: ")


def _faults(whole: bytes, view: SessionView) -> list[Reason]:
    """List what keeps an open file from being green."""
    known = [view.proofs.certificates[0], *(one.certificate for one in view.authorities)]
    roots = [*map(decode_base64, known), *map(StampRoot, map(decode_base64, view.stampers))]
    now = dt.datetime.fromtimestamp(view.now_ms / 1000, dt.UTC)
    report = in_sandbox(judge_encoded, whole, roots, now, ())
    return [one.reason for one in report.findings if one.reason is not Reason.OPEN_TAIL]


def _check_own(whole: bytes, view: SessionView) -> None:
    """Make sure that a file holds with the signature that is handed in next.

    Why: of a private document no service can tell, and nobody could sign on top of it any more.
    """
    if bad := _faults(whole, view):
        raise RefusedError(
            f"Nothing was handed in: with your signature the file would not hold: {bad[0]}"
            f"{_WHY.get(bad[0], '')}."
        )


def _clauses(claims: Sequence[tuple[str, str, str]]) -> tuple[ClauseClaim, ...] | None:
    """Return claims on clauses in a document that the service does not see; None: none."""
    found = tuple(
        ClauseClaim(clause=clause, cms=cms, signed_sha256=digest) for clause, cms, digest in claims
    )
    return found or None


def _proofs(
    view: SessionView, credential: Credential, lists: Sequence[bytes], stampers: Proofs
) -> Proofs:
    known = [decode_base64(one) for one in view.proofs.certificates]
    anchors = [decode_base64(one.certificate) for one in view.authorities]
    above = [der_of(one) for one in credential.chain]
    certificates = [*known, *above, *_above(credential, anchors), *stampers.certificates]
    told = [decode_base64(one) for one in view.proofs.lists]
    return Proofs(list(dict.fromkeys(certificates)), [*lists, *told, *stampers.lists])


def _above(credential: Credential, anchors: Sequence[bytes]) -> list[bytes]:
    """The authorities of which a chain ends; others are of no use in the file."""
    issuers = [one.issuer.public_bytes() for one in (credential.certificate, *credential.chain)]
    return [one for one in anchors if any(issuer in one for issuer in issuers)]


def _look(view: SessionView, credential: Credential) -> Look:
    issuer = credential.certificate.issuer.rfc4514_string()
    names = [
        str(one.value)
        for one in credential.certificate.issuer
        if one.oid.dotted_string == "2.5.4.3"
    ]
    role = _ROLES.get(view.you.role, view.you.role)
    return Look(role, f"Certificate of {(names or [issuer])[0]}".replace(" · ", " "))


def _order(view: SessionView) -> str:
    own = [one for one in view.parties if not one.acts_for]
    ids = {one.party for one in own}
    return encode_base64(
        order_sha256(
            [
                {"party": one.party, "role": one.role, "name": one.name, "user": one.user}
                for one in own
            ],
            [
                {"need": one.need, "parties": [id_ for id_ in one.parties if id_ in ids]}
                for one in view.stages
            ],
        )
    )


def _decoded(text: str) -> bytes:
    return decode_base64(text.replace("-", "+").replace("_", "/"))


def _plain(text: str) -> str:
    return showable(text).replace("\n", " ")
