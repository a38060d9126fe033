"""PDF/A-3b of a template of ours and its data, which is inside as a file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.canonical import canonical
from veche.runtime.files import typesetting
from veche.runtime.files.spelling import spelt

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED: Final = "receipt"
"""What of the data stays as it was signed; it is attached, and not shown."""


def typeset(template: str, data: Mapping[str, Any], made_at_ms: int) -> bytes:
    """A PDF. It takes up to seconds of one core, so make it in a thread.

    The same data at the same time gives the same bytes.

    Args:
        template: Path of a file in this package; it gets the data as ``sys.inputs.data``.
        data: What is shown.
        made_at_ms: Date of the PDF, UTC.
    """
    try:
        return _set(template, data, made_at_ms)
    except typesetting.TypesettingError:
        # A name, or what a payment was for, in letters that no font here has, such as an emoji.
        shown = {key: one if key == SIGNED else spelt(one) for key, one in data.items()}
        return _set(template, shown, made_at_ms)


def _set(template: str, data: Mapping[str, Any], made_at_ms: int) -> bytes:
    source = (files("appservices.payments") / template).read_bytes()
    inputs = canonical(data, where="data").decode()
    return typesetting.typeset(source, inputs, at_ms=made_at_ms, standard=typesetting.ARCHIVE)
