"""The push gateway over HTTP: a real homeserver's pusher, a push service on this machine."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from py_vapid import Vapid02

from appservices.app import core, store
from appservices.app.api import DEVICES_MAX
from appservices.app.routes import API, PUSH_API
from appservices.app.vapid import new_key
from tests.support.calls import Answer, request
from tests.support.hostile_json import broken
from tests.support.postgres import session
from tests.support.processes import wait_until
from tests.support.push_service import Browser, PushService, push_service
from tests.support.services import House, Place, house, pages_sections
from veche.runtime.config.secret_files import write_private
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

APP: Final = "/_veche/app/v1"
NOTIFY: Final = "/_matrix/push/v1/notify"
WAIT_S: Final = 60
FULL: Final = (
    "INSERT INTO app.subscription SELECT sha256(n::text::bytea), sha256(n::text::bytea), '', n, 0,"
    " NULL, 0, %s FROM generate_series(1, 29) n"
)
"""As many others as there is room for; whether something was ever sent to them."""


@attrs.frozen
class Site:
    """A town whose browsers are told of messages."""

    town: House
    service: PushService

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        address: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request to the public site; of another client each time, if no address is said."""
        client = address or f"192.0.2.{secrets.randbelow(250)}"
        head = {"x-forwarded-for": client, **(headers or {})}
        return request(method, self.town.pages_url + path, body=body, headers=head)

    def subscribe(self, browser: Browser) -> str:
        """The pushkey of a browser."""
        answer = self.ask("POST", f"{APP}/push", browser.subscription)
        assert answer.status == 200, answer
        return str(answer.body["pushkey"])

    def notify(self, *pushkeys: str, event_id: str | None = "$e", **more: Any) -> Answer:
        """What a homeserver says of an event."""
        devices = [{"app_id": "org.veche.app", "pushkey": one} for one in pushkeys]
        told = {"event_id": event_id, "room_id": "!r:x", "devices": devices, **more}
        content = {name: value for name, value in told.items() if value is not None}
        return self.ask("POST", NOTIFY, {"notification": content})

    def rows(self) -> int:
        """How many browsers are kept."""
        [(count,)] = self.town.query("SELECT count(*)::int FROM app.subscription")
        assert isinstance(count, int)
        return count


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("push")
    write_private(folder / "vapid_key", new_key())
    with push_service() as service:
        section = {
            "homeserver_url": "http://localhost:8008",
            "name": {"en": "Town"},
            "push": {
                "vapid_key_path": str(folder / "vapid_key"),
                "contact": "mailto:admin@example.org",
                "services": ["127.0.0.1", "*.push.example", "10.0.0.1"],
                "networks": ["127.0.0.1/32"],
                "subscriptions_max": 30,
            },
        }

        def sections(pages_url: str) -> dict[str, Any]:
            usual = pages_sections(int(pages_url.rpartition(":")[2]))
            return {"app": section, "pages": {**usual["pages"], "trust_forwarded": True}}

        with house(
            folder / "house",
            sections=sections,
            migrations=MigrationSet("app", "appservices.app"),
            has_pages=Place(settings={"ip_range_whitelist": ["127.0.0.1"]}),
        ) as town:
            yield Site(town, service)


@pytest.fixture(autouse=True)
def _begin_anew(site: Site) -> None:
    site.town.query("DELETE FROM app.subscription")
    site.service.got.clear()
    site.service.answers.clear()


