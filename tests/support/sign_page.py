"""The page on which a party signs, for tests without a browser: the same protocol, in Python.

It is another implementation than the service's only where that can matter: cipher, canonical JSON
and approvals are those of ``tests.support.keys``; the revision is prepared by the kernel, whose
JavaScript twin the browser tests use.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appservices.signing.papers.core.growing import begun, grown
from tests.support.calls import Answer, request
from tests.support.keys import approval_of, canonical_json, decline_of, unpadded_base64
from veche.documents.asic.container import DataFile, is_container, prepare
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import NewField, Proofs, prepare_signature, room_for_signature
from veche.documents.pki.cms import Signer
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import StampRequest
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.support.keys import BrowserKey, Passkey
    from veche.documents.pki.digests import Hash

API: Final = "/_veche/signing/v1"
_NONCE_BYTES: Final = 12


class FreshKey:
    """The key of one signature, as WebCrypto makes it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key()
        self.spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def id(self) -> str:
        """SHA-256 of it, as the approval names it."""
        return unpadded_base64(hashlib.sha256(self.spki).digest())

    def proof(self, data: bytes) -> str:
        """r and s, 64 bytes."""
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return unpadded_base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@attrs.define
class SignPage:
    """One party's page.

    Attributes:
        origin: Of the site.
        session: Id of the session.
        party: Who.
        token: Of the link.
        key: 32 bytes that decrypt the files.
    """

    origin: str
    session: str
    party: str
    token: str
    key: bytes

    @staticmethod
    def of(link: str) -> SignPage:
        """The page that a link opens."""
        parts = urlsplit(link)
        told = {name: values[0] for name, values in parse_qs(parts.fragment).items()}
        key = decode_base64(told["k"].replace("-", "+").replace("_", "/"))
        return SignPage(f"{parts.scheme}://{parts.netloc}", told["s"], told["p"], told["t"], key)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """One request as this party."""
        headers = {"veche-party": f"{self.party} {self.token}"}
        return request(method, f"{self.origin}{API}{path}", body=body, headers=headers)

    def view(self) -> dict[str, Any]:
        """The session."""
        answer = self.call("GET", f"/sessions/{self.session}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def document(self, view: Mapping[str, Any]) -> bytes:
        """The file with all that was signed into it, each part checked.

        Of one that is no PDF, its container, once somebody has signed it.
        """
        blob = view["document"]["blob"]
        path = f"{self.origin}{API}/sessions/{self.session}/blobs/{blob}"
        one = urllib.request.Request(path)  # noqa: S310 -- ours
        one.add_header("veche-party", f"{self.party} {self.token}")
        with urllib.request.urlopen(one) as answer:  # noqa: S310
            cipher = answer.read()
        assert hashlib.sha256(cipher).hexdigest() == blob
        pdf = self._opened(cipher, b"veche.signing.blob")
        assert unpadded_base64(hashlib.sha256(pdf).digest()) == view["document"]["sha256"]
        whole, added = pdf, []
        for one_ in view["revisions"]:
            place = b"veche.signing.%d" % one_["number"]
            added.append(self._opened(decode_base64(one_["increment"]), place))
            whole = self.grown(view, pdf, added)
            assert unpadded_base64(hashlib.sha256(whole).digest()) == one_["sha256"]
        return whole

    def grown(self, view: Mapping[str, Any], base: bytes, added: Sequence[bytes]) -> bytes:
        """The file with what was added to it."""
        told = view["document"]
        if told.get("kind") is None:
            return b"".join([base, *added])
        return grown(DataFile(told["name"], told["kind"], base), added)

    def ask(self, **changes: Any) -> Answer:
        """Ask what is to be approved."""
        body = {"party": self.party, "level": "S1", "read": "all_pages", "clauses": [], **changes}
        return self.call("POST", f"/sessions/{self.session}/ask", body)

    def certificate(self, key: FreshKey, device: BrowserKey | Passkey, **changes: Any) -> Answer:
        """Approve with the person's device key, and ask for the certificate of a fresh one."""
        asked = self.ask(level="S2", key=key.id, **changes)
        if asked.status != 200:
            return asked
        approval = approval_of(asked.body["asked"], asked.body["now_ms"])
        return self.certify(key, device.signed(approval))

    def certify(self, key: FreshKey, signed: dict[str, Any]) -> Answer:
        """Ask for a certificate with what was approved."""
        body = {
            "session": self.session,
            "party": self.party,
            "spki": unpadded_base64(key.spki),
            "proof": key.proof(canonical_json(signed["approval"])),
            "approval": signed,
        }
        return self.call("POST", "/certificates", body)

    def revision(
        self, view: Mapping[str, Any], pdf: bytes, key: FreshKey, issued: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Sign a file, and encrypt what that adds."""
        others = self.stampers(view)
        proofs = Proofs(
            [*map(decode_base64, issued["certificates"]), *others.certificates],
            [*map(decode_base64, issued["lists"]), *others.lists],
        )
        room = room_for_signature(others.certificates)
        name = next(one["name"] for one in view["parties"] if one["party"] == self.party)
        certificate = x509.load_der_x509_certificate(decode_base64(issued["certificate"]))
        issuing = x509.load_der_x509_certificate(decode_base64(issued["certificates"][1]))
        signer = Signer(certificate, [issuing])
        if view["document"].get("kind") is not None:
            return self._step(view, pdf, key, signer, proofs)
        whole = pdf
        for field in self.fields(view):
            place = NewField(field) if view["document"].get("is_signed") else field
            document, now_ms = Document(whole), view["now_ms"]
            prepared = prepare_signature(document, place, proofs, name, now_ms, bytes_max=room)
            attributes = signer.signed_attributes(prepared.digest)
            signature = key.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
            token = self.stamp(hashlib.sha256(signature).digest())
            whole += prepared.filled(signer.detached(attributes, signature, token))
        return self.told(view, pdf, whole, whole[len(pdf) :])

    def _step(
        self, view: Mapping[str, Any], held: bytes, key: FreshKey, signer: Signer, proofs: Proofs
    ) -> dict[str, Any]:
        """The same of a file that is no PDF: a signature in its container."""
        told = view["document"]
        whole = held if is_container(held) else begun(DataFile(told["name"], told["kind"], held))
        prepared = prepare(whole, [told["kind"]])
        attributes = signer.signed_attributes(prepared.digest)
        signature = key.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
        token = self.stamp(hashlib.sha256(signature).digest())
        cms = signer.detached(attributes, signature, token)
        after = prepared.embed(cms, proofs)
        return self.told(view, held, after, prepared.carrying(proofs).filled(cms))

    def told(
        self, view: Mapping[str, Any], pdf: bytes, whole: bytes, increment: bytes
    ) -> dict[str, Any]:
        """What is handed in of an increment.

        Args:
            view: Of the session before it.
            pdf: The file before it.
            whole: The file with it.
            increment: What is added.
        """
        number = len(view["revisions"]) + 1
        return {
            "number": number,
            "party": self.party,
            "previous_sha256": unpadded_base64(hashlib.sha256(pdf).digest()),
            "sha256": unpadded_base64(hashlib.sha256(whole).digest()),
            "size": len(increment),
            "increment": self.sealed(increment, b"veche.signing.%d" % number),
        }

    def fields(self, view: Mapping[str, Any]) -> list[str]:
        """The boxes in which this party signs: their own, then those of their clauses."""
        return [view["you"]["field"], *(one["field"] for one in view["clauses"] if one["field"])]

    def hand_in(self, revision: Mapping[str, Any]) -> Answer:
        """Hand a signature in."""
        body = {"party": self.party, "revision": dict(revision)}
        return self.call("POST", f"/sessions/{self.session}/signatures", body)

    def sign(self, device: BrowserKey | Passkey, **changes: Any) -> Answer:
        """All of it: look, approve, sign, hand in."""
        view = self.view()
        key = FreshKey()
        issued = self.certificate(key, device, **changes)
        if issued.status != 200:
            return issued
        return self.hand_in(self.revision(view, self.document(view), key, issued.body))

    def approve(self, device: BrowserKey | Passkey, **changes: Any) -> Answer:
        """Sign at level S1: the approval is all of it."""
        asked = self.ask(**changes)
        if asked.status != 200:
            return asked
        approval = approval_of(asked.body["asked"], asked.body["now_ms"])
        body = {"party": self.party, "approval": device.signed(approval)}
        return self.call("POST", f"/sessions/{self.session}/signatures", body)

    def decline(self, device: BrowserKey | Passkey, code: str, reason: str = "") -> Answer:
        """Refuse, signed by the device key."""
        level = {"level": "S2", "key": FreshKey().id} if self.view()["you"]["field"] else {}
        asked = self.ask(**level, is_refusal=True)
        if asked.status != 200:
            return asked
        declined = decline_of(asked.body["asked"], asked.body["now_ms"])
        body = {
            "party": self.party,
            "reason_code": code,
            "reason": reason,
            "approval": device.signed(declined),
        }
        return self.call("POST", f"/sessions/{self.session}/decline", body)

    def stampers(self, view: Mapping[str, Any]) -> Proofs:
        """What proves who stamps elsewhere in the service's place; nothing where nobody does."""
        if not view["is_stamped_elsewhere"]:
            return Proofs()
        told = self.call("GET", "/tsa/proofs").body
        certificates, lists = (map(decode_base64, told[one]) for one in ("certificates", "lists"))
        return Proofs(list(certificates), list(lists))

    def stamp(self, digest: bytes, by: Hash = SHA256) -> bytes:
        """A time stamp over a digest (RFC 3161)."""
        query = StampRequest(digest, secrets.randbits(64), by).encoded()
        one = urllib.request.Request(f"{self.origin}{API}/tsa", data=query, method="POST")  # noqa: S310 -- ours
        one.add_header("content-type", "application/timestamp-query")
        with urllib.request.urlopen(one) as answer:  # noqa: S310
            reply = answer.read()
        return token_of(reply)

    def increment_in(self, revision: Mapping[str, Any]) -> bytes:
        """What a revision adds, decrypted."""
        purpose = b"veche.signing.%d" % revision["number"]
        return self._opened(decode_base64(revision["increment"]), purpose)

    def sealed(self, data: bytes, purpose: bytes) -> str:
        """Ciphertext of an increment, base64."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return unpadded_base64(nonce + AESGCM(self.key).encrypt(nonce, data, purpose))

    def _opened(self, cipher: bytes, purpose: bytes) -> bytes:
        return AESGCM(self.key).decrypt(cipher[:_NONCE_BYTES], cipher[_NONCE_BYTES:], purpose)


@attrs.define
class SignList:
    """The page on which a person signs many documents at once.

    Attributes:
        origin: Of the site.
        header: Who asks for the list.
        key: 32 bytes that decrypt it.
    """

    origin: str
    header: str
    key: bytes

    @staticmethod
    def of(link: str) -> SignList:
        """The page that a link opens."""
        parts = urlsplit(link)
        told = {name: values[0] for name, values in parse_qs(parts.fragment).items()}
        key = decode_base64(told["k"].replace("-", "+").replace("_", "/"))
        header = f"{told['all']} {told['d']} {told['t']}"
        return SignList(f"{parts.scheme}://{parts.netloc}", header, key)

    def read(self) -> dict[str, Any]:
        """All that waits for the person."""
        headers = {"veche-list": self.header}
        answer = request("GET", f"{self.origin}{API}/waiting", headers=headers)
        assert answer.status == 200, answer
        sealed = decode_base64(answer.body["sealed"])
        purpose = b"veche.signing.waiting"
        plain = AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
        found: dict[str, Any] = json.loads(plain)
        return found

    def pages(self) -> list[SignPage]:
        """A page for each document of the list."""
        return [
            SignPage(
                self.origin,
                one["session"],
                one["party"],
                one["token"],
                decode_base64(one["key"].replace("-", "+").replace("_", "/")),
            )
            for one in self.read()["documents"]
        ]


def ask_all(pages: Sequence[SignPage], key: FreshKey, read: str = "elsewhere") -> Answer:
    """Ask what is to be approved of many documents."""
    documents = [{"session": one.session, "party": one.party, "token": one.token} for one in pages]
    body = {"read": read, "key": key.id, "documents": documents}
    return request("POST", f"{pages[0].origin}{API}/asks", body=body)


def sign_all(
    pages: Sequence[SignPage],
    device: BrowserKey | Passkey,
    *,
    meanwhile: Callable[[int], None] = lambda _: None,
) -> list[Answer]:
    """Approve many documents once, and sign each; what each was answered in the end.

    Args:
        pages: Of one person.
        device: Their key.
        meanwhile: Called before each document's certificate, with its place.
    """
    key = FreshKey()
    asked = ask_all(pages, key)
    assert asked.status == 200, asked
    out = {one["session"] for one in asked.body["left_out"]}
    signed = device.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
    answers = []
    for at, one in enumerate(pages):
        meanwhile(at)
        if one.session in out:
            continue
        issued = one.certify(key, signed)
        if issued.status == 200:
            view = one.view()
            revision = one.revision(view, one.document(view), key, issued.body)
            answers.append(one.hand_in(revision))
        else:
            answers.append(issued)
    return answers


def token_of(reply: bytes) -> bytes:
    """The token in a ``TimeStampResp``."""
    outer = _members(reply)[0][1]
    status, token = _members(outer)[:2]
    assert status[1] == b"\x02\x01\x00", "the stamp was refused"
    return token[2]


def _members(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Tag, body and whole of each element."""
    found, at = [], 0
    while at < len(data):
        start, tag, length = at, data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        found.append((tag, data[at : at + length], data[start : at + length]))
        at += length
    return found
