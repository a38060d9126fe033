"""Forms: what a bot asks for, and the one way to read the answers, whatever client they come by."""

from __future__ import annotations

from veche.protocol.forms.models import Field, FieldChoice, FieldKind, Form

__all__ = ["Field", "FieldChoice", "FieldKind", "Form"]
