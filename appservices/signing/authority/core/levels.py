"""How a person signs, the surer the later."""

from __future__ import annotations

import enum
from typing import Final


class Level(enum.Enum):
    """How a person signs, the surer the later; a session asks for one of them at least."""

    CLICK = "S0"
    """An encrypted reply with the document's code, from a device whose identity is pinned."""
    APPROVAL = "S1"
    """The approval of the person's device key."""
    ADVANCED = "S2"
    """A signature in the file by a fresh key, whose certificate the approval asked for."""
    OWN = "S3"
    """A signature in the file by a certificate of the person's own, from an authority that the
    operator trusts; the approval names its key."""
    QUALIFIED = "S4"
    """The same, from an authority whose certificates are qualified, as the operator says."""
    SEAL = "seal"
    """An organisation's; never a person's."""

    @property
    def rank(self) -> int:
        """The higher, the surer; a seal is no level of a person's."""
        return list(Level).index(self)


OWN_LEVELS: Final = (Level.OWN, Level.QUALIFIED)
"""By a certificate that was issued elsewhere."""
