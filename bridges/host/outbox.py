"""Sends what goes to networks: of each chat one message at a time, until it is taken or never is.

A message is tried later and later. Where nobody knows whether it arrived, it is sent again with the
same id, by which the other side can see a repetition.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import CancelledError

from bridges.core.answer import OpenPrompt
from bridges.core.delivery import AWAY_MS, Input, State, retry_delay_ms, step
from bridges.core.errors import AwayError, PermanentError, TemporaryError, UncertainError
from bridges.core.ids import bot_id
from bridges.core.model import Outgoing, PortalKey, RemoteFile, Rendered, RenderedChoice, Sent
from bridges.core.release import FILE_BYTES_MAX
from bridges.host import store
from veche.protocol.errors import MalformedError
from veche.runtime import metrics
from veche.runtime.crypto.media import download_encrypted
from veche.runtime.leases import LeaseLoop
from veche.runtime.matrix.client import MatrixError
from veche.runtime.tasks import Tasks
from veche.runtime.web.http_client import AnswerTooLargeError, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridges.core.ports import NetworkConnector
    from bridges.host.ports import BotPorts
    from bridges.host.store import OutRow
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 16
"""Chats that one process sends to at once."""
LEASE_MS: Final = 30_000
"""After which another process may try; longer than a connector takes."""
POLL_MS: Final = 2_000
REASON_CHARACTERS_MAX: Final = 500

_sent = metrics.counter(
    "veche_bridge_out_total",
    "Attempts to send to a network by what came of them.",
    ["network", "end"],
)


class RemoteOutbox(LeaseLoop["OutRow"]):
    """The loop that sends."""

    def __init__(
        self,
        host: BotPorts,
        connectors: Mapping[str, NetworkConnector],
        opened: Callable[[Cursor, OutRow], Outgoing],
        took: Callable[[Cursor, OutRow, Sent], None],
    ) -> None:
        """Make it in the constructor of a service, since it listens to a channel.

        Args:
            host: The process.
            connectors: By their networks.
            opened: Reads the message of a row.
            took: Notes that the network has it, in the transaction that ends the row.
        """
        self._took = took
        self._host = host
        self._connectors = connectors
        self._opened = opened
        tasks = Tasks(running_max=AT_ONCE_MAX + 1)
        super().__init__("bridges", host.reactor, tasks, at_once_max=AT_ONCE_MAX, poll_ms=POLL_MS)
        host.hear(store.CHANNEL, self.wake)
        host.at_stop(tasks.stop)

    async def take(self, room: int) -> tuple[Sequence[OutRow], int]:
        """Lease the oldest of each chat where it is due."""
        now_ms = self._host.now_ms()
        rows, next_at_ms = await self._host.database.run(
            "bridges.out", store.lease, list(self._connectors), now_ms, now_ms + LEASE_MS, room
        )
        return rows, POLL_MS if next_at_ms is None else max(1, next_at_ms - now_ms)

    def key(self, row: OutRow) -> str:
        """The chat."""
        return "\n".join(row.id.key)

    async def work(self, row: OutRow) -> None:
        """Send a message, and write down what came of it."""
        run = self._host.database.run
        given, reason, asked_ms = Input.SENT, "", None
        sent: Sent | None = None
        try:
            outgoing = await self._with_file(row, await run("bridges.out", self._opened, row))
            sent = await self._connectors[row.id.bridge].handle_matrix_message(outgoing)
        except AwayError as e:
            given, reason = Input.AWAY, str(e)
        except TemporaryError as e:
            given, reason, asked_ms = Input.TEMPORARY, str(e), e.retry_after_ms
        except PermanentError as e:
            given, reason = Input.PERMANENT, str(e)
        except UncertainError as e:
            given, reason = Input.UNCERTAIN, str(e)
        except CancelledError:
            raise  # the process ends; the lease does too
        except Exception:
            logger.exception("a message to %s failed", row.id.bridge)
            given, reason = Input.TEMPORARY, "failed"
        _sent.labels(row.id.bridge, given.value).inc()
        if given is not Input.SENT:
            logger.warning("%s to %s: %s", row.effect_id, row.id.bridge, given.value)
        ended = _Ended(given, sent, reason[:REASON_CHARACTERS_MAX], asked_ms)
        await run("bridges.out", self._end, row, ended, self._host.now_ms())

    async def _with_file(self, row: OutRow, outgoing: Outgoing) -> Outgoing:
        """Fetch the file of a message.

        Raises:
            TemporaryError: The homeserver may give it later.
            PermanentError: It is not the file that was announced.
        """
        rendered = outgoing.rendered
        if rendered.file is None:
            return outgoing
        bot = bot_id(row.id.bridge, self._host.server_name)
        try:
            data = await download_encrypted(
                self._host.client, bot, rendered.file.source, bytes_max=FILE_BYTES_MAX
            )
        except (MatrixError, NoAnswerError) as e:
            raise TemporaryError("the file is not there") from e
        except (MalformedError, AnswerTooLargeError) as e:
            raise PermanentError("the file is not what was announced") from e
        file = attrs.evolve(rendered.file, data=data)
        return attrs.evolve(outgoing, rendered=attrs.evolve(rendered, file=file))

    def _end(self, txn: Cursor, row: OutRow, ended: _Ended, now_ms: int) -> None:
        state = store.state_of(txn, row.id.bridge, row.effect_id)
        if state is None:
            return
        after = step(state, ended.given, row.attempts).state
        if ended.given is Input.UNCERTAIN and row.attempts >= ATTEMPTS_UNCERTAIN_MAX:
            after = State.FAILED
        delay_ms = retry_delay_ms(row.attempts, ended.asked_ms)
        if ended.given is Input.AWAY:
            delay_ms = AWAY_MS
            store.forget_attempt(txn, row.id.bridge, row.effect_id)
        store.set_state(
            txn,
            row.id.bridge,
            row.effect_id,
            after,
            next_at_ms=now_ms + delay_ms,
            remote_id=ended.sent.remote_id if ended.sent else None,
            reason=ended.reason,
        )
        if ended.sent:
            self._took(txn, row, ended.sent)


ATTEMPTS_UNCERTAIN_MAX: Final = 20
"""Attempts without any answer, after which a message is given up."""


@attrs.frozen
class _Ended:
    given: Input
    sent: Sent | None
    reason: str
    asked_ms: int | None


def dumped(outgoing: Outgoing) -> dict[str, Any]:
    """Make the form in which a message waits until it is sent; it has no thread and no parts."""
    kept = attrs.asdict(attrs.evolve(outgoing, thread=(), parts_sent=()))
    if (file := kept["rendered"]["file"]) is not None:
        del file["data"]
    return {**kept, "v": 1}


def loaded(kept: Mapping[str, Any], thread: tuple[str, ...]) -> Outgoing:
    """Undo ``dumped``, with the thread as it is now."""
    rendered = kept["rendered"]
    choices = tuple(RenderedChoice(**one) for one in rendered["choices"])
    found = rendered["file"]
    file = None if found is None else RemoteFile(found["name"], found["kind"], found["source"])
    return Outgoing(
        effect_id=kept["effect_id"],
        portal_key=PortalKey(**kept["portal_key"]),
        recipient=kept["recipient"],
        office=kept["office"],
        office_name=kept["office_name"],
        title=kept["title"],
        rendered=Rendered(rendered["text"], choices, rendered["prompt"], file),
        thread=thread,
    )


def asked(rendered: Rendered, event_id: str) -> OpenPrompt | None:
    """The question that a message asks; None if it asks nothing that is chosen by a number."""
    if rendered.prompt is None or not rendered.choices:
        return None
    return OpenPrompt(rendered.prompt, event_id, "", rendered.choices)
