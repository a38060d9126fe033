"""What a process gives the bridges; the one module of theirs that knows it."""

from __future__ import annotations

from veche.bots.ports import BotPorts

__all__ = ["BotPorts"]
