"""What two institutions write of a day as ISO 20022, and what each finds in the other's files."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

from appservices.payments.banks.core.xml import BankMessageError
from appservices.payments.commands.interbank import Commands, _span, read_claims
from appservices.payments.interbank.core.movements import Difference, compare
from appservices.payments.interbank.core.xml import read_told
from appservices.payments.interbank.service import movements as interbank
from appservices.payments.interbank.service.files import Tally, messages
from appservices.payments.interbank.service.movements import Books, BooksDifferError, known, of_days
from appservices.payments.peers.service import peers
from appservices.payments.statements.service import statements
from tests.integration.appservices.payments.peers_rig import (
    ALICE,
    BOB,
    HERE,
    NOBODY,
    NOW_MS,
    THERE,
    Branch,
    exchange,
    two,
)
from tests.support.postgres import execute
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgres
DAY_MS: Final = 86_400_000
DAY: Final = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC).date()
AFTER: Final = DAY + dt.timedelta(days=1)
SPAN: Final = (DAY, DAY)


@attrs.frozen
class Town:
    """Two institutions after a day of payments, and what each wrote of it."""

    here: Branch
    there: Branch
    folder: Path
    ids: dict[str, str]

    @property
    def files(self) -> dict[str, list[Path]]:
        """By server."""
        return {server: sorted((self.folder / server).iterdir()) for server in (HERE, THERE)}


@contextmanager
def books(branch: Branch) -> Iterator[Books]:
    """Its books with the other."""
    other = THERE if branch.server == HERE else HERE
    with branch.scene() as scene:
        holder = peers.institution(scene, other)
        yield Books(scene.txn, branch.parts.vault, branch.server, other, holder.id)


def written(branch: Branch, folder: Path, span: tuple[dt.date, dt.date] = SPAN) -> Tally:
    """What it exports, into a folder."""
    folder.mkdir(exist_ok=True)
    tally = Tally()
    with books(branch) as ours:
        for name, message in messages(ours, span, branch.now_ms, tally, most=2):
            (folder / name).write_bytes(message.data)
    return tally


def found(
    branch: Branch, files: list[Path], span: tuple[dt.date, dt.date] = SPAN
) -> list[Difference]:
    """What it finds in files of the other."""
    with books(branch) as ours:
        claims = read_claims(files, ours.own, ours.server)
        own = of_days(ours, *span)
        named = [id_ for id_ in {*claims.paid, *claims.statuses} if id_ not in own]
        return list(compare(own, claims, known(ours, named), ours.own))


def refuse(here: Branch, there: Branch) -> str:
    """A payment to nobody."""
    payment_id = here.paid_by_key(ALICE, NOBODY, 700)
    [(job, about, kind)] = here.to_say()
    question = here.ask(about, kind)
    assert question is not None
    assert here.hear_answer(question, there.take(question, is_here=False), job)
    here.write()
    return payment_id


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("interbank")
    with two() as (here, there):
        ids = {"rent": here.paid_by_key(ALICE, BOB, 2_500)}
        exchange(here, there)
        ids["again"] = here.paid_by_key(ALICE, BOB, 199)
        exchange(here, there)
        ids["third"] = here.paid_by_key(ALICE, BOB, 1)
        exchange(here, there)
        ids["other way"] = there.paid_by_key(BOB, ALICE, 4_000)
        exchange(there, here)
        ids["refund"] = there.paid_by_key(BOB, ALICE, 2_000, refund_of=ids["rent"])
        exchange(there, here)
        ids["refused"] = refuse(here, there)
        ids["taken back"] = here.paid_by_key(ALICE, BOB, 300)
        here.now_ms = there.now_ms = here.now_ms + 3_600_000
        here.ring_payment(ids["taken back"])
        exchange(here, there)
        here.settle("netted", 1_000)
        there.settle("netted", 1_000)
        here.now_ms = there.now_ms = NOW_MS + DAY_MS
        for branch in (here, there):
            written(branch, folder / branch.server)
        yield Town(here, there, folder, ids)


def test_both_say_the_same_of_a_day(town: Town) -> None:
    assert found(town.here, town.files[THERE]) == []
    assert found(town.there, town.files[HERE]) == []


def test_the_messages_have_what_went_on(town: Town) -> None:
    told = [read_told(path.read_bytes()) for path in town.files[HERE]]
    said = {(one.id, t.name[:8]): one for t in told for one in t.payments}
    ids = town.ids

    assert {name for _, name in said} == {"pacs.008", "pacs.004", "pacs.002"}
    assert {id_ for id_, name in said if name == "pacs.008"} == {
        ids["rent"],
        ids["again"],
        ids["third"],
        ids["other way"],
    }
    back = said[ids["refund"], "pacs.004"]
    assert back.original is not None
    assert back.original.id == ids["rent"]
    assert (back.amount_minor, back.payer_at) == (2_000, THERE)
    assert said[ids["rent"], "pacs.002"].standing.value == "ACCC"
    refused = said[ids["refused"], "pacs.002"]
    assert (refused.standing.value, refused.amount_minor) == ("RJCT", 700)
    assert said[ids["taken back"], "pacs.002"].standing.value == "CANC"
    assert any(b"<Cd>AC03</Cd>" in path.read_bytes() for path in town.files[HERE])


def test_no_name_and_no_purpose_is_in_them(town: Town) -> None:
    for path in town.files[HERE] + town.files[THERE]:
        data = path.read_bytes()
        assert not any(one in data for one in (b"alice", b"bob", b"Payer", b"Payee", b"rent"))


def test_another_implementation_reads_them_whole(town: Town) -> None:
    strict = ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True)
    total = 0
    for path in town.files[HERE] + town.files[THERE]:
        name = read_told(path.read_bytes()).name.replace(".", "_")
        module = importlib.import_module(f"pyiso20022.{name[:4]}.{name}.{name}")
        document: Any = XmlParser(config=strict).from_bytes(path.read_bytes(), module.Document)
        if "-paid-pacs.008-EUR" in path.name and ".002" not in path.name:
            body = document.fito_ficstmr_cdt_trf
            if path.parent.name == HERE:
                total += sum(int(one.intr_bk_sttlm_amt.value * 100) for one in body.cdt_trf_tx_inf)
            assert len(body.cdt_trf_tx_inf) == int(body.grp_hdr.nb_of_txs) <= 2
    assert total == 2_700


def test_what_is_written_makes_what_the_ledger_has(town: Town) -> None:
    for branch, paid, received in ((town.here, 2_700, 6_000), (town.there, 6_000, 2_700)):
        with books(branch) as ours:
            by_way = {one.is_ours: one for one in interbank.sheets(ours, *SPAN)}
        assert (by_way[True].paid_minor, by_way[False].paid_minor) == (paid, received)
        assert by_way[True].settled_minor == by_way[False].settled_minor == 1_000
        owed = branch.owed()
        assert (by_way[False].closing_minor, by_way[True].closing_minor) == owed


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b">25.00<", b">25.01<", "sum"),
        (b"<NbOfTxs>2", b"<NbOfTxs>3", "number"),
        (b"pacs.008.001.08", b"pacs.008.001.09", "pacs.002.001.10"),
        (b"INGA", b"XXXX", "schema"),
        (b"<Document", b'<!DOCTYPE d [<!ENTITY x "y">]><Document', "document type"),
        (b"there.test", b"third.test", "between others"),
    ],
)
def test_a_file_that_is_not_right_is_refused_as_a_whole(
    town: Town, tmp_path: Path, old: bytes, new: bytes, word: str
) -> None:
    first = next(p for p in town.files[HERE] if p.name.endswith("-paid-pacs.008-EUR-1.xml"))
    data = first.read_bytes()
    assert old in data
    bad = tmp_path / "bad.xml"
    bad.write_bytes(data.replace(old, new) if old == b"there.test" else data.replace(old, new, 1))

    with pytest.raises(BankMessageError, match=word):
        read_claims([bad], THERE, HERE)


def test_the_same_payment_in_two_files_is_refused(town: Town) -> None:
    with pytest.raises(BankMessageError, match="stands in another file"):
        read_claims([*town.files[HERE], town.files[HERE][0]], THERE, HERE)


def test_what_is_falsified_is_found_by_id_and_amount(town: Town, tmp_path: Path) -> None:
    files = []
    for path in town.files[HERE]:
        data = path.read_bytes()
        if path.name.endswith("-paid-pacs.008-EUR-1.xml"):
            # Another amount, and totals that fit.
            data = data.replace(b">25.00<", b">26.00<").replace(b">26.99<", b">27.99<")
        if path.name.endswith("-paid-pacs.008-EUR-2.xml"):
            continue
        (tmp_path / path.name).write_bytes(data)
        files.append(tmp_path / path.name)

    by_id = {one.id: one for one in found(town.there, files)}
    rent, third = by_id[town.ids["rent"]], by_id[town.ids["third"]]
    assert set(by_id) == {town.ids["rent"], town.ids["third"]}
    assert rent.what == "not the same"
    assert rent.ours is not None
    assert rent.theirs is not None
    assert (rent.ours.amount_minor, rent.theirs.amount_minor) == (2_500, 2_600)
    assert third.what == "theirs have its status and not the payment"
    assert not rent.is_explained
    assert not third.is_explained


def test_what_one_leaves_out_or_makes_up_is_found(town: Town) -> None:
    without = [p for p in town.files[HERE] if "paid-pacs.008-EUR-2" not in p.name]
    [left_out] = found(town.there, without)
    assert (left_out.id, left_out.what) == (town.ids["third"], "only in ours")
    assert not left_out.is_explained

    execute(town.there.dsn, "UPDATE payments.peer_in SET paid_at_ms = paid_at_ms + %s", DAY_MS)
    try:
        assert {one.what for one in found(town.there, town.files[HERE])} == {"of another day here"}
    finally:
        execute(town.there.dsn, "UPDATE payments.peer_in SET paid_at_ms = paid_at_ms - %s", DAY_MS)


def test_payments_from_before_the_day_was_kept_have_it_from_the_receipt(town: Town) -> None:
    kept = town.there.rows("SELECT id, paid_at_ms FROM payments.peer_in WHERE paid_at_ms > 0")
    execute(town.there.dsn, "UPDATE payments.peer_in SET paid_at_ms = NULL")
    try:
        assert len(kept) == 3
        assert found(town.there, town.files[HERE]) == []
    finally:
        for id_, at_ms in kept:
            execute(
                town.there.dsn,
                "UPDATE payments.peer_in SET paid_at_ms = %s WHERE id = %s",
                at_ms,
                id_,
            )


def test_what_is_kept_against_the_ledger_is_not_written(town: Town, tmp_path: Path) -> None:
    execute(town.there.dsn, "UPDATE payments.peer_in SET amount = amount + 1 WHERE amount = 199")
    try:
        with pytest.raises(BooksDifferError, match=town.ids["again"]):
            written(town.there, tmp_path)
    finally:
        execute(town.there.dsn, "UPDATE payments.peer_in SET amount = 199 WHERE amount = 200")


def test_what_comes_after_midnight_counts_for_the_day_of_who_pays(tmp_path: Path) -> None:
    midnight_ms = statements.midnight_ms(AFTER)
    with two() as (here, there):
        here.now_ms = there.now_ms = midnight_ms - 5_000
        early = here.paid_by_key(ALICE, BOB, 100)
        exchange(here, there)
        late = here.paid_by_key(ALICE, BOB, 250)
        [(job, _, _)] = here.to_say()
        question = here.ask(late, "prepare")
        assert question is not None
        there.take(question)
        there.write()
        assert here.hear_answer(question, there.take(question), job)
        here.write()
        assert here.peer_state(late) == "committing"
        here.now_ms = there.now_ms = midnight_ms + 1_000
        written(here, tmp_path / "here")
        written(there, tmp_path / "there")

        [coming] = found(there, sorted((tmp_path / "here").iterdir()))
        [going] = found(here, sorted((tmp_path / "there").iterdir()))
        assert (coming.id, coming.is_explained) == (late, True)
        assert (going.id, going.is_explained) == (late, True)

        exchange(here, there)
        tally = written(there, tmp_path / "there after")

        assert tally.uncredited_minor[False, "EUR"] == 250
        assert found(here, sorted((tmp_path / "there after").iterdir())) == []
        [still] = found(here, sorted((tmp_path / "there").iterdir()))
        assert still.is_explained
        tally = written(there, tmp_path / "next", (AFTER, AFTER))
        assert (tally.paid_minor[False, "EUR"], early in str(tally)) == (0, False)


class Desk(Commands):
    """The commands at the books of one side, which has no configuration file."""

    def __init__(self, branch: Branch) -> None:
        super().__init__(NotImplemented, NotImplemented)
        self._branch = branch

    def _books(
        self, stack: ExitStack, arguments: argparse.Namespace, now_ms: int
    ) -> tuple[Books, tuple[dt.date, dt.date]]:
        return stack.enter_context(books(self._branch)), _span(arguments, now_ms)

    def run(self, *words: str) -> int:
        """Run a command, with what was typed."""
        parser = argparse.ArgumentParser()
        self.add(parser.add_subparsers())
        arguments = parser.parse_args(words)
        return int(arguments.run(arguments))


def test_the_commands_write_and_compare(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = Desk(town.here), Desk(town.there)
    assert here.run("export", THERE, f"{DAY}", "--folder", str(tmp_path)) == 0
    said = capsys.readouterr().out
    files = sorted(str(one) for one in tmp_path.iterdir())
    assert there.run("compare", HERE, f"{DAY}", *files) == 0
    assert "5 paid in theirs, 5 in ours" in capsys.readouterr().out
    without = [one for one in files if "-paid-pacs.008-EUR-1.xml" not in one]
    assert there.run("compare", HERE, f"{DAY}", *without) == 1

    assert "you owe them: 0.00 EUR + 27.00 EUR paid - 10.00 EUR settled = 17.00 EUR" in said
    assert f"{town.ids['rent']}: theirs have its status" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="there already"):
        here.run("export", THERE, f"{DAY}", "--folder", str(tmp_path))
    assert sorted(str(one) for one in tmp_path.iterdir()) == files


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((f"{DAY - dt.timedelta(days=9)}",), "nothing was paid or refused"),
        (("2999-01-01",), "not over yet"),
        ((f"{DAY}", "--until", f"{DAY - dt.timedelta(days=1)}"), "--until"),
        (("20260921",), "write a day"),
        (("yesterday",), "write a day"),
        ((f"{DAY}", "--folder", "/nowhere"), "no such folder"),
    ],
)
def test_days_that_cannot_be_written_are_refused(
    town: Town, tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        Desk(town.here).run("export", THERE, "--folder", str(tmp_path), *words)
    assert list(tmp_path.iterdir()) == []
