"""A service that asks for payments and believes approvals alone, for tests of keys and codes.

``bill CENTS`` asks for one. Run as ``python -m tests.support.till -c FILE``; its section is
``till: {}``. Its pages and their APIs are those of the pages' service.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appservices.widgets.spec import SERVICE as WIDGETS
from tests.support.echo import JOIN, Join
from veche.access.sessions import PAGE_COMMANDS, answer_command
from veche.chat import prompts
from veche.chat.prompts import Answered, Asking
from veche.chat.sending import Ground, Sender
from veche.cli.processes.homeserver import APPSERVICE_ID
from veche.cli.serve import serve
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.messaging.service import BotAccount
from veche.protocol import message
from veche.protocol.answers import Chosen, NoAnswer, Refused, refusal_text
from veche.protocol.approval import PaymentShown, ShownMoney
from veche.protocol.commands import parse_command
from veche.protocol.ids import UserId, effect_id
from veche.protocol.inbound import PromptAnswer
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice, Prompt
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime import log
from veche.runtime.config import Section, load_config
from veche.runtime.database.migrate import MigrationSet
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.bots.ports import BotPorts
    from veche.chat.prompts import Heard
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound, Incoming, PageAct
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

PROGRAM: Final = (sys.executable, "-m", "tests.support.till")
"""Starts it."""
SECTIONS: Final[Mapping[str, Any]] = {"till": {}}
MIGRATIONS: Final = MigrationSet("till", "tests.support")
"""It has no tables."""
CATALOGUE: Final = Catalogue.load("veche.protocol", "veche.protocol.forms")
BILL_MS: Final = 3_600_000
BILL: Final = "bill "


def bot_of(server_name: str) -> UserId:
    """The bot that asks."""
    return UserId(f"@{APPSERVICE_ID}_till:{server_name}")


class TillSection(Section):
    """Nothing can be chosen."""


class Till:
    """Joins wherever it is invited, and asks for what it is told to."""

    def __init__(self, host: BotPorts, _section: TillSection) -> None:
        self._host = host
        self._bot = BotAccount(bot_of(host.server_name), "Till", "till")

    @property
    def bots(self) -> Sequence[BotAccount]:
        return [self._bot]

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        if inbound.content.get("membership") == "invite" and inbound.state_key == self._bot.user_id:
            payload = {"room": inbound.room_id}
            job = Job(effect_id(JOIN, inbound.event_id), JOIN, payload, inbound.at_ms)
            jobs.schedule(txn, job)
        elif inbound.event_type == "m.room.message":
            sender = Sender(txn, self._host.act_log, self._bot, inbound.event_id, inbound.at_ms)
            self._hear(txn, sender, inbound)

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        assert isinstance(act, PromptAnswer), act
        sender = Sender(txn, self._host.act_log, self._bot, act.event_id, act.at_ms)
        self._take(txn, sender, act, prompts.hear_page(txn, act))

    def _hear(self, txn: Cursor, sender: Sender, inbound: Inbound) -> None:
        heard = self._host.approvals.hear(txn, inbound, is_dialogue=True)
        if isinstance(heard.outcome, NoAnswer):
            self._obey(txn, sender, inbound)
        else:
            self._take(txn, sender, inbound, heard)

    def _take(self, txn: Cursor, sender: Sender, inbound: Incoming, heard: Heard) -> None:
        outcome = heard.outcome
        if isinstance(outcome, Chosen) and heard.kept is not None:
            self._settle(txn, sender, Answered(heard.kept, inbound, outcome))
        elif isinstance(outcome, Refused):
            self._refuse(sender, inbound, heard, outcome)

    def _obey(self, txn: Cursor, sender: Sender, inbound: Inbound) -> None:
        body = str(inbound.content.get("body"))
        parsed = parse_command(body, PAGE_COMMANDS, "en")
        if body.startswith(BILL):
            self._ask(txn, sender, inbound, int(body.removeprefix(BILL)))
        elif parsed is not None:
            room_id, person = inbound.room_id, inbound.sender
            links = self._host.links
            answer_command(txn, sender, room_id, person, parsed, links=links, language="en")

    def _ask(self, txn: Cursor, sender: Sender, inbound: Inbound, minor: int) -> None:
        person = inbound.sender
        shown = PaymentShown(
            payee="DE89 3704 0044 0532 0130 00",
            payee_name="Bakery",
            amount=ShownMoney(minor=minor, currency="EUR"),
            reference="Bread",
        )
        asked = self._host.approvals.asked(sender, person, "payment", shown)
        prompt = Prompt(
            v=1,
            id=sender.fresh_ulid("bill"),
            scope=(person,),
            single_use=True,
            expires_at_ms=inbound.at_ms + BILL_MS,
            min_trust="e2ee",
            choices=(
                Choice(id="pay", label="Pay", approve=asked),
                Choice(id="decline", label="Do not pay"),
            ),
        )
        doc = (Paragraph(f"Bread: {minor} cents"),)
        asking = Asking(inbound.room_id, prompt, doc, "en", _ground(person))
        self._host.approvals.ask(txn, sender, asking, CATALOGUE)

    def _settle(self, txn: Cursor, sender: Sender, answered: Answered) -> None:
        chosen, person = answered.chosen, answered.inbound.sender
        words = "Not paid."
        if chosen.approved_by is not None:
            evidence = self._host.approvals.authorised(txn, chosen.approved_by)
            words = f"Paid by {evidence.means}."
        if prompts.settle(txn, sender, answered, words, _ground(person)):
            self._say(sender, answered.inbound, (Paragraph(words),))

    def _refuse(self, sender: Sender, inbound: Incoming, heard: Heard, refused: Refused) -> None:
        prompt = heard.kept.prompt if heard.kept else None
        url = self._host.approvals.page_of(prompt, refused.choice)
        doc = refusal_text(
            refused.reason,
            CATALOGUE,
            "en",
            prompt,
            standing=inbound.standing,
            approve_url=url,
        )
        self._say(sender, inbound, doc)

    def _say(self, sender: Sender, inbound: Incoming, doc: Doc) -> None:
        content = message.text(doc, mentions=[inbound.sender])
        sender.say(inbound.room_id, content, _ground(inbound.sender))

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError(f"every answer arrives: {undelivered}")

    def job_handlers(self) -> Mapping[str, JobHandler]:
        return {JOIN: Join(self._host, self._bot.user_id)}

    async def started(self) -> None:
        pass


def _ground(person: UserId) -> Ground:
    return Ground(person, "till", "a test")


SERVICE: Final = ServiceSpec("till", TillSection, MIGRATIONS, Till)


def main(path: Path) -> int:
    """Serve until told to stop."""
    specs = {one.name: one for one in (SERVICE, WIDGETS)}
    config = load_config(path, {name: one.config for name, one in specs.items()})
    log.set_up(config.log.level, config.log.format)
    return serve(config, specs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=Path, required=True)
    sys.exit(main(parser.parse_args().config))
