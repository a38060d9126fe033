"""Looking up names in threads of their own.

The system's resolver holds a thread for as long as a name server is silent, half a minute or more.
Twisted takes the threads of the reactor for it: ten for everything that blocks. Here each look-up
has a thread that nobody else waits for; whoever asks for names of others bounds how many there are
(``outbound.LOOKUPS_MAX``).
"""

from __future__ import annotations

import threading
from socket import gaierror, getaddrinfo
from typing import TYPE_CHECKING, Any

from twisted.internet._resolver import GAIResolver
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable


def look_up_apart(reactor: Any, resolve: Callable[..., Any] = getaddrinfo) -> None:
    """Have a reactor look up names in threads of their own, from now on."""

    def found(*asked: Any) -> Any:
        try:
            return resolve(*asked)
        except (OSError, ValueError) as e:
            # Twisted takes no other error for an answer, and whoever asked would wait for ever.
            raise gaierror(str(e)) from e

    resolver: Any = GAIResolver  # a pool of another kind than it asks for
    reactor.installNameResolver(resolver(reactor, _Threads, found))


class _Threads:
    """The methods of a pool that Twisted needs; the process does not wait for its threads."""

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any
    ) -> None:
        """Do some work in a thread, and say there what came of it."""

        def run() -> None:
            try:
                result = work(*args)
            except BaseException:  # noqa: BLE001 -- the thread's edge: told to whoever waits
                on_result(False, Failure())
            else:
                on_result(True, result)

        threading.Thread(target=run, name="name", daemon=True).start()
