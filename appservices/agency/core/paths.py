"""Trying every way through a service: each step can be reached, each way ends with a decision.

Conditions are total and compare only names with values that stand in the file, so a few
representative values of each name stand for all: those in the file, one beside each, and none. The
checker walks the steps once for each combination. A service with too many combinations is refused
rather than half checked.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import itertools
from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.core.conditions import Kind, judge
from appservices.agency.core.conditions.judge import (
    Equal,
    Every,
    Less,
    Literal,
    Name,
    Not,
    Some,
    operands_of,
)
from appservices.agency.core.definition import (
    DecideStep,
    Decision,
    DocumentStep,
    FormStep,
    MessageStep,
    ReviewStep,
    Step,
)
