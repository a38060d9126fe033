"""Checks that the installed services bring along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.cli.diagnosis.finding import Check, Patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def look_at_services(patient: Patient) -> Iterable[tuple[str, str]]:
    """Report what each configured service finds."""
    for name, section in patient.config.services.items():
        spec = patient.specs.get(name)
        if spec is not None and spec.look is not None:
            for what, mend in spec.look(section, patient.now_s()):
                yield f"{name}: {what}", mend


def look_at_settings(patient: Patient) -> Iterable[tuple[str, str]]:
    """Report what keeps a configured service from starting."""
    for name, section in patient.config.services.items():
        spec = patient.specs.get(name)
        if spec is not None and spec.check is not None:
            yield from spec.check(section)


CHECKS: Final[Sequence[Check[Patient]]] = (
    Check("settings", look_at_settings, "each service can start with its own"),
    Check("services", look_at_services, "nothing of theirs ends soon"),
)
