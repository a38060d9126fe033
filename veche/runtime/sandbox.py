"""Running a judgement over a hostile file: in a process of its own, with bounds on what it takes.

The child begins anew and has nothing of ours but what it is given. It gets no more memory and time
than is named, writes no files, and what it prints goes nowhere.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

MEMORY_BYTES_MAX: Final = 512 * 1024 * 1024
CPU_S_MAX: Final = 10
FILES_MAX: Final = 64
_START_S: Final = 20
"""To begin: Python and our modules, on a busy machine."""

P = ParamSpec("P")
R = TypeVar("R")


class SandboxError(Exception):
    """The child gave no answer: it took too long or too much memory, or failed."""


def in_sandbox(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do some work in a child with bounds. It blocks: never call it in the reactor's thread.

    Args:
        work: A function at the top of a module; its arguments and its result can be pickled.
        *args: Of it.
        **kwargs: Of it.

    Raises:
        SandboxError: It gave no answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(theirs, work, args, kwargs), daemon=True)
    child.start()
    theirs.close()
    try:
        if not ours.poll(CPU_S_MAX + _START_S):
            raise SandboxError("it takes too long")
        is_done, found = ours.recv()
    except EOFError as e:
        raise SandboxError("it takes too long, or too much memory") from e
    finally:
        child.kill()
        child.join()
        ours.close()
    if not is_done and found == MemoryError.__name__:
        raise SandboxError("it takes too much memory")
    if not is_done:
        raise SandboxError(f"it cannot be read ({found})")
    return cast("R", found)


def _child(connection: Connection, work: Callable[..., Any], args: Any, kwargs: Any) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(silence, output)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
    try:
        connection.send((True, work(*args, **kwargs)))
    except Exception as e:  # noqa: BLE001 -- the edge: whatever it was is no answer
        connection.send((False, type(e).__name__))
