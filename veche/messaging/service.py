"""What a service is to the runtime that carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twisted.web.resource import IResource

    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.config import Section
    from veche.runtime.database import Cursor
    from veche.runtime.database.migrate import MigrationSet
    from veche.runtime.ports import Undelivered

HostT_contra = TypeVar("HostT_contra", contravariant=True)
"""The process that carries services: ``veche.server.host.Host``, which knows this module."""

ENTRY_POINTS: Final = "veche.services"
"""Group of entry points by which services are found; a service of others declares one too."""


@attrs.frozen
class BotAccount:
    """A bot of a service.

    Attributes:
        user_id: In the namespace of the application service.
        display_name: What people see.
        organisation: In whose name it acts, for the log of acts.
    """

    user_id: UserId
    display_name: str
    organisation: str


class Service(Protocol):
    """A running service."""

    @property
    def bots(self) -> Sequence[BotAccount]:
        """The bots it speaks through."""

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event, in the transaction that marks the event as done.

        It may run again after a failure, so it has no effect outside the database.
        """

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Learn that something it said never arrives, in the transaction that gives it up."""

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """What it does outside transactions, by kind of job."""

    async def started(self) -> None:
        """Called once its bots can speak, each time the runtime starts."""


@attrs.frozen
class ServiceSpec(Generic[HostT_contra]):
    """How to make a service: the object that an entry point names.

    Attributes:
        name: Its name, section of the configuration and schema of the database.
        config: Model of its section.
        migrations: Its tables.
        make: Makes it from the host and its section.
        routes: Makes its part of the public site, where the process has one: resources by the path
            below the root, such as ``_veche/agency/v1``; the one at the empty path gets what is for
            no other.
        check: Says what of its section, or in files that it names, keeps it from starting. It asks
            nobody.
        look: Says what of its own has to be looked after, and how, from its section and the Unix
            time in seconds: ``veche doctor`` tells it. It reads files, may ask those whom the
            section names, and changes nothing.
        look_in: Says the same of what is in the database, from a transaction that only reads.
    """

    name: str
    config: type[Section]
    migrations: MigrationSet
    make: Callable[[HostT_contra, Any], Service]
    routes: Callable[[HostT_contra, Any], Mapping[str, IResource]] | None = None
    check: Callable[[Any], Iterable[tuple[str, str]]] | None = None
    look: Callable[[Any, float], Iterable[tuple[str, str]]] | None = None
    look_in: Callable[[Cursor, float], Iterable[tuple[str, str]]] | None = None
