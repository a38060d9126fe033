"""PDF/A-3b of a template of ours and its data, which is inside as a file; made by typst."""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typst

from veche.protocol.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

STANDARD: Final = "a-3b"


def typeset(template: str, data: Mapping[str, Any], made_at_ms: int) -> bytes:
    """A PDF. It takes up to seconds of one core, so make it in a thread.

    The same data at the same time gives the same bytes.

    Args:
        template: Name of a file of this package; it gets the data as ``sys.inputs.data``.
        data: What is shown.
        made_at_ms: Date of the PDF, UTC.
    """
    source = (files("appservices.payments") / template).read_bytes()
    # Files are looked for below ``root``: a folder with the template alone keeps the disk away.
    with tempfile.TemporaryDirectory(prefix="veche-typst-") as folder:
        path = Path(folder, template)
        path.write_bytes(source)
        pdf: bytes = typst.compile(
            path,
            root=path.parent,
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"data": canonical(data, where="data").decode()},
            pdf_standards=STANDARD,
            timestamp=made_at_ms // 1000,
        )
    return pdf
