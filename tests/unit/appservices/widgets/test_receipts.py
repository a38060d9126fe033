"""The page that verifies receipts comes to the same verdicts as the Python that does."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import attrs
import nacl.bindings
import pytest

from tests.support.node import WIDGETS, node, why_no_node
from tests.support.receipts import all_cases
from tests.unit.appservices.payments.core.proofs.test_receipts import verdict
from veche.protocol.errors import MalformedError
from veche.transparency.envelope import verify_ed25519
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Iterator

VERIFY = WIDGETS / "static" / "verify"
ORDER = 2**252 + 27742317777372353535851937790883648493

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

_VERDICTS = """
    async (one) => {
        try {
            const keys = await Promise.all(one.keys.map(notes.readKey));
            const receipt = page.readReceipt(new TextEncoder().encode(one.text));
            await page.verifyReceipt(receipt, keys, one.published);
            return "holds";
        } catch (error) {
            return error.fault ?? String(error);
        }
    }
"""
_SIGNED = """
    async ({ key, signature }) => {
        const [k, s] = [key, signature].map((text) => bytes.fromPadded(text));
        return ed25519.isSigned(k, s, bytes.utf8("message"));
    }
"""


def javascript(function: str, given: list[Any]) -> list[Any]:
    """What a function of JavaScript makes of each value, asked of Node."""
    modules = {"page": "receipt", "notes": "notes", "ed25519": "ed25519", "bytes": "bytes"}
    imports = [
        f"import * as {name} from {json.dumps((VERIFY / f'{file}.js').as_uri())};"
        for name, file in modules.items()
    ]
    code = f"""
        {"".join(imports)}
        let text = "";
        for await (const part of process.stdin) text += part;
        const found = [];
        for (const one of JSON.parse(text)) found.push(await ({function})(one));
        process.stdout.write(JSON.stringify(found));
    """
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def test_page_and_command_agree_on_every_receipt() -> None:
    cases = all_cases()

    found = javascript(_VERDICTS, [attrs.asdict(case) for case in cases])

    ours = {case.name: verdict(case) for case in cases}
    theirs = dict(zip(ours, found, strict=True))
    assert {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]} == {}
    assert len(ours) > 500
    assert len(set(ours.values())) == 8


def crafted() -> Iterator[tuple[bytes, bytes]]:
    """Keys and signatures at which libraries differ: torsion, other encodings, S + L."""
    key, secret = nacl.bindings.crypto_sign_seed_keypair(b"k" * 32)
    signature = nacl.bindings.crypto_sign(b"message", secret)[:64]
    small = [
        bytes(32),
        b"\x01" + bytes(31),
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f",
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\x01" + bytes(30) + b"\x80",
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    ]
    s = int.from_bytes(signature[32:], "little")
    yield key, signature
    yield key, signature[:32] + (s + ORDER).to_bytes(32, "little")
    yield key, signature[:32] + bytes(32)
    yield key, signature[:63]
    yield key, signature + b"\x00"
    yield key[:31], signature
    for one in small:
        yield one, signature
        yield one, one + bytes(32)
        yield one, bytes([1]) + bytes(63)
        yield key, one + signature[32:]
    for at in range(0, 64, 7):
        yield key, signature[:at] + bytes([signature[at] ^ 4]) + signature[at + 1 :]


def test_page_and_server_agree_on_crafted_signatures() -> None:
    pairs = list(crafted())
    given = [
        {"key": base64.b64encode(k).decode(), "signature": base64.b64encode(s).decode()}
        for k, s in pairs
    ]

    found = javascript(_SIGNED, given)

    assert found == [verify_ed25519(key, signature, b"message") for key, signature in pairs]
    assert found.count(True) == 1


def test_no_key_is_read_that_the_server_refuses() -> None:
    good = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    texts = [good, "", "x", good[:-1], good + "=", good.replace("c7", "C7"), good.replace("P", "+")]

    found = javascript("(one) => notes.readKey(one).then(() => true, () => false)", texts)

    assert found == [_is_read(text) for text in texts]


def _is_read(text: str) -> bool:
    try:
        read_verifier_key(text)
    except MalformedError:
        return False
    return True
