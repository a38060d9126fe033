"""Webhooks: the events of a service, sent to the addresses of its organisations."""

from veche.runtime.webhooks.feed import Feed, Rules, TooManyWebhooksError
from veche.runtime.webhooks.sending import Webhooks
from veche.runtime.webhooks.store import ACTIVE, DISABLED, Webhook

__all__ = [
    "ACTIVE",
    "DISABLED",
    "Feed",
    "Rules",
    "TooManyWebhooksError",
    "Webhook",
    "Webhooks",
]
