"""The largest files that are judged: made to keep programs busy, and honest ones."""

from __future__ import annotations

import base64
import random
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from tests.support import attackers, containers
from tests.support.forgery import increment, page, stream
from tests.support.long import is_long
from veche.documents.asic.container import DataFile
from veche.documents.pdf.values import VALUES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB: Final = 1024 * 1024
_RANGES: Final = b"/ByteRange[0 9 %d 3]" % (80 * MIB + 11)
LARGE_MIB: Final = 95
"""Nearly as large as a file may be."""
_EMPTY: Final = VALUES_MAX - 10_000
"""Values that are few enough for the rest of a page."""

BOUNDED: Final[dict[str, Callable[[], bytes]]] = {
    "ranges over the whole": lambda: b"%PDF-1.7\n<" + b"30" * 40 * MIB + b">" + _RANGES * 19,
    "parentheses": lambda: page("x", {6: b"(" * 10 * MIB + b")" * 10 * MIB}),
    "dictionaries": lambda: page("x", {6: b"[%b]" % (b"<<>>" * 15 * MIB)}),
    "numbers like objects": lambda: increment(
        attackers.signed_once(), {900: stream(b"1 " * 40 * MIB)}
    ),
}
"""Most of them as large as a file may be, or so that a careless reader needs far more.

The first one is that of an ordinary run: others keep a program busy for as long as it may be.
"""

CROWDED: Final[dict[str, Callable[[], bytes]]] = {
    "as many values as may be": lambda: page(
        "x", {6: b"[%b]" % (b"<<>>" * _EMPTY), 7: stream(b"x" * 90 * MIB)}
    ),
    "long names": lambda: page("x", {6: b"[%b]" % (b"/%b " % (b"A" * 45) * _EMPTY)}),
    "ranges": lambda: b"%PDF-1.7\n" + b"/ByteRange[0 1 2 3]" * 5 * MIB,
    "hidden objects": lambda: increment(
        attackers.signed_once(), {900: stream(b"1 0 obj " * 11 * MIB)}
    ),
}
"""Others that a page has to hold in the memory of a tab."""

_ORDINARY: Final = ("parentheses.pdf", "small.pdf", "honest.pdf")


def large_pdf(mib: int) -> bytes:
    """An honest file of about this size, signed and closed."""
    return attackers.signed(page("Pay 100 EUR to Bob", {6: stream(_noise(mib))}))


def large_container(mib: int, *, is_packed: bool = False) -> bytes:
    """An honest container of a file of this size, signed and closed."""
    content = base64.b64encode(_noise(mib * 3 // 4)) if is_packed else _noise(mib)
    film = DataFile("film.bin", "application/octet-stream", content)
    office = attackers.office()
    return containers.closed(office, containers.made(office, files=[film]))


def _noise(mib: int) -> bytes:
    return random.Random(mib).randbytes(mib * MIB)  # noqa: S311 -- what no program can pack


# A small process of its own: what the parent had in memory counts as its child's.
_MEASURE: Final = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print()
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


@attrs.frozen
class Measured:
    """What a program took.

    Attributes:
        code: With which it ended.
        cpu_s: Processor time.
        memory_bytes: The most that it had.
        said: What it wrote.
    """

    code: int
    cpu_s: float
    memory_bytes: int
    said: str


def measured(*command: str) -> Measured:
    """Run a program, and see what it takes."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], capture_output=True, text=True, check=True
    )
    said, _, last = done.stdout.rstrip().rpartition("\n")
    code, cpu_s, memory_kib = last.split()
    return Measured(int(code), float(cpu_s), int(memory_kib) * 1024, said + done.stderr)


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """What a page has to hold, each by its name; gone afterwards, for they are large.

    An ordinary run has one of the hostile ones and one of the honest large ones, a long run all.
    """
    files: dict[str, Callable[[], bytes]] = {
        **{f"{name}.pdf": make for name, make in {**BOUNDED, **CROWDED}.items()},
        "small.pdf": lambda: large_pdf(1),
        "honest.pdf": lambda: large_pdf(LARGE_MIB),
        "honest.asice": lambda: large_container(LARGE_MIB),
    }
    chosen = files if is_long() else {name: files[name] for name in _ORDINARY}
    made: list[Path] = []
    try:
        for name, make in chosen.items():
            made.append(folder / name)
            made[-1].write_bytes(make())
        yield
    finally:
        for one in made:
            one.unlink(missing_ok=True)
