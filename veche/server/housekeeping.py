"""Forgetting in time: events after a day, ids after three months, bytes that were sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError

from veche.access.approvals import ASKED_KEPT_MS, ENROLMENTS_KEPT_MS, SHOWN_KEPT_MS
from veche.access.approvals import store as approvals
from veche.access.sessions import store as sessions
from veche.access.sessions.core import KEPT_MS as SIGN_IN_KEPT_MS
from veche.access.sessions.core import OPENID_KEPT_MS
from veche.acts import store as acts
from veche.chat.prompts import store as prompts
from veche.messaging.inbox import store
from veche.messaging.outbox import tidying as outbox
from veche.protocol.errors import VecheError
from veche.runtime import metrics
from veche.runtime.config import RetentionSection
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.messaging.service import Cleanup
    from veche.runtime.database import Database
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

HOUR_MS: Final = 3600 * 1000
DAY_MS: Final = 24 * HOUR_MS
EVENT_KEPT_MS: Final = DAY_MS
"""How long the event of a row that is done stays."""
KEY_KEPT_MS: Final = 7 * DAY_MS
"""How long a row whose key did not come stays readable, should it come."""
IDS_KEPT_MS: Final = 90 * DAY_MS
"""How long the id of an event is known: a push may come again after days."""
PAGE_KEYS_KEPT_MS: Final = IDS_KEPT_MS
"""How long the same act of a page, sent again, is known: as long as its row."""
BYTES_KEPT_MS: Final = DAY_MS
OUTBOX_KEPT_MS: Final = 3 * 365 * DAY_MS
"""How long it is known which event an effect became: a case's card is edited for years."""
LEFT_OPEN_KEPT_MS: Final = 7 * DAY_MS
"""How long after its expiry a question may stand open that nobody closed."""
INTERVAL_MS: Final = HOUR_MS
ROUNDS_MAX: Final = 200
"""Batches of one kind in one go."""

_forgotten = metrics.counter("veche_housekeeping_total", "Rows tidied up, by what.", ["what"])

_JOBS: Final = (
    ("events", store.forget_events, EVENT_KEPT_MS),
    ("late", store.give_up_late, KEY_KEPT_MS),
    ("inbox", store.forget_rows, IDS_KEPT_MS),
    ("pages", store.forget_page_acts, PAGE_KEYS_KEPT_MS),
    ("bytes", outbox.forget_bytes, BYTES_KEPT_MS),
    ("outbox", outbox.forget_rows, OUTBOX_KEPT_MS),
    ("sign_ins", sessions.forget_sign_ins, SIGN_IN_KEPT_MS),
    ("sessions", sessions.forget_sessions, SIGN_IN_KEPT_MS),
    ("openid", sessions.forget_openid, OPENID_KEPT_MS),
    ("enrolments", approvals.forget_enrolments, ENROLMENTS_KEPT_MS),
    ("shown", approvals.wipe_ended, SHOWN_KEPT_MS),
    ("asked", approvals.forget_asked, ASKED_KEPT_MS),
    ("left_open", prompts.close_left_open, LEFT_OPEN_KEPT_MS),
)


class Housekeeping:
    """The hourly loop; several replicas do no harm to one another."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        retention: RetentionSection | None = None,
        more: Sequence[Cleanup] = (),
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._tasks = tasks
        kept = retention or RetentionSection()
        self._jobs = (
            *_JOBS,
            ("questions", prompts.wipe_closed, kept.questions_ms),
            ("answers", prompts.forget, kept.answers_ms),
            ("acts", acts.wipe_openings, kept.acts_ms),
            *more,
        )

    def start(self) -> None:
        """Begin; ends with the tasks."""
        self._tasks.spawn("housekeeping", self._loop())

    async def _loop(self) -> None:
        pause = WakeEvent(self._reactor)
        while True:
            await pause.wait(INTERVAL_MS)
            for job in self._jobs:
                # One that fails keeps no other from its turn.
                try:
                    await self._tidy(job)
                except VecheError as e:
                    logger.warning("housekeeping of %s: %s", job[0], e)
                except CancelledError:
                    raise
                except Exception:
                    logger.exception("housekeeping of %s failed", job[0])

    async def tidy(self) -> None:
        """Forget what is old enough, in batches."""
        for job in self._jobs:
            await self._tidy(job)

    async def _tidy(self, job: Cleanup) -> None:
        what, work, kept_ms = job
        before_ms = int(self._reactor.seconds() * 1000) - kept_ms
        for _ in range(ROUNDS_MAX):
            count = await self._database.run("housekeeping", work, before_ms)
            _forgotten.labels(what).inc(count)
            if not count:
                break