class TestFromEndToEnd:
    def test_a_message_becomes_a_push_that_only_the_browser_reads(self, site: Site) -> None:
        server = site.town.server
        alice, bob = (server.login(server.register(name)) for name in ("alice", "bob"))
        browser = site.service.browser()

        def call(method: str, path: str, token: str, body: object = None) -> Any:
            answer = server.call(method, f"/_matrix/client/v3{path}", token=token, body=body)
            assert answer.status == 200, answer
            return answer.body

        subscribed = site.ask("POST", f"{APP}/push", browser.subscription).body
        pusher = {
            "kind": "http",
            "app_id": "org.veche.app",
            "pushkey": subscribed["pushkey"],
            "app_display_name": "Veche",
            "device_display_name": "Browser",
            "lang": "en",
            "data": {"url": subscribed["url"], "format": "event_id_only"},
        }
        call("POST", "/pushers/set", alice, pusher)
        invite = [f"@alice:{server.plan.server_name}"]
        room_id = call("POST", "/createRoom", bob, {"invite": invite})["room_id"]
        call("POST", f"/join/{room_id}", alice, {})
        site.service.got.clear()

        content = {"msgtype": "m.text", "body": "nobody else reads this"}
        sent = f"/rooms/{room_id}/send/m.room.message/1"
        event_id = call("PUT", sent, bob, content)["event_id"]

        def read() -> list[dict[str, Any]]:
            return [browser.read(one) for one in site.service.of(browser)]

        wait_until(lambda: any(one["event_id"] == event_id for one in read()), WAIT_S, "no push")
        [told] = [one for one in read() if one["event_id"] == event_id]
        assert told["room_id"] == room_id
        assert set(told) == {"event_id", "room_id", "counts"}
        assert all(b"nobody else" not in one.body for one in site.service.got)

        assert site.ask("DELETE", f"{APP}/push/{subscribed['pushkey']}").status == 204
        call("PUT", f"{sent}1", bob, content)
        wait_until(lambda: not call("GET", "/pushers", alice)["pushers"], WAIT_S, "a pusher")


