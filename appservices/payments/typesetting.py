"""PDF/A-3b of a template of ours and its data, which is inside as a file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from veche.protocol.canonical import canonical
from veche.runtime.files import typesetting

if TYPE_CHECKING:
    from collections.abc import Mapping


def typeset(template: str, data: Mapping[str, Any], made_at_ms: int) -> bytes:
    """A PDF. It takes up to seconds of one core, so make it in a thread.

    The same data at the same time gives the same bytes.

    Args:
        template: Name of a file of this package; it gets the data as ``sys.inputs.data``.
        data: What is shown.
        made_at_ms: Date of the PDF, UTC.
    """
    source = (files("appservices.payments") / template).read_bytes()
    inputs = canonical(data, where="data").decode()
    return typesetting.typeset(source, inputs, at_ms=made_at_ms, standard=typesetting.ARCHIVE)
