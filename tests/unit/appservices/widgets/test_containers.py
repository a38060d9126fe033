"""The page that verifies containers comes to the same verdicts as ``veche verify``."""

from __future__ import annotations

import base64
import datetime as dt
import json
import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.containers import LEASE, bound_to, closed, contents, made, signed, zipped
from tests.support.node import WIDGETS, node, why_no_node
from tests.support.signing import NOW, YEAR, Office, ms
from tests.support.tables import each_row
from tests.unit.appservices.signing import test_renewal as renewals
from tests.unit.appservices.widgets.test_signed_files import same
from tests.unit.veche.documents.asic import test_container as files
from veche.documents.asic.archive import ArchiveError
from veche.documents.asic.container import (
    BEFORE_BYTES_MAX,
    bytes_before,
    new_container,
    prepare_closing,
)
from veche.documents.asic.verdict import judge_container
from veche.documents.pki.digests import SHA512
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Finding, Reason, Verdict
from veche.documents.signatures.words import words_of
from veche.documents.signed_file import is_signed_file, judge_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from veche.documents.signatures.report import Report

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

VERDICT = WIDGETS / "static" / "asic" / "verdict.js"
ANY_FILE = WIDGETS / "static" / "signatures" / "any_file.js"
CERTIFICATE = WIDGETS / "static" / "signatures" / "certificate.js"
FLIPPED = 150
"""Files in which one byte is another."""
File = tuple[str, bytes, dt.datetime, tuple[bytes, ...]]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def by_page(
    cases: Sequence[File], office: Office, ends: Mapping[str, dt.datetime]
) -> list[dict[str, Any]]:
    """What the page's modules make of each file, asked of Node."""
    code = f"""
        import {{ judgeContainer }} from {json.dumps(VERDICT.as_uri())};
        import {{ readCertificate }} from {json.dumps(CERTIFICATE.as_uri())};
        const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
        let text = "";
        for await (const part of process.stdin) text += part;
        const {{ root, files, ends }} = JSON.parse(text);
        const roots = [readCertificate(bytes(root))];
        const found = [];
        for (const one of files)
            found.push(
                await judgeContainer(bytes(one.data), roots, one.now, one.lists.map(bytes), ends),
            );
        process.stdout.write(JSON.stringify(found));
    """
    given = {
        "root": _b64(office.root.certificate.public_bytes(Encoding.DER)),
        "ends": {name: ms(end) for name, end in ends.items()},
        "files": [
            {"data": _b64(data), "now": ms(now), "lists": [_b64(one) for one in lists]}
            for _, data, now, lists in cases
        ],
    }
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


def by_command(one: File, office: Office, ends: Mapping[str, dt.datetime]) -> Report:
    _, data, now, lists = one
    return judge_container(data, Trusted([office.root.certificate], now, lists, ends))


def _files() -> Iterator[File]:
    office = files.office()
    stranger = Office()
    held = {
        "honest": files.honest(),
        "not closed": files.open_tail(),
        "unsigned": new_container([LEASE]),
        "one file": closed(office, made(office, [LEASE])),
        "by hand": zipped(contents(files.honest())),
        "unknown": closed(stranger, made(stranger)),
        "other document": signed(new_container([LEASE]), office.person("Ann", b"other")),
        "after the closing": signed(files.honest(), bound_to(office, "Carol", files.honest())),
        **{f"attack: {name}": make() for name, make in files.ATTACKS.items()},
    }
    for name, make in files.ATTACKS.items():
        try:
            held[f"closed by the attacker: {name}"] = closed(office, make())
        except ArchiveError:
            continue
    for name, data in held.items():
        yield name, data, files.LATER, ()
    as_closed, renewed, authorities = files.long_lived()
    for years in (0.8, 3, 14.1, 16, 24):
        now = NOW + years * YEAR
        alive = [one for one in authorities if one.not_valid_after_utc > now]
        lists = tuple(office.list_of(one, now) for one in alive)
        for data in (as_closed, renewed):
            for given in ((), lists):
                yield f"{years} years, {len(data)} bytes, {len(given)} lists", data, now, given


