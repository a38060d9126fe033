"""The pages of a document that the service never sees, for tests without a browser.

What the browser does with the file is done by the kernel, whose JavaScript twin the browser tests
use: lay boxes, sign, judge all earlier revisions, close.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import secrets
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appservices.signing.private.api import veiled
from tests.support.calls import Answer, request
from tests.support.keys import unpadded_base64
from tests.support.sign_page import API, FreshKey, SignPage
from tests.support.signing import with_boxes
from veche.documents.pdf.document import Document
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.signing import Proofs, prepare_closing, room_for_stamp
from veche.documents.pdf.values import PdfError
from veche.documents.pki.digests import SHA256, hash_named
from veche.documents.signatures.judging import StampRoot
from veche.documents.signatures.report import Reason
from veche.documents.signatures.verdict import Trusted, judge, signatures_of
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.keys import BrowserKey, Passkey

MATTER: Final = b"veche.signing.matter"
DOCUMENT: Final = b"veche.signing.blob"
_BOXED: Final = frozenset({"signer", "clerk", "witness"})
_CONSENTING: Final = frozenset({"signer", "clerk"})
_OPEN: Final = frozenset({Reason.OPEN_TAIL})


class RefusedPageError(Exception):
    """A page refuses what it got; its text is the fault."""


def url64(data: bytes) -> str:
    """Base64url without padding, as links have it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@attrs.define
