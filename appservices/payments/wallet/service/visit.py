"""Visit of a person on the page, in a transaction, and refusals there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs

from appservices.payments.conversation.service.conversation import CATALOGUE
from appservices.payments.organisations.service import keyed
from appservices.payments.wallet.texts import Trouble, trouble_words
from veche.chat import prompts
from veche.protocol.canonical import canonical
from veche.protocol.errors import ConflictError, NotFoundError, RefusedError
from veche.protocol.texts.localizer import Localizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.store import Holder
    from appservices.payments.organisations.store import Request
    from veche.protocol.ids import UserId
    from veche.protocol.prompts import Choice


class PaymentRefusedError(RefusedError):
    """A person's request on their wallet's page was refused; nothing has changed.

    HTTP 409. The message is in their language.

    Attributes:
        reason: Why, for programs.
        field: Which field of the form is wrong; None: none of them.
    """

    errcode = "ORG.VECHE.PAYMENT_REFUSED"

    def __init__(self, reason: str, words: str, field: str | None = None) -> None:
        super().__init__(words)
        self.reason = reason
        self.field = field

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"reason": self.reason, **({} if self.field is None else {"field": self.field})}


@attrs.frozen
class Visit:
    """Somebody on a page.

    Attributes:
        scene: The transaction.
        person: Who.
        language: Of the page.
    """

    scene: Conversation
    person: UserId
    language: str

    @property
    def localizer(self) -> Localizer:
        """How the page speaks to them."""
        return Localizer(self.language, self.scene.section.time_zone, CATALOGUE)

    @property
    def holder(self) -> Holder:
        """Them as the holder of accounts."""
        return self.scene.holder(self.person)

    def refused(
        self, trouble: Trouble, field: str | None = None, **values: object
    ) -> PaymentRefusedError:
        """The error for a trouble."""
        words = trouble_words(trouble, self.localizer, **values)
        return PaymentRefusedError(trouble.value, words, field)

    def not_found(self, trouble: Trouble) -> NotFoundError:
        """The error for what is not theirs, which looks as if there were none."""
        return NotFoundError(trouble_words(trouble, self.localizer))

    def asked(self, about: str, choice: str) -> dict[str, Any] | None:
        """The approval that a choice of the open question about a matter needs, if there is one.

        Args:
            about: As the question was asked.
            choice: Id of the choice.
        """
        return next((asked_by(one) for one in self.offered(about) if one.id == choice), None)

    def offered(self, about: str) -> list[Choice]:
        """List the choices in the open questions about a matter, newest first.

        Args:
            about: As the questions were asked.
        """
        return [
            choice
            for kept in prompts.open_about(self.scene.txn, self.scene.sender.bot.user_id, about)
            if self.person in kept.prompt.scope
            for choice in kept.prompt.choices
        ]

    def once(self, key: str, asked: Mapping[str, Any], work: Callable[[], str]) -> str:
        """Do something once for a key; the id that it gave, also when it is asked again.

        Args:
            key: Idempotency key.
            asked: What was asked for.
            work: Does it, and gives an id that tells nothing.

        Raises:
            ConflictError: Under this key something else was asked.
        """
        holder_id = self.holder.id
        digest = _digest(asked)
        before = keyed.begin(self.scene, holder_id, key, digest)
        if before is None:
            made = work()
            keyed.keep(self.scene, holder_id, key, {"id": made})
            return made
        return _given(before, digest)

    def before(self, key: str, asked: Mapping[str, Any]) -> str | None:
        """The id that a key gave; None: nothing was done for it yet.

        Args:
            key: Idempotency key.
            asked: What was asked for.

        Raises:
            ConflictError: Under this key something else was asked.
        """
        found = keyed.found(self.scene, self.holder.id, key)
        return None if found is None else _given(found, _digest(asked))


def asked_by(choice: Choice) -> dict[str, Any] | None:
    """The approval that a choice needs (``AskedApproval``); None if it needs none."""
    if choice.approve is None:
        return None
    return choice.approve.model_dump(mode="json", exclude_none=True)


def _digest(asked: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(canonical(dict(asked), where="body")).digest()


def _given(before: Request, digest: bytes) -> str:
    if before.sha256 != digest:
        raise ConflictError("This key was used for something else; nothing has changed")
    return str(before.answer["id"])