def _differing(
    cases: Sequence[File],
    office: Office | None = None,
    ends: Mapping[str, dt.datetime] = MappingProxyType({}),
) -> dict[str, list[str]]:
    office = office or files.office()
    reports = by_page(cases, office, ends)
    found = {}
    for one, other in zip(cases, reports, strict=True):
        report = by_command(one, office, ends)
        said = same(report, other)
        if list(report.files) != other["files"]:
            said.append("files")
        if said:
            found[one[0]] = said
    return found


def test_page_and_command_agree_on_every_container() -> None:
    cases = list(_files())

    assert not _differing(cases)
    assert len({by_command(one, files.office(), {}).verdict for one in cases}) == 6


def test_page_and_command_agree_on_stamps_by_other_hashes_when_one_ends() -> None:
    office, ends = renewals.town().office, renewals.Stronger.ends
    cases: list[File] = [
        (f"{name} at {now}", data, now, ())
        for name, data in renewals.stamped_by_hashes("container").items()
        for now in (NOW + YEAR / 3, NOW + YEAR)
    ]
    prepared = prepare_closing(made(office))
    weaker = office.token(SHA512.digest(renewals.manifest_of(prepared)), NOW, by=SHA512)
    cases.append(("a weaker manifest", prepared.embed(weaker), NOW + YEAR / 3, ()))

    assert not _differing(cases, office, ends)
    found = {by_command(one, office, ends).verdict.value for one in cases}
    assert found == {"sealed", "signed", "unproven", "invalid"}


def test_page_and_command_agree_where_one_byte_is_another() -> None:
    honest = files.honest()
    step = max(1, len(honest) // FLIPPED)
    cases: list[File] = []
    for number, at in enumerate(range(0, len(honest), step)):
        data = bytearray(honest)
        data[at] ^= 1 << (number % 8)
        cases.append((f"byte {at}", bytes(data), files.LATER, ()))

    assert not _differing(cases)


SHIFTED = [
    b"\r\n",
    b"Content-Type: application/vnd.etsi.asic-e+zip\r\n\r\n",
    b"\xef\xbb\xbf",
    bytes(70_000),
    b"x" * (BEFORE_BYTES_MAX - 68 - 8),
]


@each_row("before", SHIFTED)
def test_a_container_with_bytes_before_it_is_called_that_by_both(before: bytes) -> None:
    office = Office()
    whole = before + closed(office, made(office))

    ours = judge_file(whole, Trusted([office.root.certificate], NOW))
    code = f"""
        import {{ judgeFile }} from {json.dumps(ANY_FILE.as_uri())};
        let text = "";
        for await (const part of process.stdin) text += part;
        const bytes = Uint8Array.from(Buffer.from(text, "base64"));
        console.log(JSON.stringify(await judgeFile(bytes, [], {ms(NOW)})));
    """
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        input=_b64(whole),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)

    found = [Finding(Reason.BEFORE, detail=f"the container begins after {len(before)} bytes")]
    assert (ours.verdict, list(ours.findings)) == (Verdict.UNREADABLE, found)
    assert (theirs["verdict"], theirs["findings"]) == (
        "unreadable",
        [{"reason": "bytes_before_the_container", "field": "", "detail": found[0].detail}],
    )
    assert is_signed_file(whole)
    assert "ask for the file once more" in words_of(ours, "en")


def test_what_begins_as_something_else_is_that_and_has_no_bytes_before() -> None:
    whole = made(Office())

    for one in (
        whole,
        b"%PDF-1.7\n" + whole,
        zipped([("inner.asice", whole)]),
        b"PK\x03\x04" + whole,
    ):
        assert bytes_before(one) == 0
    assert bytes_before(b"{}" + whole.replace(b"PK\x03\x04", b"PK\x03\x05", 1)) == 0
    assert bytes_before(bytes(BEFORE_BYTES_MAX) + whole) == 0
    for one in (b"", b"{}", b"mimetypeapplication/vnd.etsi.asic-e+zip"):
        assert (bytes_before(one), is_signed_file(one)) == (0, False)
