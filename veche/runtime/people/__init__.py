"""What persons chose for all services of this server: their language."""

from veche.runtime.people.store import Person, choose_language, read

__all__ = ["Person", "choose_language", "read"]
