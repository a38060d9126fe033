"""How a process makes a service: the object that an entry point names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twisted.web.resource import IResource

    from veche.api.ports import PagePorts
    from veche.bots.ports import BotPorts
    from veche.messaging.service import Service
    from veche.runtime.config import Section
    from veche.runtime.database import Cursor
    from veche.runtime.database.migrate import MigrationSet

ENTRY_POINTS: Final = "veche.services"
"""Group of entry points by which services are found; a service of others declares one too."""


@attrs.frozen
class ServiceSpec:
    """How to make a service: the object that an entry point names.

    Attributes:
        name: Its name, section of the configuration and schema of the database.
        config: Model of its section.
        migrations: Its tables.
        make: Makes it from the ports of the process and its section.
        routes: Makes its part of the public site, where the process has one: resources by the path
            below the root, such as ``_veche/agency/v1``; the empty path gets what no other does.
        check: Says what of its section, or in files that it names, keeps it from starting.
        look: Says what of its own has to be looked after, and how, from its section and the Unix
            time in seconds: ``veche doctor`` tells it. It reads files, may ask those whom the
            section names, and changes nothing.
        look_in: Says the same of what is in the database, from a transaction that only reads.
    """

    name: str
    config: type[Section]
    migrations: MigrationSet
    make: Callable[[BotPorts, Any], Service]
    routes: Callable[[PagePorts, Any], Mapping[str, IResource]] | None = None
    check: Callable[[Any], Iterable[tuple[str, str]]] | None = None
    look: Callable[[Any, float], Iterable[tuple[str, str]]] | None = None
    look_in: Callable[[Cursor, float], Iterable[tuple[str, str]]] | None = None
