"""People with ordinary Matrix clients, each in a process of its own.

The clients are those of others (matrix-nio, the Rust SDK of Element X), and asyncio programs; hence
the processes. ``Person`` is the whole interface: synchronous, safe to use from any thread.
"""

from tests.support.people.message import Message
from tests.support.people.person import PASSWORD, ClientError, Kind, Person, why_not_rust

__all__ = ["PASSWORD", "ClientError", "Kind", "Message", "Person", "why_not_rust"]