class TestSending:
    def test_the_push_service_is_told_who_sends_and_how_long_it_counts(self, site: Site) -> None:
        browser = site.service.browser()
        public = site.ask("GET", f"{APP}/push/key").body["key"]

        assert site.notify(site.subscribe(browser)).body == {"rejected": []}

        [got] = site.service.of(browser)
        assert got.headers["ttl"] == str(core.TTL_S)
        assert got.headers["urgency"] == "high"
        assert got.headers["content-encoding"] == "aes128gcm"
        assert len(got.headers["topic"]) == 32
        assert got.headers["authorization"].endswith(f",k={public}")
        assert Vapid02.verify(got.headers["authorization"])
        claims = got.headers["authorization"].split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert said["aud"] == site.service.url
        assert said["sub"] == "mailto:admin@example.org"
        assert 0 < said["exp"] - time.time() <= 24 * 3600  # noqa: TID251 -- the push service's clock

    def test_all_pushes_are_of_one_size(self, site: Site) -> None:
        browser = site.service.browser()
        pushkey = site.subscribe(browser)

        site.notify(pushkey, event_id="$a", counts={"unread": 1})
        site.notify(pushkey, event_id="$" + "b" * 200, room_id="!" + "c" * 100)

        assert len({len(one.body) for one in site.service.of(browser)}) == 1

    def test_counts_alone_are_dropped(self, site: Site) -> None:
        browser = site.service.browser()
        pushkey = site.subscribe(browser)

        answer = site.notify(pushkey, "nobody", event_id=None, counts={"unread": 0})

        assert answer.body == {"rejected": ["nobody"]}
        assert site.service.got == []

    def test_the_same_event_again_is_not_shown_again(self, site: Site) -> None:
        browser = site.service.browser()
        pushkey = site.subscribe(browser)

        answers = [site.notify(pushkey, pushkey) for _ in range(3)]

        assert [one.body for one in answers] == [{"rejected": []}] * 3
        assert len(site.service.of(browser)) == 1

    def test_a_slow_push_service_gets_one_push_at_a_time_for_each_browser(self, site: Site) -> None:
        slow, other = site.service.browser(), site.service.browser()
        pushkeys = [site.subscribe(one) for one in (slow, other)]
        site.service.is_open.clear()
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(site.notify, pushkeys[0])
            wait_until(lambda: site.service.of(slow) != [], WAIT_S, "it is not asked")
            second = site.notify(pushkeys[0], event_id="$2")
            third = pool.submit(site.notify, pushkeys[1])
            wait_until(lambda: site.service.of(other) != [], WAIT_S, "it is not asked")
            site.service.is_open.set()

        assert second.status == 503
        assert [one.result().status for one in (first, third)] == [200, 200]
        assert len(site.service.of(slow)) == 1

    def test_one_of_two_that_failed_is_sent_again_and_the_other_is_not(self, site: Site) -> None:
        good, closed = site.service.browser(), Browser("http://127.0.0.1:1/closed")
        pushkeys = [site.subscribe(one) for one in (good, closed)]

        first = site.notify(*pushkeys)
        site.town.query("UPDATE app.subscription SET waits_until_ms = 0")
        again = site.notify(*pushkeys)

        assert (first.status, again.status) == (503, 503)
        assert len(site.service.of(good)) == 1

    @pytest.mark.parametrize("status", [404, 410])
    def test_a_browser_that_is_gone_is_forgotten_and_rejected(
        self, site: Site, status: int
    ) -> None:
        pushkey = site.subscribe(site.service.browser())
        site.service.answers.append((status, {}))

        assert site.notify(pushkey).body == {"rejected": [pushkey]}
        assert site.rows() == 0
        assert site.notify(pushkey, event_id="$2").body == {"rejected": [pushkey]}

    def test_a_push_service_is_left_alone_as_long_as_it_says(self, site: Site) -> None:
        browser = site.service.browser()
        pushkey = site.subscribe(browser)
        site.service.answers.append((429, {"retry-after": "120"}))

        first, second = site.notify(pushkey), site.notify(pushkey, event_id="$2")

        assert (first.status, second.status) == (503, 503)
        assert 60_000 < second.body["retry_after_ms"] <= first.body["retry_after_ms"] == 120_000
        assert len(site.service.of(browser)) == 1

        site.town.query("UPDATE app.subscription SET waits_until_ms = 0")
        assert site.notify(pushkey).body == {"rejected": []}
        assert len(site.service.of(browser)) == 2

    def test_a_signature_that_does_not_count_loses_no_browser(self, site: Site) -> None:
        pushkey = site.subscribe(site.service.browser())
        site.service.answers.append((403, {}))

        assert site.notify(pushkey).status == 503
        assert site.rows() == 1

    def test_a_request_that_is_wrong_is_not_sent_for_ever(self, site: Site) -> None:
        pushkey = site.subscribe(site.service.browser())
        site.service.answers.append((400, {}))

        assert site.notify(pushkey).body == {"rejected": []}
        assert site.rows() == 1

    def test_a_redirect_leads_nowhere(self, site: Site) -> None:
        other = site.service.browser()
        pushkey = site.subscribe(site.service.browser())
        site.service.answers.append((307, {"location": other.endpoint}))

        assert site.notify(pushkey).status == 503
        assert site.service.of(other) == []

    def test_nobody_is_sent_more_than_anybody_reads(self, site: Site) -> None:
        browser = site.service.browser()
        pushkey = site.subscribe(browser)

        statuses: list[int] = []
        # Each second lets one more through, and however many these are, there are too many soon.
        while 503 not in statuses and len(statuses) < 1_000:
            statuses.append(site.notify(pushkey, event_id=f"${len(statuses)}").status)

        assert statuses[:60] == [200] * 60
        assert statuses[-1] == 503
        assert len(site.service.of(browser)) == statuses.count(200)


