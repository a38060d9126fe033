"""Webhooks: the events of a service, sent to the addresses of its organisations."""

from veche.messaging.webhooks.feed import Feed, Rules, TooManyWebhooksError
from veche.messaging.webhooks.sending import Webhooks
from veche.messaging.webhooks.store import ACTIVE, DISABLED, Webhook

__all__ = ["ACTIVE", "DISABLED", "Feed", "Rules", "TooManyWebhooksError", "Webhook", "Webhooks"]
