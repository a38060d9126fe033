"""The ports of a process that bridges use; no other module of theirs knows it."""

from __future__ import annotations

from veche.bots.ports import BotPorts

__all__ = ["BotPorts"]
