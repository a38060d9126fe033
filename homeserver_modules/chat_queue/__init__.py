"""Lets people who begin a chat with a bot in one after another, so that a crowd is served in order.

In homeserver.yaml::

    modules:
      - module: homeserver_modules.chat_queue.ChatQueue
        config: {}
"""

from __future__ import annotations

from homeserver_modules.chat_queue.module import ChatQueue

__all__ = ["ChatQueue"]
