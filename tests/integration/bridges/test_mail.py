"""Somebody who only has mail uses the demo's office: a real exim, Synapse and PostgreSQL."""

from __future__ import annotations

import os
import smtplib
import socket
import time
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Self

import pytest

from tests.integration.bridges.mail_town import ADDRESS, Citizen, MailTown, mail_town, shown
from tests.integration.bridges.story import get_a_service_with_a_fee
from tests.support.mail_server import VECHE
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


class Listener:
    """A port that waits for somebody to come."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def has_nobody_come(self) -> bool:
        try:
            self._socket.accept()
        except BlockingIOError:
            return True
        return False


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailTown]:
    with mail_town(tmp_path_factory.mktemp("bridged")) as one:
        yield one


def test_somebody_with_mail_alone_gets_a_service_with_a_fee(town: MailTown) -> None:
    """Greeting, form by numbers, payment link, decision and result, all in one thread."""
    ann = Citizen(town, "ann")
    result = get_a_service_with_a_fee(town.house, ann, "Valid until")

    [extract] = result.iter_attachments()
    assert extract.get_content_type() == "application/pdf"
    assert extract.get_content().startswith(b"%PDF")
    if os.environ.get("SHOW_MAIL"):
        print("\n\n=====\n".join(map(shown, ann.received())))  # noqa: T201


def test_what_comes_while_the_bridge_is_down_is_taken_once(town: MailTown) -> None:
    """Each mail is answered once: also after a kill, and when it comes twice."""
    bob = Citizen(town, "bob")
    greeting = bob.ask("Hello", None, "Which language do you prefer?")
    assert "tap it below" not in greeting.get_content()

    first = bob.write("1", greeting)
    bob.send(first)
    menu = bob.expect("What do you need?", first)

    # What comes meanwhile waits in exim; what was taken before is not taken again.
    town.bridge.kill()
    second = bob.write("1", menu)
    bob.send(first)
    bob.write("I am away", Auto_Submitted="auto-replied")
    town.start()
    intro = bob.expect("It takes at most", second)

    bob.ask("1", intro, "1 of 4")
    counted = (
        "SELECT count(*) FROM bridges.remote_inbox JOIN bridges.portal USING (bridge_id, portal_id)"
        " WHERE portal.since_ms = (SELECT max(since_ms) FROM bridges.portal)"
    )
    wait_until(lambda: town.query(counted) == [(5,)], 90, "not all mail came")
    received = bob.received()
    ids = [one["Message-ID"] for one in received]
    assert len(ids) == len(set(ids)) == 4
    assert sum("can read them" in one.get_content() for one in received) == 1


@pytest.fixture(scope="module")
def eve(town: MailTown) -> Citizen:
    """Somebody who has chosen a language, so that ``menu`` is answered by the menu."""
    one = Citizen(town, "eve")
    one.ask("1", one.ask("Hello", None, "Which language do you prefer?"), "What do you need?")
    return one


def answers_to(citizen: Citizen, mails: Sequence[EmailMessage]) -> list[int]:
    """How many different mails answer each of these."""
    answers = {(str(one["Message-ID"]), str(one["In-Reply-To"])): one for one in citizen.received()}
    return [sum(to == mail["Message-ID"] for _, to in answers) for mail in mails]


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.2, 0.4])
def test_nothing_is_lost_or_doubled_by_a_kill_between_a_mail_and_its_answer(
    town: MailTown, eve: Citizen, delay_s: float
) -> None:
    taken = "SELECT count(*) FROM bridges.remote_inbox"
    [(before,)] = town.query(taken)
    mail = eve.write("menu")
    wait_until(lambda: town.query(taken) != [(before,)], 30, "the mail does not come in")
    time.sleep(delay_s)  # another moment of the way each time
    town.bridge.kill()
    town.start()

    eve.expect("What do you need?", mail)
    after = eve.ask("menu", None, "What do you need?")  # all before it has been answered
    assert answers_to(eve, [mail]) == [1], shown(after)


def test_a_mail_server_that_is_away_gets_the_answer_later_and_once(
    town: MailTown, eve: Citizen
) -> None:
    mail = eve.mail("menu")
    town.mail.stop()
    try:
        with smtplib.SMTP("127.0.0.1", town.mail.bridge, timeout=10) as client:
            client.sendmail(eve.address, [ADDRESS], mail.as_bytes())
        waits = "SELECT count(*) FROM bridges.remote_outbox WHERE state = 'queued' AND reason <> ''"
        wait_until(lambda: town.query(waits) == [(1,)], 30, "nothing was tried meanwhile")
    finally:
        town.mail.start()

    eve.expect("What do you need?", mail)
    assert answers_to(eve, [mail]) == [1]


def test_what_would_come_back_for_ever_is_counted_and_not_answered(
    town: MailTown, eve: Citizen
) -> None:
    before = town.counted("veche_bridge_in_total", end="automatic")
    automatic = [
        eve.mail("I am away", Auto_Submitted="auto-replied"),
        eve.mail("News", Precedence="bulk"),
        eve.mail("News", List_Id="<news.mta.test>"),
        eve.mail("menu"),
    ]
    automatic[-1].replace_header("From", ADDRESS)  # as one of ours that comes back
    for one in automatic:
        eve.send(one)
    bounced = eve.mail("menu")
    town.mail.send(bounced.as_bytes(), ADDRESS, "")

    counted = before + len(automatic) + 1
    wait_until(
        lambda: town.counted("veche_bridge_in_total", end="automatic") == counted,
        30,
        "they do not come in",
    )
    eve.ask("menu", None, "What do you need?")
    assert answers_to(eve, [*automatic, bounced]) == [0] * 5


def test_what_does_not_arrive_is_known_by_the_report_and_ends(town: MailTown, eve: Citizen) -> None:
    """The greeting to an address that does not exist comes back; nothing answers that."""
    nobody = Citizen(town, "nobody")
    nobody.write("Hello")
    failed = "SELECT reason FROM bridges.remote_outbox WHERE state = 'failed'"
    wait_until(lambda: town.query(failed) != [], 60, "no report came")

    [(reason,)] = town.query(failed)
    assert str(reason).startswith("5.")
    sent = town.counted("veche_bridge_out_total", end="sent")
    assert town.counted("veche_bridge_in_total", end="unmatched") == 0
    eve.ask("menu", None, "What do you need?")
    wait_until(
        lambda: town.counted("veche_bridge_out_total", end="sent") > sent, 30, "nothing was sent"
    )
    assert town.counted("veche_bridge_out_total", end="sent") == sent + 1
    assert nobody.received() == []


def test_a_forged_report_is_refused(town: MailTown) -> None:
    before = town.counted("veche_bridge_mail_refused_total", why="address")
    [(effect,)] = town.query("SELECT effect_id FROM bridges.remote_outbox LIMIT 1")
    with smtplib.SMTP("127.0.0.1", town.mail.bridge, timeout=10) as client:
        client.ehlo()
        client.mail("")
        code, _ = client.rcpt(f"bounce-{effect}-aaaaaaaaaaaaa@{VECHE}")

    assert code == 550
    assert town.counted("veche_bridge_mail_refused_total", why="address") == before + 1


def test_a_subject_adds_no_header_and_html_fetches_nothing(town: MailTown, eve: Citizen) -> None:
    with Listener() as spy:
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Message-ID"] = eve.address, ADDRESS, "<html.1@mta.test>"
        mail["Subject"] = "x"
        picture = f'<img src="http://127.0.0.1:{spy.port}/p.png" width=1>'
        mail.set_content(f"<p>menu</p>{picture}<style>p{{}}</style>", subtype="html")
        raw = mail.as_bytes().replace(
            b"Subject: x", b"Subject: =?utf-8?q?A=0D=0ABcc:_bob=40mta.test=0D=0A=0D=0Amenu?="
        )
        before = len(town.mail.received("bob"))
        town.mail.send(raw, ADDRESS, eve.address)
        answer = eve.expect("What do you need?", mail)

        assert "Bcc" not in answer
        assert len(town.mail.received("bob")) == before
        assert spy.has_nobody_come()
