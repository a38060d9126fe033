"""Preferences of people for all services of this server: their language."""

from veche.chat.people.store import Person, choose_language, read

__all__ = ["Person", "choose_language", "read"]
