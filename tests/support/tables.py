"""A table of many rows is one test: each row is a call, and a failure names its row.

A test of its own for each row, as ``pytest.mark.parametrize`` makes it, costs more time to collect,
to give out and to report than most rows take.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PARAM: Final = type(pytest.param())
_SHOWN_MAX: Final = 300
"""So much of a row is shown: some are whole files."""


def each_row(
    names: str | Sequence[str], rows: Iterable[object]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call the test with each row; above another table, with each row of both.

    It stands where ``pytest.mark.parametrize`` would, if no row has a mark or needs fixtures of its
    own: all rows share those of the test.

    Args:
        names: The arguments that a row gives, separated by commas.
        rows: Values for them; where there is one name, the values themselves.

    Raises:
        ValueError: There is no row, so nothing would be tested.
    """
    named = [one.strip() for one in names.split(",")] if isinstance(names, str) else list(names)
    table = [_arguments(named, row) for row in rows]
    if not table:
        raise ValueError(f"the table of {names} has no row: nothing would be tested")

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def all_rows(*args: object, **others: object) -> None:
            for row in table:
                try:
                    test(*args, **others, **row)
                except BaseException as error:
                    error.add_note(f"in the row {_shown(row)}")
                    raise

        signature = inspect.signature(test)
        others = [one for name, one in signature.parameters.items() if name not in named]
        # What is left over is for fixtures, or for the table above.
        all_rows.__dict__["__signature__"] = signature.replace(parameters=others)
        return all_rows

    return decorate


def _arguments(names: Sequence[str], row: object) -> dict[str, object]:
    if isinstance(row, _PARAM):
        return dict(zip(names, row.values, strict=True))
    if len(names) == 1:
        return {names[0]: row}
    assert isinstance(row, tuple | list), f"{row!r} is no row of {', '.join(names)}"
    return dict(zip(names, row, strict=True))


def _shown(row: dict[str, object]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in row.items())
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
