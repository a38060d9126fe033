"""Documents that an office issues: PDF/A-3b from a typst template and the data of a case.

The same template and data give the same bytes, so that a document can be made again after a crash
and checked by its hash. The data travels inside as ``data.json``, for machines.

A template is a file of the organisation, not of a stranger; still it gets no more than it needs:
the fonts that typst brings, the data, and nothing of the disk or the network.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.canonical import canonical
from veche.protocol.errors import ConfigError, TooLargeError
from veche.protocol.forms.models import FILE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typst

TEMPLATE_BYTES_MAX: Final = 256 * 1024
"""Largest template."""
DATA_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest data of a document, as JSON."""
STANDARD: Final = "a-3b"

# A template that could import could name a package, which typst would fetch from the network.
_REACHES_OUT: Final = re.compile(rb"\b(?:import|include|eval)\b")


@attrs.frozen
class Document:
    """A document that was made.

    Attributes:
        data: The PDF.
        sha256: Of ``data``, hexadecimal.
    """

    data: bytes
    sha256: str

    @staticmethod
    def of(pdf: bytes) -> Document:
        """A document with its digest."""
        return Document(pdf, hashlib.sha256(pdf).hexdigest())


class TemplateError(ConfigError):
    """A template cannot be used, or does not fit its data."""

    errcode = "ORG.VECHE.TEMPLATE"


def make_document(
    template: bytes, data: Mapping[str, Any], *, issued_at_ms: int, fonts: Path | None = None
) -> Document:
    """Make a document. It takes 5 to 200 ms of one core, so run it in a thread.

    Args:
        template: Source in typst, at most ``TEMPLATE_BYTES_MAX``. It finds the data as
            ``json(bytes(sys.inputs.data))``.
        data: JSON without floats (see ``core.document_data``), at most ``DATA_BYTES_MAX``.
        issued_at_ms: Date of the PDF, UTC.
        fonts: Folder with further fonts. Those of typst have Latin, Cyrillic, Greek, Hebrew and
            Arabic letters, but no Chinese or Japanese ones; PDF/A refuses what no font can show.

    Raises:
        TemplateError: The template reaches out, is wrong, or is no PDF/A with this data.
        TooLargeError: Template, data or document is over its limit.
        MalformedError: The data has no canonical JSON.
    """
    if len(template) > TEMPLATE_BYTES_MAX:
        raise TooLargeError(f"the template is over {TEMPLATE_BYTES_MAX} bytes")
    check_template(template)
    inputs = canonical(data, where="data")
    if len(inputs) > DATA_BYTES_MAX:
        raise TooLargeError(f"the data of the document is over {DATA_BYTES_MAX} bytes")
    pdf = _compile(template, inputs.decode(), issued_at_ms, fonts)
    if len(pdf) > FILE_BYTES_MAX:
        raise TooLargeError(f"the document is over {FILE_BYTES_MAX} bytes")
    return Document.of(pdf)


def check_template(template: bytes) -> None:
    """See that a template is one file that reaches nothing but its data.

    Raises:
        TemplateError: It uses ``import``, ``include`` or ``eval``, be it in a text.
    """
    found = _REACHES_OUT.search(template)
    if found:
        line = template.count(b"\n", 0, found.start()) + 1
        raise TemplateError(
            f"line {line}: a template is one file: the word {found[0].decode()} is not allowed in"
            " it, not even in a text; put texts into the service file"
        )


def _compile(template: bytes, inputs: str, issued_at_ms: int, fonts: Path | None) -> bytes:
    # Files are looked for below ``root``: a folder with the template alone keeps the disk away.
    import typst  # noqa: PLC0415 -- 7 MiB, and most processes set nothing

    with tempfile.TemporaryDirectory(prefix="veche-typst-") as folder:
        path = Path(folder, "template.typ")
        path.write_bytes(template)
        try:
            pdf = typst.compile(
                path,
                root=path.parent,
                font_paths=[] if fonts is None else [fonts],
                ignore_system_fonts=True,
                format="pdf",
                sys_inputs={"data": inputs},
                pdf_standards=STANDARD,
                timestamp=issued_at_ms // 1000,
            )
        except typst.TypstError as e:
            raise TemplateError(f"the template does not work: {_diagnosis(e)}") from e
    return pdf


def _diagnosis(error: typst.TypstError) -> str:
    """What is wrong, without the values of the data that typst may quote after it."""
    hints = "; ".join(error.hints or [])
    return f"{error.message} ({hints})" if hints else str(error.message)
