"""Remains of a case after the time for which its content is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.agency.cases.core.states import OVER
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import AddedFile, Case


def wiped(case: Case, now_ms: int) -> Case:
    """A case without what is private of it: what was filled in, written, added, and by whom.

    Left is what proves it: what happened when and in which role, where the case stood, the hashes
    of documents and files, the reason and law of a refusal, fees.

    Args:
        case: It is over.
        now_ms: UTC.

    Raises:
        RefusedError: It is not over.
    """
    if case.state not in OVER:
        raise RefusedError("only a case that is over can be wiped")
    refusal = case.refusal and attrs.evolve(case.refusal, text="")
    return attrs.evolve(
        case,
        form=None,
        answers={},
        clerk=None,
        decided_by=None,
        first_approval=None,
        flags=(),
        asked_text=None,
        desk_form=None,
        question=None,
        refusal=refusal,
        files=tuple(_without_key(added) for added in case.files),
        pending=None,
        signatures=case.signatures and attrs.evolve(case.signatures, clerk=None),
        fees=tuple(attrs.evolve(fee, url=None) for fee in case.fees),
        history=tuple(attrs.evolve(entry, text=None) for entry in case.history),
        wiped_at_ms=now_ms,
    )


def _without_key(added: AddedFile) -> AddedFile:
    """A file of which its hash alone is left, if it was known."""
    kept = {key: added.file[key] for key in ("sha256",) if key in added.file}
    return attrs.evolve(added, file=kept)
