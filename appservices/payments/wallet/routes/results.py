"""Status of an invoice, for the page of its shop.

That page is of another origin, so this is the one route whose answer scripts of any page may read.
Whoever asks is nobody: no session counts, nothing changes, and one word is all there is to read.
Nobody waits in it either: those who may wait at once are few, and are persons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.service.conversation import CATALOGUE
from appservices.payments.wallet.api import StatusView
from appservices.payments.wallet.routes.persons import API
from appservices.payments.wallet.routes.visits import scene_of
from appservices.payments.wallet.service import invoices
from veche.protocol.texts.localizer import Localizer
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.payments.wallet.routes.persons import Institution
    from veche.api import Call
    from veche.runtime.database import Cursor

STATUS_LIMIT: Final = Limit(burst=120, per_s=10)
"""For one client address; a page asks about once in three seconds, and many may share one."""


class ResultRoutes:
    """How an invoice stands."""

    def __init__(self, institution: Institution) -> None:
        """Make them.

        Args:
            institution: Where the money is.
        """
        self._parts = institution.parts

    @API.sessionless.transaction(
        "payments.invoice_status",
        "GET",
        "/invoices/<link>/status",
        answer=StatusView,
        takes_other_sites=True,
        hides_path=True,
        limit=STATUS_LIMIT,
        summary="Whether an invoice is paid, for the page of a shop that has its link",
    )
    def status(self, txn: Cursor, call: Call) -> StatusView:
        """How an invoice stands."""
        localizer = Localizer(call.language, self._parts.section.time_zone, CATALOGUE)
        scene = scene_of(self._parts, txn, call)
        return StatusView(status=invoices.status(scene, call.path_args["link"], localizer).value)
