"""Names beside which somebody approves a payment."""

from tests.support.tables import each_row
from veche.protocol.approval import NAME_CHARACTERS_MAX
from veche.protocol.ids import UserId
from veche.protocol.texts.person_names import name_of

EVE = UserId("@eve:veche.test")


@each_row(
    ("chosen", "name"),
    [
        ("Eva Müller", "Eva Müller"),
        ("  Eva\nMüller\t", "Eva Müller"),
        ("\u202eEva\u200b\x07", "Eva"),
        ("<b>Eva</b>", "<b>Eva</b>"),
        ("x" * 300, "x" * NAME_CHARACTERS_MAX),
        ("", "eve"),
        ("\u200b\u202e", "eve"),
        ("Bob @bob:veche.test", "eve"),
        ("Bob \uff20bob:veche.test", "eve"),
        ("Bob \ufe6bbob:veche.test", "eve"),
    ],
)
def test_a_name_is_shown_only_where_it_cannot_pass_for_an_address(chosen: str, name: str) -> None:
    assert name_of(EVE, chosen) == name
