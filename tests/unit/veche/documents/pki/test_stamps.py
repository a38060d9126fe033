"""Time stamps: requests, answers, tokens; OpenSSL is the second reader."""

from __future__ import annotations

import functools
import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.stamps.core import (
    REQUEST_BYTES_MAX,
    RequestError,
    StampAuthority,
    read_request,
)
from tests.support.programs import program
from tests.support.signing import NOW, Office, ms
from tests.support.tables import each_row
from veche.documents.pki import der
from veche.documents.pki.cms import CmsError
from veche.documents.pki.stamps import StampRequest, read_token

if TYPE_CHECKING:
    from pathlib import Path

POLICY = der.oid(STAMP_POLICY)
IMPRINT = hashlib.sha256(b"what is stamped").digest()


@functools.cache
def authority() -> StampAuthority:
    stamping = office().stamping
    return StampAuthority(stamping.certificate, stamping.key, STAMP_POLICY)


@functools.cache
def one_token() -> bytes:
    return authority().token(StampRequest(IMPRINT), 1, ms(NOW))


@functools.cache
def office() -> Office:
    return Office()


@given(st.binary(min_size=32, max_size=32), st.none() | st.integers(0, 2**128 - 1))
def test_a_request_is_read_as_it_was_made(imprint: bytes, nonce: int | None) -> None:
    request = StampRequest(imprint, nonce)

    assert read_request(request.encoded(), POLICY) == request


def test_a_token_says_what_was_stamped_and_when() -> None:
    token = authority().token(StampRequest(IMPRINT, 7), 12, ms(NOW) + 999)

    stamp = read_token(token)

    assert (stamp.imprint, stamp.at_ms, stamp.nonce) == (IMPRINT, ms(NOW), 7)


_SHA1 = der.oid("1.3.14.3.2.26")
_SHA256 = der.oid("2.16.840.1.101.3.4.2.1")


def _request(
    *rest: bytes, version: int = 1, algorithm: bytes = _SHA256, digest: bytes = IMPRINT
) -> bytes:
    imprint = der.sequence(der.sequence(algorithm), der.octets(digest))
    return der.sequence(der.integer(version), imprint, *rest)


@each_row(
    ("body", "failure"),
    [
        (b"", RequestError.BAD_DATA_FORMAT),
        (b"hello", RequestError.BAD_DATA_FORMAT),
        (_request() + b"\0", RequestError.BAD_DATA_FORMAT),
        (_request()[:-1], RequestError.BAD_DATA_FORMAT),
        (der.sequence(der.integer(1)), RequestError.BAD_DATA_FORMAT),
        (_request(version=2), RequestError.BAD_REQUEST),
        (_request(algorithm=_SHA1, digest=bytes(20)), RequestError.BAD_ALGORITHM),
        (_request(digest=bytes(31)), RequestError.BAD_ALGORITHM),
        (_request(der.oid("1.2.3")), RequestError.UNACCEPTED_POLICY),
        (_request(der.tlv(der.INTEGER, b"\xff")), RequestError.BAD_DATA_FORMAT),
        (_request(der.integer(2**128)), RequestError.BAD_REQUEST),
        (_request(der.tlv(0xA0, b"")), RequestError.UNACCEPTED_EXTENSION),
        (_request(der.octets(bytes(REQUEST_BYTES_MAX))), RequestError.BAD_REQUEST),
    ],
)
def test_what_we_do_not_stamp_is_refused_with_its_reason(body: bytes, failure: int) -> None:
    with pytest.raises(RequestError) as refused:
        read_request(body, POLICY)

    assert refused.value.failure == failure


@given(st.binary(max_size=200))
def test_no_request_breaks_the_reader(body: bytes) -> None:
    answer = authority().answer(body, 1, ms(NOW))

    status, *token = der.children(der.read_whole(answer, der.SEQUENCE))
    assert bool(token) == (status.body == der.integer(0))


@given(st.data())
def test_no_changed_token_is_read_as_another_without_its_signature_breaking(
    data: st.DataObject,
) -> None:
    token = bytearray(one_token())
    token[data.draw(st.integers(0, len(token) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        stamp = read_token(bytes(token))
    except CmsError:
        return
    original = read_token(one_token())
    info = hashlib.sha256(stamp.signed.content or b"").digest()
    is_attested = info in stamp.signed.attributes
    assert not is_attested or stamp.signed.content == original.signed.content


@pytest.mark.parametrize("with_nonce", [True, False])
def test_openssl_believes_our_answers(tmp_path: Path, *, with_nonce: bool) -> None:
    (tmp_path / "data").write_bytes(b"what is stamped")
    (tmp_path / "root.pem").write_bytes(office().root.certificate.public_bytes(Encoding.PEM))
    nonce = [] if with_nonce else ["-no_nonce"]
    query = ["-query", "-data", "data", "-sha256", *nonce, "-cert", "-out", "request"]
    subprocess.run(
        [program("openssl"), "ts", *query], cwd=tmp_path, check=True, capture_output=True
    )
    request = (tmp_path / "request").read_bytes()
    (tmp_path / "answer").write_bytes(authority().answer(request, 99, ms(NOW)))

    verify = ["-verify", "-queryfile", "request", "-in", "answer", "-CAfile", "root.pem"]
    attime = ["-attime", str(ms(NOW) // 1000)]
    done = subprocess.run(
        [program("openssl"), "ts", *verify, *attime],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )

    assert done.returncode == 0, done.stderr
    assert b"Verification: OK" in done.stdout + done.stderr


def test_openssl_reads_our_refusals(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(authority().answer(_request(version=2), 1, ms(NOW)))

    done = subprocess.run(
        [program("openssl"), "ts", "-reply", "-in", "answer", "-text"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )

    assert b"Rejected" in done.stdout
    assert b"Only version 1 is answered." in done.stdout
