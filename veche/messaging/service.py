"""The interface of a service to the runtime that carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered


Cleanup = tuple[str, Callable[["Cursor", int], int], int]
"""What is tidied up; what does it to rows from before a moment, and counts; how long they stay."""


Check = Callable[[], Awaitable[None]]
"""Returns if all is well, and raises if not."""


@attrs.frozen
class BotAccount:
    """A bot of a service.

    Attributes:
        user_id: In the namespace of the application service.
        display_name: What people see.
        organisation: In whose name it acts, for the log of acts.
        avatar: Its picture, as PNG; None: it keeps the one that it has.
    """

    user_id: UserId
    display_name: str
    organisation: str
    avatar: bytes | None = attrs.field(default=None, repr=False)


class Service(Protocol):
    """A running service; one that derives from it says only what it has."""

    @property
    def bots(self) -> Sequence[BotAccount]:
        """The bots it speaks through."""
        return ()

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event, in the transaction that marks the event as done.

        It may run again after a failure, so it has no effect outside the database.
        """
        del txn, inbound

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Act on what a person did on a page, in the transaction that marks it as done.

        As ``receive`` it may run again.
        """
        del txn, act

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Learn that something it said never arrives, in the transaction that gives it up."""
        del txn, undelivered

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Return the handlers of its jobs outside transactions, by kind of job."""
        return {}

    async def started(self) -> None:
        """Called once its bots can speak, each time the runtime starts."""
        return


@runtime_checkable
class Tidied(Protocol):
    """A service that has something of its own tidied up."""

    def housekeeping(self) -> Sequence[Cleanup]:
        """Say what, how and after how long; it is asked once, when everything has started."""


@runtime_checkable
class Checked(Protocol):
    """A service that says of more than the process whether it works."""

    def checks(self) -> Mapping[str, Check]:
        """Checks for ``/ready``, by their names; it is asked once."""
