"""Errors for a page when an act does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.pages.api import FieldErrorView
from veche.protocol.errors import RefusedError
from veche.protocol.forms import FieldError, FormErrors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.texts.catalogue import Catalogue


class AnswerRefusedError(RefusedError):
    """An answer, or another act on a page, does not count; nothing has changed (HTTP 409).

    Attributes:
        reason: Why, for programs: ``late``, ``doubled``, ``edited`` and so on.
    """

    errcode = "ORG.VECHE.ANSWER_REFUSED"

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"reason": self.reason}


class FormRefusedError(FormErrors):
    """The form has mistakes; nothing was sent (HTTP 400)."""

    def __init__(self, errors: Sequence[FieldError], catalogue: Catalogue, language: str) -> None:
        """Keep what is wrong.

        Args:
            errors: At least one, in the order of the form.
            catalogue: Has their texts.
            language: Of the person.
        """
        super().__init__(errors)
        self.args = (self.text(catalogue, language),)
        self._views = error_views(errors, catalogue, language)

    @property
    def details(self) -> Mapping[str, object]:
        """Problem of each field."""
        return {"errors": [one.model_dump() for one in self._views]}


def error_views(
    errors: Sequence[FieldError], catalogue: Catalogue, language: str
) -> list[FieldErrorView]:
    """Describe the problem of each field, as a page shows it beside the field."""
    # Beside its field an error need not say the label again.
    bare = [FieldError(one.field_id, None, one.problem, one.values) for one in errors]
    return [
        FieldErrorView(
            field=one.field_id, error=one.text(catalogue, language), code=one.problem.code
        )
        for one in bare
    ]
