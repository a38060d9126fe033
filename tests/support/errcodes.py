"""The page docs/reference/errcodes.md, from the error classes of the whole tree.

Write it with ``python -m tests.support.errcodes >docs/reference/errcodes.md``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import (
    ConfigError,
    ProtocolError,
    RefusedError,
    UnavailableError,
    VecheError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGES: Final = ("veche", "homeserver_modules", "appservices")

_HEAD: Final = """# Error codes

Every error that Veche shows has a stable code. Answers over HTTP have the form of Matrix,
`{"errcode": "…", "error": "…"}`; the text is fit to show to a person. The
group of an error says what to do about it. Unknown paths and methods get Matrix's
`M_UNRECOGNIZED` (404, 405), a bug of ours `M_UNKNOWN` (500).

<!-- Made by tests/support/errcodes.py; a test compares it with the code. -->
"""
_GROUPS: Final[Mapping[type[VecheError], tuple[str, str]]] = {
    ProtocolError: (
        "Correct it, then send it again",
        "HTTP 400; 413 where something is too large. `field` names the first wrong field.",
    ),
    RefusedError: (
        "A rule says no",
        (
            "HTTP 409. 401: nobody is signed in. 403: the caller may not do it at all"
            " (`required` names the level of sign-in that it needs). 404: it does not exist."
            " Trying again does not help."
        ),
    ),
    UnavailableError: (
        "Try again later",
        (
            "HTTP 503, or 429 where it was asked too often; with `retry_after_ms` and the header"
            " `Retry-After`."
        ),
    ),
    ConfigError: (
        "The operator has to mend something",
        "Shown by the command `veche` and in the log at the start, never over HTTP.",
    ),
    VecheError: ("Other", "Shown by the command `veche` and in logs; HTTP 500."),
}


def errors() -> list[type[VecheError]]:
    """Every error class of the tree that has a code of its own."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found = {e for e in _below(VecheError) if e.__module__.split(".")[0] in PACKAGES}
    return sorted((e for e in found if "errcode" in vars(e)), key=lambda e: e.errcode)


def page() -> str:
    """The whole page."""
    rows: dict[type[VecheError], list[str]] = {group: [] for group in _GROUPS}
    for error in errors():
        group = next(group for group in _GROUPS if issubclass(error, group))
        rows[group].append(f"| `{error.errcode}` | {_meaning(error)} |")
    sections = [
        "\n".join([f"\n## {title}\n\n{text}\n\n| code | meaning |\n|---|---|", *rows[group]])
        for group, (title, text) in _GROUPS.items()
        if rows[group]
    ]
    return _HEAD + "\n".join(sections) + "\n"


def _below(error: type[VecheError]) -> Iterator[type[VecheError]]:
    yield error
    for one in error.__subclasses__():
        yield from _below(one)


def _meaning(error: type[VecheError]) -> str:
    text = (inspect.getdoc(error) or "").split("\n\n", maxsplit=1)[0]
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