class TestHostileHomeservers:
    def test_many_devices_are_refused_before_anybody_is_looked_up(self, site: Site) -> None:
        assert site.notify(*map(str, range(DEVICES_MAX))).status == 200

        for count in (DEVICES_MAX + 1, 1_000):
            answer = site.notify(*map(str, range(count)))
            assert answer.status == 400
            assert answer.body["field"] == "body.notification.devices"

    def test_a_huge_body_is_refused(self, site: Site) -> None:
        assert site.notify("x", content={"body": "y" * 70_000}).status == 413

    @pytest.mark.parametrize(
        "body",
        [
            None,
            [],
            {},
            {"notification": {}},
            {"notification": {"devices": {}}},
            {"notification": {"devices": [{"pushkey": 1}]}},
            {"notification": {"devices": [{"pushkey": "a" * 513}]}},
            {"notification": {"devices": [], "event_id": "$" * 256}},
            {"notification": {"devices": [], "room_id": 7}},
            {"notification": {"devices": [{"pushkey": "\0"}]}},
            {"notification": {"devices": [], "counts": "many"}},
        ],
    )
    def test_what_is_no_notification_is_refused(self, site: Site, body: object) -> None:
        assert site.ask("POST", NOTIFY, body).status == 400

    @pytest.mark.parametrize("pushkey", ["", "ключ", "' OR 1=1", "a" * 512])
    def test_an_unknown_pushkey_is_rejected(self, site: Site, pushkey: str) -> None:
        assert site.notify(pushkey).body == {"rejected": [pushkey]}

    def test_the_answer_says_its_length(self, site: Site) -> None:
        where = site.town.pages_url.removeprefix("http://")
        body = json.dumps({"notification": {"devices": []}}).encode()
        with closing(http.client.HTTPConnection(where)) as connection:
            connection.request("POST", NOTIFY, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()

        assert answer.headers["content-length"] == str(len(content))

    @pytest.mark.parametrize("path", ["/_matrix", "/_matrix/client/versions", "/_matrix/push/v1/x"])
    def test_nothing_else_of_matrix_is_here(self, site: Site, path: str) -> None:
        assert site.ask("GET", path).status == 404


class TestSubscribing:
    def test_the_same_subscription_has_the_same_pushkey(self, site: Site) -> None:
        browser = site.service.browser()

        assert site.subscribe(browser) == site.subscribe(browser)
        assert site.rows() == 1

    def test_new_keys_of_an_endpoint_take_the_place_of_the_old(self, site: Site) -> None:
        browser = site.service.browser()
        newer = Browser(browser.endpoint)
        old, new = site.subscribe(browser), site.subscribe(newer)

        assert site.notify(old, new).body == {"rejected": [old]}
        assert newer.read(site.service.of(newer)[0])["event_id"] == "$e"

    def test_a_dump_of_the_table_reaches_nobody(self, site: Site) -> None:
        browser = site.service.browser()
        pushkey = site.subscribe(browser)

        [(row, sealed, digest)] = site.town.query(
            "SELECT s::text, encode(sealed, 'escape'), encode(pushkey_digest, 'hex')"
            " FROM app.subscription s"
        )

        for secret in (pushkey, *browser.subscription.values()):
            assert secret not in f"{row} {sealed}"
        assert digest == hashlib.sha256(pushkey.encode()).hexdigest()

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"p256dh": ""}, "body.p256dh"),
            ({"p256dh": core.to_base64url(b"\x04" + b"\0" * 64)}, "body.p256dh"),
            ({"p256dh": core.to_base64url(b"\x04" + b"\1" * 64)}, "body.p256dh"),
            ({"p256dh": "ключ"}, "body.p256dh"),
            ({"auth": ""}, "body.auth"),
            ({"auth": core.to_base64url(b"0" * 15)}, "body.auth"),
            ({"auth": "A" * 101}, "body.auth"),
            ({"endpoint": "x"}, "body.endpoint"),
            ({"endpoint": "ftp://127.0.0.1/x"}, "body.endpoint"),
            ({"endpoint": "http://user:word@127.0.0.1/x"}, "body.endpoint"),
            ({"endpoint": "https://127.0.0.1.evil.example/x"}, "body.endpoint"),
            ({"endpoint": "https://evilpush.example/x"}, "body.endpoint"),
            ({"endpoint": "https://push.example/x"}, "body.endpoint"),
            ({"endpoint": "https://127.0.0.1/" + "x" * 1_000}, "body.endpoint"),
            ({"endpoint": "https://[::1]/x"}, "body.endpoint"),
            ({"endpoint": "http://2130706433/x"}, "body.endpoint"),
        ],
    )
    def test_what_is_no_subscription_is_refused(
        self, site: Site, changed: dict[str, str], field: str
    ) -> None:
        answer = site.ask("POST", f"{APP}/push", {**site.service.browser().subscription, **changed})

        assert answer.status == 400, answer
        assert answer.body["field"] == field
        assert site.rows() == 0

    def test_a_private_address_that_is_listed_by_name_alone_is_refused(self, site: Site) -> None:
        subscription = {**site.service.browser().subscription, "endpoint": "https://10.0.0.1/x"}

        answer = site.ask("POST", f"{APP}/push", subscription)

        assert (answer.status, answer.errcode) == (409, "ORG.VECHE.OUTBOUND_REFUSED")
        assert site.rows() == 0

    def test_one_too_many_is_refused_and_those_that_are_known_stay(self, site: Site) -> None:
        first = site.service.browser()
        pushkey = site.subscribe(first)
        site.notify(pushkey)
        site.town.query(FULL, True)

        answer = site.ask("POST", f"{APP}/push", site.service.browser().subscription)

        assert (answer.status, answer.errcode) == (409, "ORG.VECHE.APP_NO_ROOM")
        assert site.subscribe(first) == pushkey

    def test_browsers_that_somebody_made_up_take_the_place_of_none_that_there_is(
        self, site: Site
    ) -> None:
        first, second = site.service.browser(), site.service.browser()
        pushkey = site.subscribe(first)
        site.notify(pushkey)
        site.town.query(FULL, False)

        newer = site.subscribe(second)

        assert site.rows() == 30
        assert site.notify(pushkey, newer, event_id="$2").body == {"rejected": []}

    def test_what_another_operator_key_sealed_is_rejected(self, site: Site) -> None:
        pushkey = site.subscribe(site.service.browser())
        site.town.query("UPDATE app.subscription SET sealed = decode(repeat('00', 99), 'hex')")

        assert site.notify(pushkey).body == {"rejected": [pushkey]}
        assert site.rows() == 0

    def test_one_address_subscribes_so_many(self, site: Site) -> None:
        body = {**site.service.browser().subscription, "auth": "x"}

        answers = [site.ask("POST", f"{APP}/push", body, address="203.0.113.1") for _ in range(31)]

        assert [one.status for one in answers] == [400] * 30 + [429]

    def test_pages_of_other_sites_may_not_subscribe(self, site: Site) -> None:
        body = site.service.browser().subscription
        headers = {"sec-fetch-site": "cross-site"}

        assert site.ask("POST", f"{APP}/push", body, headers=headers).status == 403

    def test_no_body_and_no_query_is_an_error_of_ours(self, site: Site) -> None:
        pushkey = site.subscribe(site.service.browser())
        before = len(site.town.log())
        known, headers = {"pushkey": pushkey}, {"x-forwarded-for": "203.0.113.7"}

        for api in (API, PUSH_API):
            found, answered = broken(api, site.town.pages_url, headers, known)
            assert found == []
            assert answered[400], answered
        assert "Traceback" not in site.town.log()[before:]


