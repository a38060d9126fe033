"""How a person is spoken to; see ``veche.protocol.speech``."""

from veche.protocol.speech import Speech

__all__ = ["Speech"]
