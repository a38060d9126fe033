"""The check of payment codes: CRC-16/CCITT-FALSE (polynomial 0x1021, from 0xFFFF)."""

from __future__ import annotations

import binascii


def crc(text: str) -> str:
    """The check of a text's UTF-8 bytes: four hexadecimal capitals; ``123456789`` has 29B1."""
    return f"{binascii.crc_hqx(text.encode('utf-8', 'replace'), 0xFFFF):04X}"
