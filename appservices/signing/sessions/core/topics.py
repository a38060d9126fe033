"""Topics of the signing bot's questions."""

import enum
from typing import Final


class Topic(enum.StrEnum):
    """Topic of a question."""

    ANSWER = "answer"
    CANCEL = "cancel"
    DECLINE = "decline"
    DECLINE_WORDS = "decline-words"
    DELEGATE = "delegate"
    DELEGATION = "delegation"
    DRAFT = "draft"
    GUARD = "guard"
    GUARDIAN = "guardian"
    """Asked and acted on by ``veche.bots.guardian_rules``, as is ``GUARDIANS``."""
    GUARDIANS = "guardians"
    HAND_REFUSAL = "hand-refusal"
    HAND_WITNESS = "hand-witness"
    IDENTIFY_DIGITS = "identify-digits"
    IDENTIFY_HERE = "identify-here"
    IDENTIFY_NAME = "identify-name"
    IDENTIFY_PAPERS = "identify-papers"
    IDENTIFY_UNDO = "identify-undo"
    IDENTIFY_WORD = "identify-word"
    MEET = "meet"
    MEET_ATTEST = "meet-attest"
    MEET_NAME = "meet-name"
    MEET_PAPERS = "meet-papers"
    QUESTION = "question"
    SIGN = "sign"
    TAKEN_BACK = "taken-back"
    VERIFY = "verify"


WORDS: Final = "words"
"""Key of a question's purpose: which words it waits for."""
