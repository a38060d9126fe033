"""Letters that a document can show."""

from __future__ import annotations

from typing import Any

from veche.documents.pdf.letters import signature_font


def spelt(value: Any) -> Any:
    """Data of a document with Latin letters in place of those that no font here may have.

    Args:
        value: JSON, as Python has it.
    """
    from anyascii import anyascii  # noqa: PLC0415 -- most processes set nothing

    if isinstance(value, str):
        return "".join(one if signature_font().can_show(one) else anyascii(one) for one in value)
    if isinstance(value, list):
        return [spelt(one) for one in value]
    return {key: spelt(one) for key, one in value.items()} if isinstance(value, dict) else value
