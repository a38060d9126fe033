"""Proofs that a log has an entry, as text that every tool for such logs reads.

Source: C2SP, tlog-proof: a first line, the index of the entry, the hashes of its inclusion proof
(RFC 6962) from the entry upwards, an empty line, and the signed checkpoint.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import decode_base64
from veche.transparency.fields import HEAD_PATH_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORM: Final = re.compile(
    r"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,15})\n"
    rf"((?:[A-Za-z0-9+/]{{42}}[AEIMQUYcgkosw048]=\n){{0,{HEAD_PATH_MAX}}})\n(.+\Z)",
    re.DOTALL,
)


@attrs.frozen
class LogProof:
    """Proof that a log has an entry.

    Attributes:
        index: Its place, from 0.
        path: From the entry upwards, unpadded base64.
        note: The signed checkpoint, with what witnesses have signed.
    """

    index: int
    path: Sequence[str]
    note: str

    def to_text(self) -> str:
        """As it travels."""
        hashes = "".join(f"{one}=\n" for one in self.path)
        return f"c2sp.org/tlog-proof@v1\nindex {self.index}\n{hashes}\n{self.note}"

    @property
    def hashes(self) -> list[bytes]:
        """The path as bytes."""
        return [decode_base64(one) for one in self.path]


def read_log_proof(text: str) -> LogProof:
    """The proof that a text is; nothing of it is checked.

    Raises:
        MalformedError: It has another form.
    """
    found = _FORM.match(text)
    if found is None:
        raise MalformedError("proof", "is not of the form c2sp.org/tlog-proof@v1")
    return LogProof(int(found[1]), found[2].replace("=", "").split(), found[3])
