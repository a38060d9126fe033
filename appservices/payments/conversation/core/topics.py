"""Topics of the payments bot's questions."""

import enum


class Topic(enum.StrEnum):
    """Topic of a question."""

    ALLOWANCE = "allowance"
    BAN = "ban"
    BILL = "bill"
    DISPUTE = "dispute"
    ESCROW = "escrow"
    GUARD = "guard"
    GUARDIAN = "guardian"
    """Asked and acted on by ``veche.bots.guardian_rules``, as is ``GUARDIANS``."""
    GUARDIANS = "guardians"
    MANDATE = "mandate"
    PAYMENT = "payment"
    UNFREEZE = "unfreeze"
