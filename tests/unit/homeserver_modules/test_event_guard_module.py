import importlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from prometheus_client import REGISTRY
from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import Codes, ConfigError, SynapseError
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

import homeserver_modules.event_guard as package
from homeserver_modules.event_guard import EventGuard
from homeserver_modules.event_guard.core import Families
from homeserver_modules.event_guard.module import REFUSED_MEMBERSHIPS_MAX, RETRY_AFTER_MS
from tests.support.payloads import VALID, malformed
from tests.support.tables import each_row

KEY = "org.veche.answer"
MALFORMED = {"body": "Yes", KEY: malformed(KEY)}
GOOD = {"body": "Yes", KEY: VALID[KEY]}
ANNA, REMOTE, BOT = "@anna:veche.test", "@boris:other.test", "@veche_tax:veche.test"
REASON = f"{KEY}.prompt: String should match pattern '^[0-7][0-9A-HJKMNP-TV-Z]{{25}}$'"


def event(content: object, sender: str = ANNA, **metadata: str) -> Any:
    """An event of a client unless ``metadata`` says otherwise."""
    known = metadata or {"device_id": "PHONE"}
    mock = Mock(content=content, sender=sender, type="m.room.message", event_id="$e")
    mock.internal_metadata = Mock(spec_set=[*known], **known)
    return mock


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"veche_event_guard_{name}_total", labels) or 0.0


class GuardCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.api = create_autospec(ModuleApi)
        self.api.is_mine.side_effect = lambda user: user.endswith(":veche.test")
        self.guard = EventGuard(EventGuard.parse_config({}), self.api)

    def result(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def refusal(self, work: Coroutine[Deferred[Any], Any, Any]) -> SynapseError:
        case: Any = self
        error: SynapseError = case.failureResultOf(Deferred.fromCoroutine(work), SynapseError).value
        return error

    def create_room(self, sender: str, request: dict[str, Any]) -> Any:
        requester = Mock()
        requester.user.to_string.return_value = sender
        return self.guard.on_create_room(requester, request, False)

    def put_member(self, sender: str, content: dict[str, Any], kind: str = "m.room.member") -> Any:
        return self.guard.user_may_send_state_event(sender, "!r", kind, sender, content)


class FormTests(GuardCase):
    def test_every_callback_is_registered(self) -> None:
        spam = self.api.register_spam_checker_callbacks.call_args.kwargs
        rules = self.api.register_third_party_rules_callbacks.call_args.kwargs
        assert set(spam) == {
            "check_event_for_spam",
            "user_may_send_state_event",
            "federated_user_may_invite",
        }
        assert set(rules) == {"on_create_room"}

    def test_a_client_learns_code_and_field(self) -> None:
        for metadata in ({"device_id": "PHONE"}, {"txn_id": "m1"}):
            error = self.refusal(self.guard.check_event_for_spam(event(MALFORMED, **metadata)))

            assert (error.code, error.errcode, error.msg) == (400, "ORG.VECHE.MALFORMED", REASON)
            assert error.error_dict(None)["field"] == f"{KEY}.prompt"

    def test_another_server_gets_a_code(self) -> None:
        verdict = self.result(self.guard.check_event_for_spam(event(MALFORMED, REMOTE)))
        assert verdict == (Codes.FORBIDDEN, {"org.veche.reason": REASON})

    def test_an_own_event_that_comes_back_from_another_server_gets_a_code(self) -> None:
        returned = event(MALFORMED, ANNA, outlier="")
        verdict = self.result(self.guard.check_event_for_spam(returned))
        assert verdict == (Codes.FORBIDDEN, {"org.veche.reason": REASON})

    def test_what_is_well_formed_passes(self) -> None:
        for sender in (ANNA, REMOTE, BOT):
            assert self.result(self.guard.check_event_for_spam(event(GOOD, sender))) == NOT_SPAM

    def test_what_is_not_ours_passes(self) -> None:
        assert self.result(self.guard.check_event_for_spam(event({"body": "hi"}))) == NOT_SPAM

    def test_a_room_that_begins_malformed_is_refused(self) -> None:
        request = {"initial_state": [{"type": "x", "content": MALFORMED}]}
        error = self.refusal(self.create_room(ANNA, request))
        assert error.error_dict(None)["field"] == f"initial_state.0.{KEY}.prompt"

    def test_a_room_that_begins_well_formed_passes(self) -> None:
        request = {"initial_state": [{"type": "x", "content": GOOD}]}
        assert self.result(self.create_room(ANNA, request)) is None

    def test_a_membership_is_checked_and_other_state_is_left_to_the_event(self) -> None:
        assert self.refusal(self.put_member(BOT, MALFORMED)).code == 400
        assert self.result(self.put_member(BOT, GOOD)) == NOT_SPAM
        assert self.result(self.put_member(BOT, MALFORMED, "m.room.topic")) == NOT_SPAM

    def test_an_invitation_of_another_server_is_checked(self) -> None:
        bad, good = event(MALFORMED, REMOTE), event(GOOD, REMOTE)
        verdict = self.result(self.guard.federated_user_may_invite(bad))
        assert verdict == (Codes.FORBIDDEN, {"org.veche.reason": REASON})
        assert self.result(self.guard.federated_user_may_invite(good)) == NOT_SPAM

    def invite(self, event_id: str, content: object) -> Any:
        invitation = event(content, REMOTE)
        invitation.type, invitation.event_id = "m.room.member", event_id
        return invitation

    def test_an_invitation_that_comes_redacted_is_refused_once(self) -> None:
        self.result(self.guard.check_event_for_spam(self.invite("$i", MALFORMED)))
        redacted = self.invite("$i", {"membership": "invite"})
        verdict = self.result(self.guard.federated_user_may_invite(redacted))
        assert verdict == (Codes.FORBIDDEN, {"org.veche.reason": REASON})
        assert self.result(self.guard.federated_user_may_invite(redacted)) == NOT_SPAM

    def test_only_so_many_refusals_wait_for_their_second_callback(self) -> None:
        for number in range(REFUSED_MEMBERSHIPS_MAX + 1):
            self.result(self.guard.check_event_for_spam(self.invite(f"${number}", MALFORMED)))
        verdicts = [
            self.result(self.guard.federated_user_may_invite(self.invite(event_id, {})))
            for event_id in ("$0", "$1", f"${REFUSED_MEMBERSHIPS_MAX}")
        ]
        assert verdicts[0] == NOT_SPAM
        assert NOT_SPAM not in verdicts[1:]

    def test_refusals_are_counted(self) -> None:
        before = count("refused", callback="check_event_for_spam")
        self.result(self.guard.check_event_for_spam(event(MALFORMED, REMOTE)))
        assert count("refused", callback="check_event_for_spam") == before + 1

    def test_the_log_names_no_content(self) -> None:
        with self.assertLogs("homeserver_modules", logging.INFO) as logs:
            self.refusal(self.guard.check_event_for_spam(event(MALFORMED)))
        assert [r.getMessage() for r in logs.records] == [
            f"refused event $e of {ANNA}: ORG.VECHE.MALFORMED"
        ]


class FaultTests(GuardCase):
    """The models do not load: a fault in the guard itself."""

    def setUp(self) -> None:
        super().setUp()
        self.loads = 0

        def fail() -> None:
            self.loads += 1
            raise ImportError("no module")

        self.patch(self.guard, "_load", fail)  # type: ignore[no-untyped-call]  # Twisted
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_covered_events_of_clients_are_refused_for_now(self) -> None:
        for covered in (event(GOOD), event(MALFORMED), event({"body": "x"}, BOT)):
            error = self.refusal(self.guard.check_event_for_spam(covered))

            assert (error.code, error.errcode) == (503, "ORG.VECHE.UNAVAILABLE")
            assert error.error_dict(None)["retry_after_ms"] == RETRY_AFTER_MS

    def test_covered_events_of_other_servers_get_a_code(self) -> None:
        verdict = self.result(self.guard.check_event_for_spam(event(GOOD, REMOTE)))
        assert verdict[0] is Codes.FORBIDDEN

    def test_everybody_else_talks_on(self) -> None:
        stranger = "@veche_tax:other.test"
        for sender in (ANNA, REMOTE, stranger):
            verdict = self.result(self.guard.check_event_for_spam(event({"body": "x"}, sender)))
            assert verdict == NOT_SPAM

    def test_rooms_are_refused_and_passed_alike(self) -> None:
        request = {"initial_state": [{"type": "x", "content": GOOD}]}
        assert self.refusal(self.create_room(ANNA, request)).code == 503
        assert self.refusal(self.create_room(BOT, {})).code == 503
        assert self.result(self.create_room(ANNA, {"name": "Chess"})) is None

    def test_memberships_are_refused_and_passed_alike(self) -> None:
        assert self.refusal(self.put_member(ANNA, GOOD)).code == 503
        assert self.refusal(self.put_member(BOT, {})).code == 503
        assert self.result(self.put_member(ANNA, {"membership": "join"})) == NOT_SPAM

    def test_invitations_of_other_servers_are_refused_and_passed_alike(self) -> None:
        verdict = self.result(self.guard.federated_user_may_invite(event(GOOD, REMOTE)))
        assert verdict[0] is Codes.FORBIDDEN
        plain = event({"membership": "invite"}, REMOTE)
        assert self.result(self.guard.federated_user_may_invite(plain)) == NOT_SPAM

    def test_faults_are_counted_by_what_became_of_the_event(self) -> None:
        labels = {"callback": "check_event_for_spam"}
        before = [count("failed", outcome=o, **labels) for o in ("passed", "refused")]
        self.result(self.guard.check_event_for_spam(event({"body": "x"})))
        self.refusal(self.guard.check_event_for_spam(event(GOOD)))
        after = [count("failed", outcome=o, **labels) for o in ("passed", "refused")]
        assert after == [n + 1 for n in before]

    def test_it_tries_again_with_each_event(self) -> None:
        for _ in range(3):
            self.result(self.guard.check_event_for_spam(event({"body": "x"})))
        assert self.loads == 3


class StartTests(SynchronousTestCase):
    @staticmethod
    def missing() -> Families:
        raise ImportError("a library is missing")

    def test_models_that_do_not_load_do_not_keep_synapse_from_starting(self) -> None:
        module = "homeserver_modules.event_guard.module"
        case: Any = self
        case.patch(importlib.import_module(module), "load_families", self.missing)
        with self.assertLogs(module, logging.ERROR) as logs:
            EventGuard(EventGuard.parse_config({}), create_autospec(ModuleApi))
        assert "refuses all payloads" in logs.output[0]

    def test_a_fault_while_telling_what_is_covered_stops_no_conversation(self) -> None:
        class Strange:
            def items(self) -> None:
                raise RuntimeError

        api = create_autospec(ModuleApi)
        guard = EventGuard(EventGuard.parse_config({}), api)
        broken = event({"body": "x"})
        type(broken).content = property(lambda _self: Strange().items())
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        verdict = self.successResultOf(Deferred.fromCoroutine(guard.check_event_for_spam(broken)))
        assert verdict == NOT_SPAM


@each_row(
    ("config", "path"),
    [
        ({"localpart_prefx": "veche_"}, "localpart_prefx"),
        ({"localpart_prefix": ""}, "localpart_prefix"),
        ({"localpart_prefix": "@veche_"}, "localpart_prefix"),
        ({"localpart_prefix": "v" * 65}, "localpart_prefix"),
        ({"localpart_prefix": 1}, "localpart_prefix"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(config: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EventGuard.parse_config(config)
    assert caught.value.path == [path]


def test_a_configuration_that_is_no_mapping_is_refused() -> None:
    config: Any = ["localpart_prefix"]
    with pytest.raises(ConfigError):
        EventGuard.parse_config(config)


@each_row("prefix", ["v", "v" * 64, "veche_", "a.b-c_d=e/f+g"])
def test_a_prefix_that_names_can_have_is_taken(prefix: str) -> None:
    assert EventGuard.parse_config({"localpart_prefix": prefix}).localpart_prefix == prefix


def test_the_package_has_the_module_and_no_other_name() -> None:
    lookup: Callable[[str], object] = package.__getattr__
    assert lookup("EventGuard") is EventGuard
    with pytest.raises(AttributeError, match="EventGard"):
        lookup("EventGard")