class Requester:
    """The page of whoever asks: it prepares and encrypts, and knows all.

    Attributes:
        origin: Of the site.
        token: Of the session on the pages.
        title: Of the document.
        names: By account.
        clauses: Id, kind and title of each.
        key: That the service never gets.
        salt: Likewise.
    """

    origin: str
    token: str
    title: str
    names: Mapping[str, str] = attrs.Factory(dict)
    clauses: Sequence[tuple[str, str, str]] = ()
    key: bytes = attrs.field(factory=lambda: secrets.token_bytes(32))
    salt: bytes = attrs.field(factory=lambda: secrets.token_bytes(32))
    pdf: bytes = b""
    cipher: bytes = b""
    session: str = ""

    def body(self, pdf: bytes, parties: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
        """Prepare a document; what the draft says of it."""
        boxes = [box for one in parties if one["role"] in _BOXED for box in self._boxes(one)]
        self.pdf = with_boxes(pdf, boxes) if boxes else pdf
        self.cipher = self.sealed(self.pdf, DOCUMENT)
        matter = {
            "v": 1,
            "salt": unpadded_base64(self.salt),
            "title": self.title,
            "filename": f"{self.title}.pdf",
            "names": dict(self.names),
            "clauses": [{"id": id_, "title": title} for id_, _, title in self.clauses],
        }
        return {
            "title_sha256": self.veiled(self.title),
            "document": {
                "sha256": unpadded_base64(hashlib.sha256(self.pdf).digest()),
                "size": len(self.pdf),
                "pages": page_count(Document(self.pdf)),
                "blob": hashlib.sha256(self.cipher).hexdigest(),
            },
            "matter": unpadded_base64(self.sealed(json.dumps(matter).encode(), MATTER)),
            "parties": list(parties),
            "clauses": [
                {"id": id_, "kind": kind, "page": 1, "title_sha256": self.veiled(title)}
                for id_, kind, title in self.clauses
            ],
            **more,
        }

    def _boxes(self, party: Mapping[str, Any]) -> list[str]:
        """A party's own box, then those of clauses that they sign by themselves."""
        own = f"Sig{party['party'][1:]}"
        unfair = [id_ for id_, kind, _ in self.clauses if kind == "unfair"]
        return [own, *(f"{own}:{one}" for one in unfair if party["role"] in _CONSENTING)]

    def draft(self, body: Mapping[str, Any], once: str = "") -> Answer:
        """Draft it."""
        headers = {"idempotency-key": once or secrets.token_hex(8)}
        url = f"{self.origin}{API}/blind"
        answer = request("POST", url, token=self.token, body=dict(body), headers=headers)
        if answer.status == 201:
            self.session = answer.body["session"]
        return answer

    def put(self, cipher: bytes | None = None) -> Answer:
        """Put the ciphertext there."""
        one = urllib.request.Request(  # noqa: S310 -- ours
            f"{self.origin}{API}/blind/{self.session}/document",
            data=self.cipher if cipher is None else cipher,
            method="PUT",
        )
        one.add_header("content-type", "application/octet-stream")
        one.add_header("authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(one) as answer:  # noqa: S310
                return Answer(answer.status, json.loads(answer.read()))
        except urllib.error.HTTPError as e:
            with e:
                return Answer(e.code, json.loads(e.read()))

    def act(self, what: str) -> Answer:
        """Send or cancel it."""
        url = f"{self.origin}{API}/blind/{self.session}/{what}"
        return request("POST", url, token=self.token, body={})

    def delete(self) -> Answer:
        """Have it deleted."""
        url = f"{self.origin}{API}/sessions/{self.session}/delete"
        return request("POST", url, token=self.token, body={})

    def send(self, pdf: bytes, parties: Sequence[Mapping[str, Any]], **more: Any) -> str:
        """All of it; the link for the signers."""
        for answer in (self.draft(self.body(pdf, parties, **more)), self.put(), self.act("send")):
            assert answer.status in (200, 201), answer
        return self.link()

    def link(self) -> str:
        """What they send to the signers themselves."""
        digest = url64(hashlib.sha256(self.pdf).digest())
        return f"{self.origin}/sign#s={self.session}&k={url64(self.key)}&d={digest}"

    def veiled(self, words: str) -> str:
        """The digest that stands for words."""
        return unpadded_base64(veiled(self.salt, words))

    def sealed(self, data: bytes, purpose: bytes) -> bytes:
        """Ciphertext."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.key).encrypt(nonce, data, purpose)


@attrs.define
class BlindPage(SignPage):
    """A party's page.

    Attributes:
        digest: SHA-256 of the document, as the requester's link has it.
    """

    digest: str = ""

    @staticmethod
    def opened(link: str, token: str) -> BlindPage | Answer:
        """The page that the requester's link opens, for who is signed in; or why not."""
        parts = urlsplit(link)
        told = {name: values[0] for name, values in parse_qs(parts.fragment).items()}
        origin = f"{parts.scheme}://{parts.netloc}"
        url = f"{origin}{API}/sessions/{told['s']}/link"
        mine = request("POST", url, token=token, body={})
        if mine.status != 200:
            return mine
        key = decode_base64(told["k"].replace("-", "+").replace("_", "/"))
        digest = told["d"].replace("-", "+").replace("_", "/")
        who = mine.body
        return BlindPage(origin, told["s"], who["party"], who["token"], key, digest)

    def document(self, view: Mapping[str, Any]) -> bytes:
        """The file, each part of which is checked as the page does.

        Raises:
            RefusedPageError: It is not what it should be.
        """
        if view["document"]["sha256"] != self.digest:
            raise RefusedPageError("document")
        self.matter(view)
        try:
            pdf = SignPage.document(self, view)
        except (InvalidTag, AssertionError) as e:
            raise RefusedPageError("increment" if view["revisions"] else "document") from e
        if view["revisions"] and self.findings(view, pdf):
            raise RefusedPageError("signature")
        return pdf

    def matter(self, view: Mapping[str, Any]) -> dict[str, Any]:
        """Titles and names, as the digests say.

        Raises:
            RefusedPageError: They are others.
        """
        try:
            found = json.loads(self._opened(decode_base64(view["matter"]), MATTER))
        except InvalidTag as e:
            raise RefusedPageError("matter") from e
        salt = decode_base64(found["salt"])
        titles = {one["id"]: one["title"] for one in found["clauses"]}
        told = [(view["title_sha256"], found["title"])]
        told += [(one["title_sha256"], titles[one["id"]]) for one in view["clauses"]]
        if any(digest != unpadded_base64(veiled(salt, words)) for digest, words in told):
            raise RefusedPageError("matter")
        matter: dict[str, Any] = found
        return matter

    def findings(self, view: Mapping[str, Any], pdf: bytes) -> list[Reason]:
        """What keeps a file from being green that is not closed yet."""
        roots = [view["proofs"]["certificates"][0]]
        roots += [one["certificate"] for one in view.get("authorities", [])]
        trusted = [*map(decode_base64, roots)]
        trusted += [StampRoot(decode_base64(one)) for one in view.get("stampers", [])]
        now = dt.datetime.fromtimestamp(view["now_ms"] // 1000, dt.UTC)
        try:
            report = judge(pdf, Trusted.by_encoded(trusted, now))
        except PdfError:
            return [Reason.BROKEN]
        return [one.reason for one in report.findings if one.reason not in _OPEN]

    def revision(
        self, view: Mapping[str, Any], pdf: bytes, key: FreshKey, issued: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Sign a file, and say of it what the service can check without it."""
        made = SignPage.revision(self, view, pdf, key, issued)
        place = b"veche.signing.%d" % made["number"]
        increment = self._opened(decode_base64(made["increment"]), place)
        return {**made, **claims(pdf, increment)}

    def close(self, view: Mapping[str, Any], field: str = "Closed") -> Answer:
        """Close the file, or put another stamp on it."""
        return self.hand_in_closing(self.closing(view, self.document(view), field))

    def closing(self, view: Mapping[str, Any], pdf: bytes, field: str = "Closed") -> dict[str, Any]:
        """The revision that closes a file."""
        others, told = self.stampers(view), view["proofs"]
        proofs = Proofs(
            [*map(decode_base64, told["certificates"]), *others.certificates],
            [*map(decode_base64, told["lists"]), *others.lists],
        )
        by = hash_named(view["stamp_hash"])
        room = room_for_stamp(proofs.certificates)
        prepared = prepare_closing(Document(pdf), field, proofs, bytes_max=room, by=by)
        token = self.stamp(prepared.digest, by)
        claimed = prepared.digest if by is SHA256 else SHA256.digest(prepared.digest)
        increment = prepared.filled(token)
        number = len(view["revisions"]) + 1
        return {
            "number": number,
            "previous_sha256": unpadded_base64(hashlib.sha256(pdf).digest()),
            "sha256": unpadded_base64(hashlib.sha256(pdf + increment).digest()),
            "size": len(increment),
            "increment": self.sealed(increment, b"veche.signing.%d" % number),
            "cms": unpadded_base64(token),
            "signed_sha256": unpadded_base64(claimed),
        }

    def hand_in_closing(self, revision: Mapping[str, Any]) -> Answer:
        """Hand it in."""
        body = {"party": self.party, "revision": dict(revision)}
        return self.call("POST", f"/sessions/{self.session}/closing", body)

    def doubt(self, revision: int, fault: str) -> Answer:
        """Say that what the page got does not hold."""
        body = {"party": self.party, "revision": revision, "fault": fault}
        return self.call("POST", f"/sessions/{self.session}/doubt", body)

    def sign(self, device: BrowserKey | Passkey, **changes: Any) -> Answer:
        """All of it; whoever is last closes the file."""
        signed = SignPage.sign(self, device, **changes)
        if signed.status == 200 and signed.body["is_to_close"]:
            return self.close(signed.body)
        return signed


def sign_only(page: BlindPage, device: BrowserKey | Passkey) -> Answer:
    """Sign, and vanish before the file is closed."""
    return SignPage.sign(page, device)


def claims(before: bytes, increment: bytes) -> dict[str, Any]:
    """What a page says of signatures in a file that the service does not see."""
    pdf = before + increment
    found = []
    for field, _ in signatures_of(Document(pdf)):
        at = pdf.index(field.contents)
        if at < len(before):
            continue
        end = at + len(field.contents)
        data = bytes.fromhex(field.contents[1:-1].decode())
        covered = hashlib.sha256(pdf[:at] + pdf[end : sum(field.byte_range[2:])]).digest()
        one = {
            "cms": unpadded_base64(data[: 4 + int.from_bytes(data[2:4], "big")]),
            "signed_sha256": unpadded_base64(covered),
        }
        _, _, clause = field.field.partition(":")
        found.append({"clause": clause, **one} if clause else one)
    own, *clauses = found
    return {**own, "clauses": clauses} if clauses else own
