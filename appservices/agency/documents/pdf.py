"""Documents that an office issues: PDF/A-3b from a typst template and the data of a case.

The same template and data give the same bytes, so that a document can be made again after a crash
and checked by its hash. The data travels inside as ``data.json``, for machines.

A template is a file of the organisation, not of a stranger; still it gets no more than it needs:
the fonts that typst brings, the data, and nothing of the disk or the network.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.canonical import canonical
from veche.protocol.errors import TooLargeError
from veche.protocol.forms.models import FILE_BYTES_MAX
from veche.runtime.files.qr_codes import draw_svg
from veche.runtime.files.typesetting import ARCHIVE, TypesettingError, check_source, typeset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEMPLATE_BYTES_MAX: Final = 256 * 1024
"""Largest template."""
DATA_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest data of a document, as JSON."""


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


@attrs.frozen
class Emblems:
    """The office's marks on a document, beside its data.

    Attributes:
        arms: Its coat of arms, as PNG; None: it has none.
        check_url: Where anybody can check the document; None: there are no pages.
        seal: Name of the organisation whose seal the document gets; None: it gets none.
    """

    arms: bytes | None = None
    check_url: str | None = None
    seal: str | None = None

    @property
    def inputs(self) -> Mapping[str, str]:
        """The words, as a template finds them."""
        words = {"check_url": self.check_url, "seal": self.seal}
        return {name: value for name, value in words.items() if value is not None}

    @property
    def pictures(self) -> Mapping[str, bytes]:
        """The pictures, by their files."""
        code = draw_svg(self.check_url) if self.check_url is not None else None
        files = {"arms.png": self.arms, "check_code.svg": code}
        return {name: data for name, data in files.items() if data is not None}


NO_EMBLEMS: Final = Emblems()


def make_document(
    template: bytes,
    data: Mapping[str, Any],
    *,
    issued_at_ms: int,
    emblems: Emblems = NO_EMBLEMS,
    fonts: Path | None = None,
) -> Document:
    """Make a document. It takes 5 to 200 ms of one core, so run it in a thread.

    Args:
        template: Source in typst, at most ``TEMPLATE_BYTES_MAX``. It finds the data as
            ``json(bytes(sys.inputs.data))``.
        data: JSON without floats (see ``core.document_data``), at most ``DATA_BYTES_MAX``.
        issued_at_ms: Date of the PDF, UTC.
        emblems: Of the office.
        fonts: Folder with further fonts. Those of typst have Latin, Cyrillic, Greek, Hebrew and
            Arabic letters, but no Chinese or Japanese ones; PDF/A refuses what no font can show.

    Raises:
        TypesettingError: The template reaches out, is wrong, or is no PDF/A with this data.
        TooLargeError: Template, data or document is over its limit.
        MalformedError: The data has no canonical JSON.
    """
    if len(template) > TEMPLATE_BYTES_MAX:
        raise TooLargeError(f"the template is over {TEMPLATE_BYTES_MAX} bytes")
    check_source(template)
    inputs = canonical(data, where="data")
    if len(inputs) > DATA_BYTES_MAX:
        raise TooLargeError(f"the data of the document is over {DATA_BYTES_MAX} bytes")
    try:
        pdf = typeset(
            template,
            inputs.decode(),
            at_ms=issued_at_ms,
            standard=ARCHIVE,
            fonts=fonts,
            inputs=emblems.inputs,
            pictures=emblems.pictures,
        )
    except TypesettingError as e:
        raise TypesettingError(f"the template does not work: {e}") from e
    if len(pdf) > FILE_BYTES_MAX:
        raise TooLargeError(f"the document is over {FILE_BYTES_MAX} bytes")
    return Document.of(pdf)
