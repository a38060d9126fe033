"""What a change can reach is tested, and what it cannot is not."""

from __future__ import annotations

import pytest

from tests.support.changed import ALWAYS, METADATA, Reach, changed_files

LANGUAGE = "appservices/agency/language/core/language.py"


@pytest.fixture(scope="module")
def reach() -> Reach:
    return Reach()


@pytest.mark.parametrize(
    ("changed", "chosen", "left_out"),
    [
        # By imports; by the entry point of its service; and no other service's.
        (LANGUAGE, "tests/unit/appservices/agency/language/test_language.py", "tests/simulation"),
        (LANGUAGE, "tests/stories/test_cases.py", "tests/unit/appservices/payments/core"),
        (LANGUAGE, "tests/unit/veche/cli/test_main.py", "tests/unit/veche/documents"),
        (
            "veche/protocol/money.py",
            "tests/unit/veche/protocol/test_money.py",
            "tests/unit/support",
        ),
        # Named in the configuration of Synapse.
        (
            "homeserver_modules/event_guard/module.py",
            "tests/integration/homeserver_modules/test_event_guard.py",
            "tests/unit/veche/protocol",
        ),
        # A module that a test starts as a process.
        (
            "tests/integration/appservices/payments/ledger_load.py",
            "tests/integration/appservices/payments/test_ledger_crashes.py",
            "tests/unit",
        ),
        # Not Python.
        ("appservices/widgets/static/sign.js", "tests/widgets/sign.test.js", "tests/simulation"),
        ("tests/widgets/harness.js", "tests/widgets/sign.test.js", "tests/simulation"),
        ("tests/widgets/sign.test.js", "tests/widgets/sign.test.js", "tests/widgets/case.test.js"),
        (
            "appservices/payments/migrations/0001_ledger.sql",
            "tests/integration/appservices/payments/test_ledger_store.py",
            "tests/unit/appservices/agency/language",
        ),
        (
            "appservices/signing/locale/de.po",
            "tests/unit/appservices/signing/core/test_cards.py",
            "tests/unit/appservices/agency/language",
        ),
        ("docs/start.md", "tests/stories/test_start_page.py", "tests/unit/appservices"),
        (".ci/programs", "tests/unit/test_run.py", "tests/unit/appservices/agency/language"),
        ("CHANGELOG.md", "tests/unit/test_docs.py", "tests/stories"),
    ],
)
def test_a_change_chooses_what_it_can_reach(
    reach: Reach, changed: str, chosen: str, left_out: str
) -> None:
    tests = reach.tests([changed])

    assert chosen in tests
    assert set(ALWAYS) <= set(tests)
    assert [one for one in tests if one.startswith(left_out) and one not in ALWAYS] == []


@pytest.mark.parametrize("changed", [*METADATA, "run", "tests/conftest.py"])
def test_a_change_of_the_ground_of_all_chooses_all(reach: Reach, changed: str) -> None:
    assert reach.tests([LANGUAGE, changed]) == ["tests"]


def test_without_a_change_only_the_checks_of_the_tree_run(reach: Reach) -> None:
    assert reach.tests([]) == sorted(ALWAYS)


def test_a_module_that_is_gone_counts_as_its_package(reach: Reach) -> None:
    tests = reach.tests(["appservices/agency/language/core/gone.py"])

    assert "tests/unit/appservices/agency/language/test_language.py" in tests


def test_a_base_that_is_none_is_refused() -> None:
    with pytest.raises(SystemExit, match="no-such-commit is no commit here"):
        changed_files("no-such-commit")
