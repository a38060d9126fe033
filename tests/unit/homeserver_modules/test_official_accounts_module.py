import logging
from collections.abc import Coroutine
from typing import Any
from unittest.mock import AsyncMock, Mock, create_autospec

import pytest
from prometheus_client import REGISTRY
from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import Codes, SynapseError
from synapse.spam_checker_api import RegistrationBehaviour
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

import homeserver_modules.official_accounts as package
from homeserver_modules.official_accounts import OfficialAccounts

OWNER, ANNA, REMOTE = "@registrar:veche.test", "@anna:veche.test", "@boris:other.test"
APPEAL = "https://town.example/names"
NAME = "Tax Office"
CONFIG = {"names": [{"name": NAME, "accounts": [OWNER], "appeal": APPEAL}]}


def event(kind: str, content: object, sender: str = REMOTE, **metadata: str) -> Any:
    mock = Mock(content=content, sender=sender, type=kind, event_id="$e", room_id="!r", unsigned={})
    mock.internal_metadata = Mock(spec_set=[*metadata], **metadata)
    mock.is_state.return_value = True
    return mock


def member(name: object, membership: str = "join", **more: Any) -> Any:
    return event("m.room.member", {"membership": membership, "displayname": name}, **more)


def count(**labels: str) -> float:
    return REGISTRY.get_sample_value("veche_official_accounts_names_total", labels) or 0.0


class ModuleCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.api = create_autospec(ModuleApi)
        self.api.is_mine.side_effect = lambda user: user.endswith(":veche.test")
        self.api.get_qualified_user_id.side_effect = lambda name: f"@{name}:veche.test"
        self.api.get_room_state.return_value = {}
        self.before: str | None = None
        self.api.run_db_interaction = AsyncMock(side_effect=lambda *_: self.before)
        self.module: Any = OfficialAccounts(OfficialAccounts.parse_config(CONFIG), self.api)

    def result(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def failure(self, work: Coroutine[Deferred[Any], Any, Any], kind: type[Exception]) -> Any:
        case: Any = self
        return case.failureResultOf(Deferred.fromCoroutine(work), kind).value


class NameTests(ModuleCase):
    def test_membership_of_another_server_gets_a_code_and_a_reason(self) -> None:
        for membership in ("join", "knock"):
            verdict = self.result(self.module.check_event_for_spam(member(NAME, membership)))
            reason = {"org.veche.reason": "NAME_SAME", "org.veche.appeal": APPEAL}
            assert verdict == (Codes.FORBIDDEN, reason)

    def test_who_has_no_display_name_is_called_by_the_localpart(self) -> None:
        sender = "@tax_office:other.test"
        for name in (None, "", 3):
            verdict = self.result(self.module.check_event_for_spam(member(name, sender=sender)))
            assert verdict[0] is Codes.FORBIDDEN
        assert (
            self.result(self.module.check_event_for_spam(member("Bo", sender=sender))) == NOT_SPAM
        )

    def test_other_events_pass_unread(self) -> None:
        message = event("m.room.message", None)
        leave = member(NAME, "leave")
        invited = member(NAME, "invite")
        for one in (message, leave, invited, member("Tax Offise"), member(NAME, sender=OWNER)):
            assert self.result(self.module.check_event_for_spam(one)) == NOT_SPAM

    def test_own_state_that_comes_back_from_another_server_passes(self) -> None:
        state = event("m.room.name", {"name": NAME}, ANNA, outlier="")
        assert self.result(self.module.check_event_for_spam(state)) == NOT_SPAM

    def test_client_is_told_rule_and_appeal(self) -> None:
        state = event("m.room.name", {"name": f"{NAME} online"}, ANNA, device_id="PHONE")
        error = self.failure(self.module.check_event_for_spam(state), SynapseError)

        assert (error.code, error.errcode) == (403, "ORG.VECHE.NAME_PROTECTED")
        assert error.msg == (
            "This name contains “Tax Office”, which only official accounts may use. Choose another"
            f" name, or appeal: {APPEAL}"
        )
        assert error.error_dict(None)["org.veche.reason"] == "NAME_CONTAINS"

    def test_invitations_of_others_stand_by_what_the_room_and_inviter_are_called(self) -> None:
        def invitation(*state: dict[str, Any]) -> Any:
            one = event("m.room.member", {"membership": "invite", "displayname": NAME})
            one.unsigned = {"invite_room_state": list(state)}
            return self.module.federated_user_may_invite(one)

        profile = {"type": "m.room.member", "state_key": REMOTE, "content": {"displayname": NAME}}
        others = {**profile, "state_key": ANNA}
        forged = {"type": "m.room.name", "sender": OWNER, "content": {"name": NAME}}
        alias = {"type": "m.room.canonical_alias", "content": {"alias": "#taxoffice:x"}}
        for refused in (profile, forged, alias):
            error = self.failure(invitation(refused), SynapseError)
            assert error.errcode == "ORG.VECHE.NAME_PROTECTED"
        for passed in ((), (others,)):
            assert self.result(invitation(*passed)) == NOT_SPAM

    def test_a_search_for_people_leaves_impostors_out(self) -> None:
        def is_left_out(user_id: str, name: str | None) -> Any:
            profile = {"user_id": user_id, "display_name": name, "avatar_url": None}
            return self.result(self.module.check_username_for_spam(profile, ANNA))

        assert is_left_out(REMOTE, NAME) is True
        assert is_left_out("@taxoffice:x", None) is True
        assert is_left_out(OWNER, NAME) is False
        assert is_left_out(REMOTE, "Boris") is False

    def test_a_name_that_single_sign_on_brings_is_set_back(self) -> None:
        self.api.get_profile_for_user.return_value = Mock(display_name=NAME)
        self.result(self.module.on_user_registration(ANNA))
        (user, name) = self.api.set_displayname.call_args.args
        assert (user.to_string(), name) == (ANNA, "anna")

    def test_who_was_called_so_before_has_no_name_left(self) -> None:
        user = "@taxoffice:veche.test"
        self.before = "Tax-Office"
        self.result(self.module.on_profile_update(user, Mock(display_name=NAME), False, False))
        assert self.api.set_displayname.call_args.args[1] == ""

    def test_names_that_people_had_before_are_set_back_once(self) -> None:
        broken, listed = "@broken:veche.test", "@suspended:veche.test"
        names = [
            (broken, NAME),
            (ANNA, NAME),
            (OWNER, NAME),
            (listed, NAME),
            ("@b:veche.test", "B"),
        ]
        self.api.run_db_interaction.side_effect = lambda what, *_: (
            names if what == "veche_names" else None
        )
        self.api.defer_to_thread = AsyncMock(side_effect=lambda work, *args: work(*args))
        self.patch(self.module.directories, "is_listed", lambda who: who == listed)  # type: ignore[no-untyped-call]
        self.api.set_displayname.side_effect = [RuntimeError("gone"), None]
        for _ in range(2):
            self.result(self.module.look_again())
        renamed = [str(one.args[0]) for one in self.api.set_displayname.call_args_list]
        assert renamed == [broken, ANNA]
        assert self.told() == [("reset", ANNA, ANNA, NAME, "same")]

    def test_names_are_looked_at_again_where_the_database_was_gone(self) -> None:
        self.api.run_db_interaction.side_effect = [RuntimeError("gone"), []]
        self.api.defer_to_thread = AsyncMock(return_value=[])
        self.failure(self.module.look_again(), RuntimeError)
        self.result(self.module.look_again())
        assert self.api.run_db_interaction.await_count == 2

    def told(self) -> list[tuple[Any, ...]]:
        """Kind, person, account, name and rule of what was kept for people."""
        calls = [one.args for one in self.api.run_db_interaction.await_args_list]
        return [args[2][2:7] for args in calls if args[0] == "veche_notices_add"]

    def test_who_is_set_back_is_told_of_it(self) -> None:
        for name in (NAME, "Anna"):
            self.result(self.module.on_profile_update(ANNA, Mock(display_name=name), False, False))
        assert self.told() == [("reset", ANNA, ANNA, NAME, "same")]

    def test_who_is_invited_under_a_name_that_is_nearly_official_is_warned(self) -> None:
        for name in ("Tax Offise", NAME, "Boris"):
            one = event("m.room.member", {"membership": "invite"})
            one.get_state_key.return_value = ANNA
            one.state_key = ANNA
            one.sender = REMOTE
            one.unsigned = {
                "invite_room_state": [
                    {"type": "m.room.member", "state_key": REMOTE, "content": {"displayname": name}}
                ]
            }
            Deferred.fromCoroutine(self.module.federated_user_may_invite(one)).addErrback(
                lambda failure: failure.trap(SynapseError)
            )
        assert self.told() == [("near_miss", ANNA, REMOTE, NAME, "near")]

    def test_what_cannot_be_kept_for_somebody_refuses_nobody(self) -> None:
        self.api.run_db_interaction.side_effect = RuntimeError("no database")
        one = event("m.room.member", {"membership": "invite"})
        one.unsigned = {
            "invite_room_state": [{"type": "m.room.name", "content": {"name": "Tax Offise"}}]
        }
        assert self.result(self.module.federated_user_may_invite(one)) == NOT_SPAM

    def test_what_an_administrator_sets_stays(self) -> None:
        for by_admin, deactivation in ((True, False), (False, True)):
            profile = Mock(display_name=NAME)
            self.result(self.module.on_profile_update(ANNA, profile, by_admin, deactivation))
        assert not self.api.set_displayname.called

    def test_what_is_judged_is_counted_by_callback_and_rule(self) -> None:
        refused = {"callback": "membership", "rule": "same", "outcome": "refused"}
        warned = {"callback": "membership", "rule": "near", "outcome": "warned"}
        before = count(**refused), count(**warned)
        for name in (NAME, "Tax Offise", "Boris"):
            self.result(self.module.check_event_for_spam(member(name)))
        assert (count(**refused), count(**warned)) == (before[0] + 1, before[1] + 1)

    def test_the_log_has_ids_and_no_names(self) -> None:
        with self.assertLogs("homeserver_modules", logging.INFO) as logs:
            self.result(self.module.check_event_for_spam(member(NAME)))
            self.result(self.module.check_event_for_spam(member("Tax Offise")))
        assert [r.getMessage() for r in logs.records] == [
            f"refused a name of {REMOTE} !r (membership): same",
            f"warned a name of {REMOTE} !r (membership): near",
        ]

    def test_nothing_but_the_module_itself_is_found_in_the_package(self) -> None:
        with pytest.raises(AttributeError):
            getattr(package, "Unknown")  # noqa: B009 -- mypy knows that it is not there


class FaultTests(ModuleCase):
    """The guard has a bug: each name passes, with one line."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(self.module._judge, "judge", self.fail_)  # type: ignore[no-untyped-call]
        self.api.get_room_state.side_effect = RuntimeError("no database")
        self.api.get_profile_for_user.side_effect = RuntimeError("no database")

    def fail_(self, *_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    def test_everything_passes_with_one_line(self) -> None:
        module = self.module
        requester, alias = Mock(), Mock(localpart="x")
        rows = [
            (module.check_event_for_spam(member(NAME)), NOT_SPAM),
            (module.check_event_for_spam(event("m.room.name", {"name": NAME})), NOT_SPAM),
            (
                module.check_event_for_spam(event("m.room.name", {"name": NAME}, ANNA, txn_id="1")),
                NOT_SPAM,
            ),
            (
                module.user_may_send_state_event(
                    ANNA, "!r", "m.room.member", ANNA, {"displayname": NAME}
                ),
                NOT_SPAM,
            ),
            (module.user_may_invite(ANNA, REMOTE, "!r"), NOT_SPAM),
            (module.federated_user_may_invite(member(NAME, "invite")), NOT_SPAM),
            (module.user_may_create_room_alias(ANNA, alias), NOT_SPAM),
            (module.user_may_publish_room(ANNA, "!r"), NOT_SPAM),
            (module.on_create_room(requester, {"name": NAME}, False), None),
            (module.check_username_for_spam({"user_id": ANNA, "display_name": NAME}, ANNA), False),
            (
                module.check_registration_for_spam(None, "taxoffice", []),
                RegistrationBehaviour.ALLOW,
            ),
            (module.on_profile_update(ANNA, Mock(display_name=NAME), False, False), None),
            (module.on_user_registration(ANNA), None),
        ]
        for work, passed in rows:
            with self.assertLogs("homeserver_modules", logging.ERROR) as logs:
                assert self.result(work) == passed
            assert len(logs.records) == 1
        for registered in (
            self.api.register_spam_checker_callbacks,
            self.api.register_third_party_rules_callbacks,
            self.api.register_account_validity_callbacks,
        ):
            names = set(registered.call_args.kwargs)
            assert names <= {work.__name__ for work, _ in rows}

    def test_a_request_that_is_cancelled_is_no_fault(self) -> None:
        self.api.get_room_state.side_effect = CancelledError
        self.failure(self.module.user_may_publish_room(ANNA, "!r"), CancelledError)
