"""Webhooks: each event arrives, signed and in order, whatever the target does meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import psycopg2.errors
import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from appservices.payments import demo as payments_demo
from appservices.payments.config import PaymentsSection
from appservices.payments.organisations import store as events
from appservices.payments.organisations.service.feed import NAME, PaymentFeed, rules_of
from appservices.payments.organisations.store import News
from tests.integration.appservices.payments.scenes import bank, world
from tests.integration.appservices.payments.test_attempts import Place
from tests.integration.veche.rig import until
from tests.support.postgres import execute
from tests.support.processes import ROOT, TIMEOUT_S
from tests.support.receiver import Receiver
from veche.contracts.payments.invoice_api import InvoiceEvent
from veche.messaging.webhooks import DISABLED, TooManyWebhooksError, Webhook, Webhooks, store
from veche.messaging.webhooks.models import WEBHOOKS_MAX, Delivery, WebhookBody
from veche.protocol.errors import BadSignatureError, ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import derived_ulid
from veche.runtime.database.listener import Listener
from veche.runtime.vault import Vault
from veche.runtime.web.outbound import OutboundRefusedError, place_of
from veche.transparency.envelope import verify
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.runtime.process import Process

reactor: Any = default_reactor

pytestmark = pytest.mark.postgres

SIGNER: Final = NoteSigner("bank.test/veche/ledger/v1/0", b"s" * 32)
KEYS: Final = {f"ed25519:{SIGNER.verifier.version}": SIGNER.verifier.key}


def owner_of(scene: Conversation, organisation: str) -> str:
    """An organisation, as webhooks know it."""
    return str(scene.organisation(organisation).id)


class WebhookTests(TestCase):
    timeout = TIMEOUT_S
    dsn: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        holder = bank()
        cls.dsn = holder.__enter__()
        cls.addClassCleanup(holder.__exit__, None, None, None)

    def setUp(self) -> None:
        tables = "runtime.webhook, payments.event, payments.event_count"
        execute(self.dsn, f"TRUNCATE {tables}; SELECT 1")
        self.receiver = Receiver()
        self.url = self.receiver.listen(self)
        self.place = Place(self.dsn)
        self.addCleanup(self.place.database.close)
        self.webhooks = self.made()
        self.listener = Listener(self.dsn, reactor, self.place.channels)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop()))

    def made(self, **more: Any) -> Webhooks:
        given = {"webhook_networks": ["127.0.0.0/8"], **more}
        section = PaymentsSection.model_validate({**payments_demo.payments_section(), **given})
        feed = PaymentFeed(Vault(b"k" * 32))
        return Webhooks(cast("Process", self.place), feed, SIGNER, rules_of(section))

    def start(self) -> None:
        self.listener.start()
        self.webhooks.start()

    async def stop(self) -> None:
        for end in self.place.ends:
            await end()
        await self.listener.stop()

    def register(self, url: str = "", organisation: str = "town") -> str:
        with world(self.dsn, self.place.now_ms()) as here:
            body = WebhookBody(url=url or self.url)
            id_, owner = here.scene.sender.fresh_ulid(body.url), owner_of(here.scene, organisation)
            now_ms = self.place.now_ms()
            return self.webhooks.add(here.scene.txn, owner, id_, body, now_ms).id

    def happen(self, count: int = 1, organisation: str = "town") -> None:
        with world(self.dsn, self.place.now_ms()) as here:
            holder = here.scene.organisation(organisation).id
            for number in range(count):
                news = News("invoice.paid", f"our{number}", derived_ulid(1, "invoice"), "p")
                events.add_event(here.scene.txn, holder, news, here.scene.now_ms)

    def row(self, id_: str) -> store.Webhook:
        with world(self.dsn) as here:
            found = store.of_owner(here.scene.txn, NAME, owner_of(here.scene, "town"))
        return next(one for one in found if one.id == id_)

    async def test_an_event_arrives_as_a_signed_envelope(self) -> None:
        id_ = self.register()
        self.start()
        self.happen()
        await until(lambda: len(self.receiver.bodies) == 1, "nothing arrives")

        body = json.loads(self.receiver.bodies[0])
        verify(body, SIGNER.verifier.name, KEYS)
        delivery = Delivery[InvoiceEvent].model_validate(body)
        assert (delivery.organisation, delivery.webhook, delivery.event.n) == ("town", id_, 1)
        assert abs(delivery.at_ms - self.place.now_ms()) < 60_000
        changed = {**body, "event": {**body["event"], "payment": "q"}}
        with pytest.raises(BadSignatureError):
            verify(changed, SIGNER.verifier.name, KEYS)

    async def test_events_come_in_order_and_a_failed_one_is_sent_again_before_the_next(
        self,
    ) -> None:
        id_ = self.register()
        self.receiver.statuses = [204, 500]
        self.happen(45)
        self.start()
        await until(lambda: self.row(id_).cursor == 45, "they do not arrive")

        assert self.receiver.numbers == [1, 2, *range(2, 46)]
        nonces = [json.loads(body)["nonce"] for body in self.receiver.bodies]
        assert len(set(nonces)) == 46
        assert self.row(id_).failures == 0

    async def test_what_was_not_taken_when_the_process_ended_is_sent_by_the_next(self) -> None:
        id_ = self.register()
        self.receiver.is_silent = True
        self.start()
        self.happen(3)
        await until(lambda: len(self.receiver.bodies) == 1, "nothing arrives")
        await self.place.ends.pop()()
        # A transaction that runs goes on to its end, and might lease it once more.
        self.place.database.close()
        self.place = Place(self.dsn)
        self.addCleanup(self.place.database.close)
        self.receiver.is_silent = False
        # Its lease is over.
        execute(self.dsn, "UPDATE runtime.webhook SET due_at_ms = 0 RETURNING 1")
        self.made().start()
        await until(lambda: self.row(id_).cursor == 3, "they do not arrive")

        assert self.receiver.numbers == [1, 1, 2, 3]

    async def test_one_that_a_process_with_a_wrong_clock_put_off_is_not_silent_until_then(
        self,
    ) -> None:
        # Found by the simulation: tests/simulation/test_town.py.
        id_ = self.register()
        self.happen(1)
        tomorrow_ms = self.place.now_ms() + 86_400_000
        execute(self.dsn, "UPDATE runtime.webhook SET due_at_ms = %s RETURNING 1", tomorrow_ms)

        self.start()

        await until(lambda: self.row(id_).cursor == 1, "it does not arrive")

    async def test_one_that_fails_for_days_is_disabled_and_goes_on_where_it_stopped(self) -> None:
        id_ = self.register()
        self.receiver.statuses = [500]
        self.happen(2)
        self.start()
        await until(lambda: self.row(id_).failures == 1, "it does not fail")
        days_ago_ms = self.place.now_ms() - 6 * 86_400_000
        execute(
            self.dsn,
            "UPDATE runtime.webhook SET failing_since_ms = %s, due_at_ms = 0 RETURNING 1",
            days_ago_ms,
        )
        self.receiver.statuses = [503]
        with world(self.dsn) as here:
            store.wake(here.scene.txn, events.CHANNEL)
        await until(lambda: self.row(id_).state == DISABLED, "it is not disabled")

        assert self.row(id_).why == "status 503"
        assert self.row(id_).cursor == 0
        with world(self.dsn, self.place.now_ms()) as here:
            owner = owner_of(here.scene, "town")
            self.webhooks.resume(here.scene.txn, owner, id_, None, self.place.now_ms())
        await until(lambda: self.row(id_).cursor == 2, "it does not go on")

    async def test_one_that_is_gone_is_disabled_at_once(self) -> None:
        id_ = self.register()
        self.receiver.statuses = [410]
        self.happen()
        self.start()
        await until(lambda: self.row(id_).state == DISABLED, "it is not disabled")

        assert self.row(id_).why == "status 410"

    async def test_a_redirect_is_not_followed(self) -> None:
        id_ = self.register()
        self.receiver.statuses = [302]
        self.happen()
        self.start()
        await until(lambda: self.row(id_).failures == 1, "it does not fail")

        assert self.row(id_).why == "refused address or redirect"

    async def test_a_slow_target_does_not_hold_up_another(self) -> None:
        slow = Receiver()
        slow.is_silent = True
        self.register(slow.listen(self))
        good = self.register()
        self.start()
        self.happen(30)
        await until(lambda: self.row(good).cursor == 30, "it is held up")

        assert slow.numbers == [1]

    async def test_each_organisation_hears_of_its_own_events_alone(self) -> None:
        id_ = self.register()
        self.start()
        self.happen(2, "water")
        self.happen(1)
        await until(lambda: self.row(id_).cursor == 1, "nothing arrives")

        assert self.receiver.numbers == [1]

    async def test_addresses_of_our_own_network_are_refused_before_anything_is_kept(self) -> None:
        strict = self.made(webhook_networks=[])
        for url in (
            "https://127.0.0.1/",
            "https://[::1]/x",
            "https://10.1.2.3/",
            "https://0x7f.1/",
        ):
            with pytest.raises(OutboundRefusedError, match="ask the operator"):
                await strict.check(url)
        with pytest.raises(MalformedError, match="https"):
            await strict.check("http://example.org/")
        # Another private network than the one that is listed.
        with pytest.raises(OutboundRefusedError):
            await self.webhooks.check("https://10.1.2.3/")
        await self.webhooks.check(self.url)

    async def test_a_target_that_turns_private_later_is_sent_nothing(self) -> None:
        id_ = self.register()
        self.place.ends.clear()
        self.webhooks = self.made(webhook_networks=[])
        self.happen()
        self.start()
        await until(lambda: self.row(id_).failures == 1, "it does not fail")

        assert self.receiver.bodies == []
        assert self.row(id_).why == "refused address or redirect"

    async def test_a_target_is_there_once_and_at_most_ten(self) -> None:
        first = self.register()
        with pytest.raises(ConflictError):
            self.register()
        for number in range(WEBHOOKS_MAX - 1):
            self.register(f"{self.url}{number}")
        with pytest.raises(TooManyWebhooksError):
            self.register(f"{self.url}more")

        with world(self.dsn) as here, pytest.raises(NotFoundError):
            self.webhooks.remove(here.scene.txn, owner_of(here.scene, "water"), first)
        with world(self.dsn) as here:
            owner = owner_of(here.scene, "town")
            self.webhooks.remove(here.scene.txn, owner, first)
            left = self.webhooks.all_of(here.scene.txn, owner).webhooks
            assert len(left) == WEBHOOKS_MAX - 1


MOVING: Final = ROOT / "appservices/payments/migrations/0023_webhooks_of_the_kernel.sql"


def test_targets_of_an_earlier_release_go_on_where_they_were() -> None:
    with bank() as dsn:
        with world(dsn) as here:
            town = here.scene.organisation("town").id
            here.scene.txn.execute(
                "ALTER TABLE payments.webhook DROP CONSTRAINT moved_to_the_kernel"
            )
            here.scene.txn.execute(
                "INSERT INTO payments.webhook (id, holder, url, state, cursor, failures,"
                " failing_since_ms, why, due_at_ms, lease, made_at_ms)"
                " VALUES ('w', %s, 'https://town.test', 'disabled', 7, 2, 5, 'no answer', 1, 3, 1)",
                (town,),
            )
            here.scene.txn.execute(MOVING.read_text())
        with world(dsn) as here:
            [found] = store.of_owner(here.scene.txn, NAME, str(town))
            refused = "INSERT INTO payments.webhook SELECT 'x', %s, 'u', 'active', 0, 0, NULL"
            with pytest.raises(psycopg2.errors.CheckViolation):
                here.scene.txn.execute(f"{refused}, NULL, 0, 0, 0", (town,))

    assert found == Webhook(
        "w", NAME, str(town), "https://town.test", DISABLED, 7, 2, 5, "no answer"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https://a b/",
        "https://user@example.org/",
        "https://example.org/#x",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1/",
        "ftp://example.org/",
        "https://exämple.org/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(MalformedError, match=r"body\.url"):
        place_of(url)


def test_an_address_is_read() -> None:
    place, target = place_of("https://example.org:8443/a/b?c=d")

    assert (place.host, place.port, place.name) == ("example.org", 8443, "example.org:8443")
    assert (target, place.is_tls) == ("/a/b?c=d", True)
    assert place_of("https://[2a00::1]")[0].name == "[2a00::1]"
