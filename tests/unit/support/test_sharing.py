"""Which files of tests stay in one process."""

from __future__ import annotations

from tests.support.sharing import scope_of
from tests.support.tables import each_row


@each_row(
    ("node", "scope"),
    [
        ("tests/widgets/flow.test.js::a case goes its whole way", "tests/widgets/house"),
        ("tests/widgets/keys.test.js::a key is made", "tests/widgets/house"),
        ("tests/widgets/shop.test.js::whoever pays", "tests/widgets/bank"),
        ("tests/widgets/app_chats.test.js::two strangers", "tests/widgets/up"),
        ("tests/widgets/case.test.js::a case", "tests/widgets/case.test.js"),
        ("tests/unit/test_docs.py::test_links", "tests/unit/test_docs.py"),
    ],
)
def test_browser_tests_of_one_house_stay_together_and_others_file_by_file(
    node: str, scope: str
) -> None:
    assert scope_of(node) == scope
