"""Conditions of a service file: a small total language, judged over answers and facts of a case.

Comparison, ``in``, ``and``, ``or``, ``not``; names are form fields and facts; no calls, no loops,
no arithmetic: a clerk can read every condition aloud, and the checker can try all of them.
"""

from appservices.agency.language.core.conditions.check import read_condition
from appservices.agency.language.core.conditions.judge import Condition, judge, names_of
from appservices.agency.language.core.conditions.tokens import (
    CONDITION_CHARACTERS_MAX,
    CONDITION_DEPTH_MAX,
    KEYWORDS,
    ConditionError,
)
from appservices.agency.language.core.conditions.values import Kind, Named

__all__ = [
    "CONDITION_CHARACTERS_MAX",
    "CONDITION_DEPTH_MAX",
    "KEYWORDS",
    "Condition",
    "ConditionError",
    "Kind",
    "Named",
    "judge",
    "names_of",
    "read_condition",
]
