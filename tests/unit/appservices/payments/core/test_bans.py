"""What a person forbids themselves, as it is typed."""

from appservices.payments.limits.core import BanOrder, BanProblem, read_ban
from tests.support.tables import each_row


@each_row(
    ("typed", "order"),
    [
        ("gambling 90 days", BanOrder("gambling", 90)),
        ("payouts 2 weeks", BanOrder("payouts", 14)),
        ("выводы 1 день", BanOrder("payouts", 1)),
        ("alles 366 Tage", BanOrder("all", 366)),
        ("усе 3 тижні", BanOrder("all", 21)),
    ],
)
def test_a_ban_is_read_in_each_language(typed: str, order: BanOrder) -> None:
    assert read_ban(typed, {"gambling"}) == order


@each_row(
    ("typed", "problem"),
    [
        ("", BanProblem.USAGE),
        ("gambling", BanProblem.USAGE),
        ("gambling for ever", BanProblem.USAGE),
        ("gambling 0 days", BanProblem.USAGE),
        ("gambling -1 days", BanProblem.USAGE),
        ("gambling 1.5 days", BanProblem.USAGE),
        ("gambling 5 moons", BanProblem.USAGE),
        ("food 5 days", BanProblem.UNKNOWN_KIND),
        ("gambling 367 days", BanProblem.TOO_LONG),
        ("gambling 53 weeks", BanProblem.TOO_LONG),
    ],
)
def test_a_ban_that_cannot_be_read_is_asked_back(typed: str, problem: BanProblem) -> None:
    assert read_ban(typed, {"gambling"}) is problem
