"""Signed documents for tests of pages: true and false ones, as their texts in base64."""

from __future__ import annotations

import base64
import datetime as dt

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support import other_programs as programs
from tests.support.containers import closed as closed_container
from tests.support.containers import contents, made, zipped
from tests.support.elsewhere import packed_page
from tests.support.forgery import FORGED, closed_by_attacker, find, increment, page
from tests.support.signing import Office, with_boxes


def for_pages() -> dict[str, str]:
    """Files by what they are, of now; roots of authorities."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- browsers have their own
    office, stranger = (Office(now - dt.timedelta(hours=1)) for _ in range(2))
    document = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1", "Sig2"])
    signed = office.person("Alice Adams", document).sign(document, "Sig1")
    signed = office.person("Боб Браун", document).sign(signed, "Sig2")
    closed = office.close(signed)
    number, _ = find(closed, b"Tj ET")
    container = closed_container(office, made(office, names=["Alice Adams", "Боб Браун"]))
    changed = [
        (name, b"Pay 9999 EUR" if name == "lease.txt" else data)
        for name, data in contents(container)
    ]
    files = {
        "container": container,
        "changed_container": zipped(changed),
        "document": document,
        "open": signed,
        "closed": closed,
        "changed": increment(closed, {number: FORGED}),
        "hidden": closed_by_attacker(office, closed, {number: FORGED}),
        "foreign": stranger.close(stranger.person("Carol", document).sign(document, "Sig1")),
        "other": b"%PDF-1.7\nhello",
        "packed": packed_page(),
        "added_to": programs.ADDED_TO["another page"](),
        "apart": programs.APART["p7s"](),
        "zip": programs.CONTAINERS["a comment"](),
        "unread": programs.UNREAD["SHA-1"](),
        "root": office.root.certificate.public_bytes(Encoding.DER),
        "foreign_root": stranger.root.certificate.public_bytes(Encoding.PEM),
    }
    return {name: base64.b64encode(data).decode() for name, data in files.items()}
