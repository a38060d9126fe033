"""The page judges files of other programs, and algorithms that have ended, as ``veche verify``."""

from __future__ import annotations

import base64
import datetime as dt
import json
import subprocess
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.fields import SigSeedSubFilter

from tests.support import other_programs as programs
from tests.support.elsewhere import packed_page, sign
from tests.support.forgery import last_contents, page
from tests.support.long import many
from tests.support.node import WIDGETS, node, why_no_node
from tests.support.signing import NOW, YEAR, Office, ms, with_boxes
from tests.unit.appservices.signing import test_renewal as years
from tests.unit.appservices.widgets.test_signed_files import same
from tests.unit.veche.documents.signatures import test_elsewhere as files
from tests.unit.veche.documents.signatures import test_elsewhere_proofs as proofs
from tests.unit.veche.documents.signatures import test_verdict as ours
from veche.documents.signatures.judging import Trusted
from veche.documents.signed_file import judge_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cryptography import x509

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

ANY_FILE = WIDGETS / "static" / "signatures" / "any_file.js"
CERTIFICATE = WIDGETS / "static" / "signatures" / "certificate.js"
FLIPPED = many(ordinary=40, long=120)
"""Files in which one byte is another."""


@attrs.frozen
class File:
    """A file, and by what it is judged."""

    name: str
    data: bytes
    roots: Sequence[x509.Certificate]
    now: dt.datetime = files.LATER
    lists: Sequence[bytes] = ()
    end: Mapping[str, dt.datetime] = attrs.field(factory=dict)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def by_page(cases: Sequence[File]) -> list[dict[str, Any]]:
    """What the page's modules make of each file, asked of Node."""
    code = f"""
        import {{ judgeFile }} from {json.dumps(ANY_FILE.as_uri())};
        import {{ readCertificate }} from {json.dumps(CERTIFICATE.as_uri())};
        const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
        let text = "";
        for await (const part of process.stdin) text += part;
        const found = [];
        for (const {{ data, roots, now, lists, end }} of JSON.parse(text)) {{
            const known = roots.map(bytes).map(readCertificate);
            found.push(await judgeFile(bytes(data), known, now, lists.map(bytes), end));
        }}
        process.stdout.write(JSON.stringify(found));
    """
    given = [
        {
            "data": _b64(one.data),
            "roots": [_b64(root.public_bytes(Encoding.DER)) for root in one.roots],
            "now": ms(one.now),
            "lists": [_b64(held) for held in one.lists],
            "end": {name: ms(day) for name, day in one.end.items()},
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


def differing(cases: Sequence[File]) -> dict[str, list[str]]:
    found = {}
    for one, other in zip(cases, by_page(cases), strict=True):
        report = judge_file(one.data, Trusted(one.roots, one.now, one.lists, one.end))
        if said := same(report, other):
            found[one.name] = said
    return found


def _files() -> Iterator[File]:
    root, stamps = files.identity("rsa2048").root, files.stamper().root
    for kind in ("rsa1024", "rsa2048", "p256", "p384", "p521"):
        who = files.identity(kind)
        for name, base in {"packed": packed_page(), "classic": page("Pay")}.items():
            signed = sign(base, who, stamper=files.stamper())
            yield File(f"{kind} {name}", signed, [who.root, stamps])
    forms: dict[str, dict[str, Any]] = {
        "pss": {"prefer_pss": True},
        "sha512": {"md_algorithm": "sha512"},
        "pss sha384": {"prefer_pss": True, "md_algorithm": "sha384"},
        "adbe": {"subfilter": SigSeedSubFilter.ADOBE_PKCS7_DETACHED},
    }
    for name, options in forms.items():
        yield File(name, sign(packed_page(), files.identity("rsa2048"), **options), [root])
    both = sign(files.signed(), files.identity("p256"), "Sig2")
    yield File("two", both, [root, files.identity("p256").root, stamps])
    yield File("unknown", files.signed(), [stamps])
    yield File("late", files.signed(), [root, stamps], NOW + 5 * YEAR)
    yield File("no file of others", packed_page(), [root])
    for name, make in files.HOSTILE.items():
        yield File(f"hostile: {name}", make(), [root, stamps])
    office = Office(files.NOW - dt.timedelta(hours=1))
    document = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
    mine = office.close(office.person("Alice", document).sign(document, "Sig1"))
    again = sign(mine, files.identity("rsa2048"), "Late", files.stamper())
    yield File("ours, signed by others", again, [office.root.certificate, root, stamps])
    for name, make in {**ours.CHANGED, **ours.BROKEN}.items():
        yield File(f"ours: {name}", make(), [ours.office().root.certificate], ours.LATER)


def _with_proofs() -> Iterator[File]:
    roots, now = [proofs.bank().root], files.NOW + dt.timedelta(hours=12)
    made = {**proofs.PLACES, "accused": proofs.accused, "damaged": proofs.damaged}
    for name, make in made.items():
        yield File(name, make(), roots, now)
    honest = proofs.in_lists()
    start, _ = last_contents(honest)
    size = len(bytes.fromhex(honest[start:].split(b">")[0].decode()).rstrip(b"\0"))
    for number in range(FLIPPED):
        data = bytearray(honest)
        at = start + 2 * (number * size // FLIPPED)
        data[at : at + 2] = b"%02x" % (int(data[at : at + 2], 16) ^ 1 << (number % 8))
        yield File(f"byte {at}", bytes(data), roots, now)


def _ended() -> Iterator[File]:
    town = years.town()
    roots = [town.office.root.certificate, town.heir.root.certificate]
    ends = {"secp256r1": NOW + 20 * YEAR}
    for kind in ("pdf", "container"):
        for which, data in years.histories(kind).items():
            for after in (1, 14, 21):
                now = NOW + after * YEAR
                name = f"{kind} {which} after {after}"
                yield File(name, data, roots, now, town.lists(now), ends)
                yield File(f"{name}, hash", data, roots, now, (), {"sha256": NOW + 2 * YEAR})


def test_page_and_command_agree_on_files_of_other_programs() -> None:
    assert not differing(list(_files()))


def _of_other_programs() -> Iterator[File]:
    roots = programs.roots()
    kinds = (
        *(programs.WHOLE, programs.ADDED_TO, programs.UNREAD, programs.MANIPULATED),
        *(programs.CONTAINERS, programs.APART, programs.UNSIGNED),
    )
    for kind in kinds:
        for name, make in kind.items():
            yield File(name, make(), roots, programs.LATER)
    yield File("a key for PSS alone", programs.by_pss_key(), roots)
    yield File("stamped laxly", programs.stamped_laxly(), roots)
    yield File("locked", programs.locked(), roots)
    yield File("stamped alone", programs.stamped(packed_page()), roots, programs.LATER)
    for before in (b"\r\n", b" " * 1000):
        yield File(f"{len(before)} before", before + programs.signed(), roots)
    for size in (9, 600, 900):
        yield File(f"{size} bytes", programs.signed()[:size], roots)


def test_page_and_command_agree_on_what_many_programs_write() -> None:
    assert not differing(list(_of_other_programs()))


def test_page_and_command_agree_on_proofs_in_files_of_other_programs() -> None:
    """A broken certificate is none to the one, and nobody's to the other; never good."""
    cases = list(_with_proofs())

    for one, report in zip(cases, by_page(cases), strict=True):
        known = judge_file(one.data, Trusted(one.roots, one.now))
        pair = {known.verdict.value, report["verdict"]}
        assert not same(known, report) or pair.isdisjoint({"sealed", "signed"}), one.name


def test_page_and_command_agree_on_algorithms_that_have_ended() -> None:
    assert not differing(list(_ended()))


def test_where_one_byte_is_another_neither_believes_more_than_the_other() -> None:
    """The two read a broken certificate differently: as none, or as nobody's; never as good."""
    honest = files.signed()
    roots = [files.identity("rsa2048").root, files.stamper().root]
    cases = []
    for number, at in enumerate(range(0, len(honest), max(1, len(honest) // FLIPPED))):
        data = bytearray(honest)
        data[at] ^= 1 << (number % 8)
        cases.append(File(f"byte {at}", bytes(data), roots))

    reports = by_page(cases)

    for one, report in zip(cases, reports, strict=True):
        ours_ = judge_file(one.data, Trusted(one.roots, one.now)).verdict.value
        pair = {ours_, report["verdict"]}
        assert len(pair) == 1 or pair.isdisjoint({"sealed", "signed"}), one.name
