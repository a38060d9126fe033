"""Signed files with something wrong in them: no crash, no hang, none is green.

A few hundred in each run; 100,000 with ``./run test --long``, ``VECHE_SEED=N`` from another seed.
"""

from __future__ import annotations

import functools
import os
import random
import re
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.containers import contents
from tests.support.elsewhere import new_identity, packed_page, sign
from tests.support.long import many
from tests.support.signing import NOW
from tests.unit.veche.documents.asic import test_container
from tests.unit.veche.documents.signatures import test_verdict
from veche.documents.asic.archive import ArchiveError
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Verdict
from veche.documents.signed_file import file_addresses, judge_file

if TYPE_CHECKING:
    from cryptography import x509

COUNTS: Final = {"pdf": 20_000, "container": 40_000, "elsewhere": 40_000}
"""Of each kind of file, if it may take long."""
COUNT: Final = 60
SEED: Final = int(os.environ.get("VECHE_SEED", "1"))
EACH_S_MAX: Final = 10
MUTATIONS_MAX: Final = 4
_NUMBER: Final = re.compile(rb"\d{1,10}")
_HOLE: Final = re.compile(rb"/Contents <([0-9A-Fa-f]{200,})>")


@functools.cache
def _elsewhere() -> tuple[bytes, x509.Certificate]:
    who = new_identity(NOW, "p256")
    return sign(packed_page(), who), who.root


def _files() -> dict[str, tuple[bytes, x509.Certificate]]:
    return {
        "pdf": (test_verdict.honest(), test_verdict.office().root.certificate),
        "container": (test_container.honest(), test_container.office().root.certificate),
        "elsewhere": _elsewhere(),
    }


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The file with one to four things wrong in it."""
    made = bytearray(data)
    for _ in range(chance.randint(1, MUTATIONS_MAX)):
        at = chance.randrange(len(made) + 1)
        size = chance.choice((1, 1, 2, 8, 64, 1000))
        other = chance.randrange(len(made) + 1)
        kind = chance.randrange(8)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del made[at : at + size]
        elif kind == 2:
            made[at:at] = chance.randbytes(size)
        elif kind == 3:
            made[at:at] = made[other : other + size]
        elif kind == 4:
            made[at : at + size] = made[other : other + size]
        elif kind == 5:
            del made[max(at, len(made) - size) :]
        elif kind == 6:
            made += made[other : other + size]
        elif found := _NUMBER.search(made, at):
            made[found.start() : found.end()] = b"%d" % chance.randrange(10 ** len(found[0]))
    return bytes(made)


def says_the_same(kind: str, data: bytes, honest: bytes) -> bool:
    """Whether only what says nothing is another: how digits are written, how bytes are packed."""
    if kind == "container":
        try:
            return contents(data) == contents(honest)
        except ArchiveError:
            return False
    if kind == "elsewhere":  # No stamp covers the parts of the signature that are not signed.
        return _HOLE.sub(b"", data).strip() == _HOLE.sub(b"", honest).strip()
    return _plain(data) == _plain(honest)


def _plain(pdf: bytes) -> bytes:
    bare = _HOLE.sub(lambda one: one[0].lower().rstrip(b"0>"), pdf)
    return bare.rstrip(b"\r\n")


@pytest.mark.timeout(many(ordinary=300, long=7200))
@pytest.mark.parametrize("kind", COUNTS)
def test_no_mutated_file_is_green_or_takes_long(kind: str) -> None:
    honest, root = _files()[kind]
    by = Trusted([root], test_verdict.LATER)
    best = Verdict.SIGNED if kind == "elsewhere" else Verdict.SEALED
    assert judge_file(honest, by).verdict is best
    slowest_s = 0.0
    for number in range(many(ordinary=COUNT, long=COUNTS[kind])):
        chance = random.Random(f"{SEED} {kind} {number}")  # noqa: S311 -- the same each time
        data = mutated(honest, chance)
        began_s = time.monotonic()
        found = judge_file(data, by)
        file_addresses(data)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        if found.verdict in {Verdict.SEALED, best}:
            assert says_the_same(kind, data, honest), number
    assert slowest_s < EACH_S_MAX
