"""A bot that asks something must act on the answers, or it does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.payments import bot as payments
from appservices.payments.chats.service import chats as payment_chats
from appservices.payments.conversation.service.conversation import Parts as PaymentParts
from appservices.signing import bot as signing
from appservices.signing.chats.service import chats as signing_chats
from appservices.signing.sessions.service.conversation import Parts as SigningParts
from veche.bots import check_topics

if TYPE_CHECKING:
    from collections.abc import MutableMapping

BOTS: Final[dict[str, tuple[Any, Any, Any]]] = {
    "payments": (payments.Payments, PaymentParts, payment_chats.ANSWERS),
    "signing": (signing.Signing, SigningParts, signing_chats.ANSWERS),
}


@pytest.mark.parametrize("name", BOTS)
def test_a_bot_does_not_start_with_a_topic_that_nothing_acts_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, parts, answers = BOTS[name]
    changed: MutableMapping[str, Any] = answers
    check_topics(parts.profile.topics, answers)

    for topic in parts.profile.topics:
        with monkeypatch.context() as patched:
            patched.delitem(changed, topic)
            with pytest.raises(ValueError, match=f"without a handler: .*{topic}"):
                bot(None, None)


def test_neither_a_topic_nor_a_handler_may_be_missing() -> None:
    check_topics({"bill", "ban"}, ["ban", "bill"])
    check_topics((), ())
    for topics, handlers in (({"bill"}, set()), (set(), {"bill"}), ({"ban"}, {"bill"})):
        with pytest.raises(ValueError, match="bill"):
            check_topics(topics, handlers)
