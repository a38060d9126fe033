"""Running a judgement over a hostile file: in a process of its own, with bounds on what it takes.

The child begins anew and has nothing of ours but what it is given. It gets no more memory and time
than is named, writes no files, and what it prints goes nowhere.
"""

from __future__ import annotations

import os
import pickle  # what we and our own child say to each other
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_BYTES_MAX: Final = 512 * 1024 * 1024
CPU_S_MAX: Final = 10
FILES_MAX: Final = 64
_START_S: Final = 20
"""To begin: Python and our modules, on a busy machine."""
_BEGIN: Final = """
import sys
sys.path[:] = sys.argv[1:]
from veche.runtime.files.sandbox import _answer
_answer()
"""
"""What the child runs: it finds modules where we do, not in the folder where somebody is, and
imports what its work needs alone. What multiprocessing starts would look into that folder first,
and import the program that we are as well."""

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
    child = subprocess.Popen(  # noqa: S603 -- ourselves
        # Without what `site` would look for: where modules are, it is told.
        [sys.executable, "-S", "-c", _BEGIN, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with child:
        try:
            said, _ = child.communicate(
                pickle.dumps((work, args, kwargs)), timeout=CPU_S_MAX + _START_S
            )
        except subprocess.TimeoutExpired as e:
            raise SandboxError("it takes too long") from e
        finally:
            child.kill()
    if child.returncode != 0 or not said:
        raise SandboxError("it takes too long, or too much memory")
    is_done, found = pickle.loads(said)  # noqa: S301 -- of our own child
    if not is_done and found == MemoryError.__name__:
        raise SandboxError("it takes too much memory")
    if not is_done:
        raise SandboxError("it cannot be read") from RuntimeError(found)
    return cast("R", found)


def _answer() -> None:
    work, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 -- of our parent
    with os.fdopen(os.dup(1), "wb") as answers:
        silence = os.open(os.devnull, os.O_WRONLY)
        for output in (1, 2):
            os.dup2(silence, output)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
        answers.write(_done(work, args, kwargs))
    # All is said: taking down what was imported would cost as much as half of it.
    os._exit(0)


def _done(work: Callable[..., Any], args: Any, kwargs: Any) -> bytes:
    try:
        return pickle.dumps((True, work(*args, **kwargs)))
    except Exception as e:  # noqa: BLE001 -- the edge: whatever it was is no answer
        return pickle.dumps((False, type(e).__name__))