class TestRetention:
    def test_browsers_that_nobody_uses_or_reaches_are_forgotten(self, site: Site) -> None:
        for _ in range(3):
            site.subscribe(site.service.browser())
        site.town.query(
            "UPDATE app.subscription SET used_at_ms = 5 WHERE pushkey_digest = (SELECT"
            " pushkey_digest FROM app.subscription ORDER BY pushkey_digest LIMIT 1)"
        )
        site.town.query(
            "UPDATE app.subscription SET failing_since_ms = 5 WHERE pushkey_digest = (SELECT"
            " pushkey_digest FROM app.subscription ORDER BY pushkey_digest DESC LIMIT 1)"
        )

        with session(site.town.dsn) as connection, connection, connection.cursor() as txn:
            assert store.forget_unused(txn, 5) == 0
            assert store.forget_unused(txn, 6) == 1
            assert store.forget_failing(txn, 5) == 0
            assert store.forget_failing(txn, 6) == 1
        assert site.rows() == 1


class TestSite:
    def test_the_app_learns_what_it_has_to_know(self, site: Site) -> None:
        answer = site.ask("GET", f"{APP}/site", headers={"sec-fetch-site": "cross-site"})

        assert answer.body == {
            "homeserver_url": "http://localhost:8008",
            "server_name": site.town.server.plan.server_name,
            "name": {"en": "Town"},
            "notice": {},
            "registration": "off",
            "has_push": True,
        }
