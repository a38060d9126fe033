"""Documents set by typst: a source and data in, a PDF out; the same bytes for the same input.

A source gets the fonts that typst brings and its data, and nothing of the disk or the network.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NO_INPUTS: Final[Mapping[str, str]] = MappingProxyType({})
NO_PICTURES: Final[Mapping[str, bytes]] = MappingProxyType({})
ARCHIVE: Final = "a-3b"
"""PDF/A-3b: for archives, with files inside; typst refuses what no font can show."""

_PICTURE: Final = b"""#set page(width: 512pt, height: 512pt, margin: 0pt, fill: none)
#image(bytes(sys.inputs.data), format: "svg", width: 100%, height: 100%, fit: "contain")
"""
# A source that could import could name a package, which typst would fetch from the network.
_REACHES_OUT: Final = re.compile(rb"\b(?:import|include|eval)\b")


class TypesettingError(ConfigError):
    """A source of typst does not work, or does not fit its data."""

    errcode = "ORG.VECHE.TYPESETTING"


def check_source(source: bytes) -> None:
    """See that a source is one file that reaches nothing but its data.

    Raises:
        TypesettingError: It uses ``import``, ``include`` or ``eval``, be it in a text.
    """
    found = _REACHES_OUT.search(source)
    if found:
        line = source.count(b"\n", 0, found.start()) + 1
        raise TypesettingError(
            f"line {line}: a template is one file: the word {found[0].decode()} is not allowed in"
            " it, not even in a text; put texts beside it"
        )


def typeset(
    source: bytes,
    data: str,
    *,
    at_ms: int,
    standard: Literal["a-3b"] | None = None,
    fonts: Path | None = None,
    inputs: Mapping[str, str] = NO_INPUTS,
    pictures: Mapping[str, bytes] = NO_PICTURES,
) -> bytes:
    """Set a document. It takes 5 to 200 ms of one core, so call it in a thread.

    Args:
        source: In typst; it finds the data as ``json(bytes(sys.inputs.data))``.
        data: JSON.
        at_ms: Date of the PDF, UTC.
        standard: Such as ``ARCHIVE``; None: none.
        fonts: Folder with further fonts. Those of typst have Latin, Cyrillic, Greek, Hebrew and
            Arabic letters, but no Chinese or Japanese ones; PDF/A refuses what no font can show.
        inputs: What else it finds in ``sys.inputs``.
        pictures: By a name with its ending, ``arms.png``: ``image(sys.inputs.arms)`` shows it.

    Raises:
        TypesettingError: The source is wrong, or not of the standard with this data.
    """
    import typst  # noqa: PLC0415 -- 7 MiB, and most processes set nothing

    with _file(source) as path:
        for name, picture in pictures.items():
            path.with_name(name).write_bytes(picture)
        shown = {Path(name).stem: name for name in pictures}
        how = _how(path, data, {**inputs, **shown})
        try:
            pdf: bytes = typst.compile(
                path,
                format="pdf",
                timestamp=at_ms // 1000,
                pdf_standards=standard,
                font_paths=[] if fonts is None else [fonts],
                **how,
            )
        except typst.TypstError as e:
            raise TypesettingError(_diagnosis(e)) from e
    return pdf


def drawn(svg: str) -> bytes:
    """Draw a picture (SVG) as a PNG of 512 by 512 pixels.

    Raises:
        TypesettingError: It cannot be drawn.
    """
    import typst  # noqa: PLC0415 -- 7 MiB, and most processes set nothing

    with _file(_PICTURE) as path:
        try:
            png: bytes = typst.compile(path, format="png", ppi=72, **_how(path, svg))
        except typst.TypstError as e:
            raise TypesettingError(_diagnosis(e)) from e
    return png


def labelled(source: bytes, data: str, label: str) -> list[Any]:
    """The values of what has a label in a document, as JSON.

    Args:
        source: In typst.
        data: JSON.
        label: Its name, without ``<`` and ``>``.

    Raises:
        TypesettingError: The source is wrong.
    """
    import typst  # noqa: PLC0415 -- 7 MiB, and most processes set nothing

    with _file(source) as path:
        try:
            found = typst.query(path, f"<{label}>", field="value", **_how(path, data))
        except RuntimeError as e:  # A ``TypstError``, or one without a diagnosis.
            raise TypesettingError(_diagnosis(e)) from e
    values: list[Any] = json.loads(found)
    return values


@contextmanager
def _file(source: bytes) -> Iterator[Path]:
    # Files are looked for below ``root``: a folder with the source alone keeps the disk away.
    with tempfile.TemporaryDirectory(prefix="veche-typst-") as folder:
        path = Path(folder, "document.typ")
        path.write_bytes(source)
        yield path


def _how(path: Path, data: str, more: Mapping[str, str] = NO_INPUTS) -> dict[str, Any]:
    inputs = {**more, "data": data}
    return {"root": path.parent, "ignore_system_fonts": True, "sys_inputs": inputs}


def _diagnosis(error: RuntimeError) -> str:
    """Return the cause of an error, without the data values that typst may quote."""
    import typst  # noqa: PLC0415 -- 7 MiB, and most processes set nothing

    if not isinstance(error, typst.TypstError):
        return "it does not compile"
    hints = "; ".join(error.hints or [])
    return f"{error.message} ({hints})" if hints else str(error.message)
