"""The whole case as one object, which the organisation signs and the person keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veche.protocol.canonical import plain

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Case
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context


def export(definition: ServiceDefinition, case: Case, context: Context) -> dict[str, Any]:
    """Everything that is known of a case: JSON without floats, fit for an envelope.

    It names the staff by their roles only, and the person as the organisation knows them.
    """
    data: dict[str, Any] = plain(
        {
            "v": 1,
            "kind": "case",
            "id": case.id,
            "subject": case.subject,
            "service": {
                "id": definition.id,
                "version": definition.version,
                "digest": case.digest,
                "title": dict(definition.title.by_language),
            },
            "office": {"id": context.office.id, "names": dict(context.office.names)},
            "state": case.state.value,
            "opened_at_ms": case.opened_at_ms,
            "submitted_at_ms": case.submitted_at_ms,
            "due_at_ms": case.due_at_ms,
            "rule": dict(definition.deadline.law.by_language),
            "exported_at_ms": context.now_ms,
            "wiped_at_ms": case.wiped_at_ms,
            "answers": case.answers,
            "unsent_answers": case.form.values if case.form else {},
            "files": [{"at_ms": added.at_ms, "file": added.file} for added in case.files],
            "question": _question(case),
            "refusal": _refusal(definition, case),
            "documents": [
                {
                    "number": issued.number,
                    "title": issued.title,
                    "sha256": issued.sha256,
                    "size_bytes": issued.size_bytes,
                    "issued_at_ms": issued.issued_at_ms,
                    "valid_until_ms": issued.valid_until_ms,
                }
                for issued in case.documents
            ],
            "fees": [
                {
                    "number": fee.number,
                    "amount": {"minor": fee.minor, "currency": fee.currency},
                    "reference": fee.reference,
                    "due_at_ms": fee.due_at_ms,
                    "state": fee.state.value,
                }
                for fee in case.fees
            ],
            "history": [
                {
                    "at_ms": entry.at_ms,
                    "role": entry.role.value,
                    "state": entry.state.value,
                    "happened": entry.happened.value,
                    "text": entry.text,
                }
                for entry in case.history
            ],
        }
    )
    return data


def _question(case: Case) -> dict[str, Any] | None:
    if case.question is None:
        return None
    return {
        "kind": case.question.kind.value,
        "text": case.question.text,
        "due_at_ms": case.question.due_at_ms,
    }


def _refusal(definition: ServiceDefinition, case: Case) -> dict[str, Any] | None:
    if case.refusal is None:
        return None
    rules = definition.refusal
    reason = rules.reason(case.refusal.code) if rules else None
    law = reason.law if reason else definition.deadline.law
    return {
        "code": case.refusal.code,
        "law": case.refusal.law or dict(law.by_language),
        "text": case.refusal.text,
        "appeal": dict(rules.appeal.by_language) if rules else {},
        "appeal_until_ms": case.refusal.appeal_until_ms,
    }
