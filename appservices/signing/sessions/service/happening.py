"""Something that happens to a session, with all that its effects have to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member
    from appservices.signing.sessions.core.session import Input
    from appservices.signing.sessions.store.signatures import Signature


@attrs.frozen
class Happening:
    """Something that happens.

    Attributes:
        what: As the table calls it.
        member: Who does it, as they were before.
        stage: Place of the stage that was open.
        signature: What they have signed by.
        other: Who acts in their place from now on.
        gone: Who does not any more.
        tries: How often the file could not be closed.
        verdict: Of the closed file; None: nobody has signed in it.
        proven_until_ms: Until when the closed file stays provable, UTC.
    """

    what: Input
    member: Member | None = None
    stage: int | None = None
    signature: Signature | None = None
    other: Member | None = None
    gone: Member | None = None
    tries: int = 0
    verdict: str | None = None
    proven_until_ms: int | None = None
