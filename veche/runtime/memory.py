"""Memory that stays from the start of a process, laid so that it is cheap to come back to.

Modules, classes and tables stay until the end. Once the start is over the garbage collector need
not look at them any more, and the kernel holds them in large pages (2 MiB) where it can: beside
other programs a process finds its caches cold after each pause, and to find a small page costs
several reads of memory, in a virtual machine many.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import linecache
import logging
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

RESIDENT_SHARE_MIN: Final = 0.75
"""What of a large page has to be in memory before: the rest of it is what it costs."""

_LARGE_PAGES: Final = Path("/sys/kernel/mm/transparent_hugepage")
_MAPS: Final = Path("/proc/self/maps")
# Numbers of Linux that Python has no names for. It knows the second since 6.1; before, a thread of
# the kernel does by and by what the first asks for.
_MADV_HUGEPAGE: Final = 14
_MADV_COLLAPSE: Final = 25

_large_bytes = metrics.gauge(
    "veche_large_pages_bytes", "Memory that was laid into large pages after the start."
)

logger = logging.getLogger(__name__)


def trim() -> None:
    """Give back what only the start needed, for the system to use.

    That is the text of methods that classes were given when they were made, kept for debuggers;
    and the holes that imports leave behind, which only glibc can give back. It takes some
    hundredths of a second.
    """
    linecache.clearcache()
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def settle() -> int:
    """Lay what is in memory now for long; how many bytes are in large pages.

    It blocks for about a tenth of a second. Where the kernel has no large pages, or who runs the
    machine forbids them (``never``), pages stay as they are.
    """
    began_s = time.perf_counter()
    gc.collect()
    gc.freeze()
    laid = 0
    # Without the folder the kernel has none.
    with contextlib.suppress(FileNotFoundError):
        if "[never]" not in (_LARGE_PAGES / "enabled").read_text():
            page = int((_LARGE_PAGES / "hpage_pmd_size").read_text())
            laid = sum(_lay(*region, page) for region in list(_regions(page)))
    _large_bytes.set(laid)
    took_ms = (time.perf_counter() - began_s) * 1000
    logger.info("memory: %d MiB in large pages, in %d ms", laid >> 20, took_ms)
    return laid


def _regions(page: int) -> Iterator[tuple[int, int]]:
    """Begin and end of what Python and C allocated, in whole large pages of so many bytes."""
    for line in _MAPS.read_text().splitlines():
        span, access, _offset, _device, _inode, *name = line.split(maxsplit=5)
        if access == "rw-p" and name in ([], ["[heap]"]):
            begin, end = (int(edge, 16) for edge in span.split("-"))
            begin, end = -(-begin // page) * page, end // page * page
            if begin < end:
                yield begin, end


def _lay(begin: int, end: int, page: int) -> int:
    """How many bytes of a region are in large pages now.

    What is mostly not in memory, such as the stacks of threads, is left out.
    """
    libc, size = ctypes.CDLL(None), ctypes.c_size_t
    small = resource.getpagesize()
    is_resident = (ctypes.c_ubyte * ((end - begin) // small))()
    if libc.mincore(ctypes.c_void_p(begin), size(end - begin), is_resident) != 0:
        return 0
    each, laid = page // small, 0
    for number in range((end - begin) // page):
        resident = sum(flag & 1 for flag in is_resident[number * each : (number + 1) * each])
        if resident >= RESIDENT_SHARE_MIN * each:
            here = ctypes.c_void_p(begin + number * page)
            libc.madvise(here, size(page), _MADV_HUGEPAGE)
            laid += page * (libc.madvise(here, size(page), _MADV_COLLAPSE) == 0)
    return laid
