"""Who could want what of a document that the service never sees, and does not get it."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
from typing import TYPE_CHECKING, Any
from unittest import mock

import attrs
import pytest

from appservices.signing.sessions.core.session import State
from tests.integration.appservices.signing.blind import (
    CANARY,
    NAMES,
    PDF,
    TITLE,
    BlindSite,
    signers,
    token,
)
from tests.integration.appservices.signing.chats import DAVE
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, two_signers
from tests.support.blind_page import BlindPage, RefusedPageError, claims, sign_only
from tests.support.keys import unpadded_base64
from tests.support.sign_page import FreshKey
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.postgres


class ServerTests(BlindSite):
    """The service, or whoever has its database, gives pages something else."""

    async def test_another_ciphertext_is_refused(self) -> None:
        link = await self.send()
        alice = await self.open(ALICE, link)
        view = await self.away(alice.view)
        other = self.carol.sealed(PDF, b"veche.signing.blob")
        self.rows("DELETE FROM signing.blob WHERE kind = 'document' RETURNING 1")
        self.rows(
            "INSERT INTO signing.blob (sha256, session_id, kind, data, made_at_ms)"
            " VALUES (%s, %s, 'document', %s, 1) RETURNING 1",
            hashlib.sha256(other).digest(),
            view["session"],
            other,
        )
        told = {**view["document"], "blob": hashlib.sha256(other).hexdigest()}

        await self.refuses(alice, {**view, "document": told}, "document")
        # Even where the digest of the document in clear is told to be the other's:
        told["sha256"] = unpadded_base64(hashlib.sha256(PDF).digest())
        await self.refuses(alice, {**view, "document": told}, "document")

    async def test_another_title_other_clauses_or_names_are_refused(self) -> None:
        self.carol.clauses = (("c1", "optional", f"{CANARY} dog"),)
        link = await self.send()
        alice = await self.open(ALICE, link)
        view = await self.away(alice.view)
        other = unpadded_base64(hashlib.sha256(b"x").digest())
        clause = {**view["clauses"][0], "title_sha256": other}
        stranger = unpadded_base64(secrets.token_bytes(200))

        await self.refuses(alice, {**view, "title_sha256": other}, "matter")
        await self.refuses(alice, {**view, "clauses": [clause]}, "matter")
        await self.refuses(alice, {**view, "matter": stranger}, "matter")

    async def test_revisions_that_were_swapped_or_left_out_are_refused(self) -> None:
        link = await self.send()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200
        view = await self.away(bob.view)
        [one] = view["revisions"]
        garbage = unpadded_base64(secrets.token_bytes(one["size"] + 28))

        await self.refuses(bob, {**view, "revisions": [{**one, "increment": garbage}]}, "increment")
        await self.refuses(bob, {**view, "revisions": [{**one, "number": 2}]}, "increment")
        # Left out, Bob would sign an older file: the service takes no such signature.
        late = await self.away(self.signed_on, bob, {**view, "revisions": []})
        assert (late.status, late.errcode) == (409, "ORG.VECHE.STALE_REVISION")

    async def test_a_wrong_key_or_another_digest_in_the_link_opens_nothing(self) -> None:
        link = await self.send()
        view = await self.away((await self.open(ALICE, link)).view)
        head, _, rest = link.partition("&k=")
        _, _, digest = rest.partition("&d=")

        wrong = await self.open(ALICE, f"{head}&k={'A' * 43}&d={digest}")
        await self.refuses(wrong, view, "matter")
        other = await self.open(ALICE, f"{link[: -len(digest)]}{'A' * 43}")
        await self.refuses(other, view, "document")

    def signed_on(self, page: BlindPage, view: Mapping[str, Any]) -> Any:
        """What comes of signing a certain view."""
        key = FreshKey()
        issued = page.certificate(key, self.keys[BOB])
        return page.hand_in(page.revision(view, page.document(view), key, issued.body))

    async def refuses(self, page: BlindPage, view: Mapping[str, Any], fault: str) -> None:
        """The page refuses what it got, and says why."""
        with pytest.raises(RefusedPageError, match=fault):
            await self.away(page.document, view)


class StrangerTests(BlindSite):
    """Somebody who takes no part, or is not who they say."""

    async def test_who_takes_no_part_or_is_not_signed_in_well_gets_no_link(self) -> None:
        link = await self.send()
        for who, status, code in (
            (token(DAVE), 404, "ORG.VECHE.NOT_FOUND"),
            (token(ALICE, "low"), 403, "ORG.VECHE.LEVEL_TOO_LOW"),
            ("room.nobody", 401, "ORG.VECHE.SIGN_IN"),
        ):
            answer = await self.away(BlindPage.opened, link, who)
            assert (answer.status, answer.errcode) == (status, code), answer

    async def test_a_draft_is_its_requesters_alone(self) -> None:
        await self.away(self.carol.draft, self.carol.body(PDF, **signers()))
        await self.away(self.carol.put)
        mallory = self.requester(DAVE)
        mallory.session, mallory.cipher = self.carol.session, self.carol.cipher

        for what in ("send", "cancel"):
            assert (await self.away(mallory.act, what)).status == 404
        assert (await self.away(mallory.put)).status == 404
        weak = attrs.evolve(mallory, token=token(CAROL, "low"))
        assert (await self.away(weak.act, "send")).status == 403
        early = await self.away(BlindPage.opened, self.carol.link(), token(ALICE))
        assert early.status == 404, "nobody was asked yet"

    async def test_a_session_that_the_service_sees_is_none_of_these(self) -> None:
        session = self.sent(signers_seen())
        answer = await self.away(
            BlindPage.opened, f"{self.url}/sign#s={session.id}&k={'A' * 43}&d=x", token(ALICE)
        )
        assert answer.status == 404

    async def test_of_a_stranger_or_out_of_turn_nothing_is_taken(self) -> None:
        link = await self.send()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)
        early = await self.away(bob.sign, self.keys[BOB])
        assert (early.status, early.errcode) == (409, "ORG.VECHE.NOT_YOUR_TURN")

        as_bob = attrs.evolve(alice, party="p2")
        assert (await self.away(as_bob.certificate, FreshKey(), self.keys[ALICE])).status == 404
        forged = await self.away(alice.sign, self.keys[BOB])
        assert forged.status >= 400
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]


class PartyTests(BlindSite):
    """A party hands in what is no signature."""

    async def handed(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Any:
        """What comes of Alice's signature, changed."""
        alice = await self.open(ALICE)

        def work() -> Any:
            view, key = alice.view(), FreshKey()
            issued = alice.certificate(key, self.keys[ALICE])
            made = alice.revision(view, alice.document(view), key, issued.body)
            return alice.hand_in(change(made))

        return await self.away(work)

    async def test_what_the_service_can_tell_it_refuses(self) -> None:
        await self.send()
        other = unpadded_base64(hashlib.sha256(b"other").digest())

        def without(name: str) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
            return lambda made: {key: value for key, value in made.items() if key != name}

        def by_nobody(made: dict[str, Any]) -> Mapping[str, Any]:
            cms = bytearray(decode_base64(made["cms"]))
            cms[-200] ^= 1
            return {**made, "cms": unpadded_base64(bytes(cms))}

        for change, status in (
            (without("cms"), 400),
            (without("signed_sha256"), 400),
            (lambda made: {**made, "signed_sha256": other}, 400),
            (lambda made: {**made, "size": made["size"] + 1}, 400),
            (lambda made: {**made, "previous_sha256": other}, 409),
            (lambda made: {**made, "number": 2}, 409),
            (lambda made: {**made, "cms": unpadded_base64(b"0" * 99)}, 400),
            (by_nobody, 400),
        ):
            answer = await self.handed(change)
            assert answer.status == status, answer
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]
        assert (await self.handed(lambda made: made)).status == 200

    async def test_garbage_is_refused_by_the_next_page_which_says_so(self) -> None:
        link = await self.send()

        def garbage(made: dict[str, Any]) -> Mapping[str, Any]:
            size = len(decode_base64(made["increment"]))
            return {**made, "increment": unpadded_base64(secrets.token_bytes(size))}

        assert (await self.handed(garbage)).status == 200, "the service cannot tell"
        bob = await self.open(BOB, link)
        with pytest.raises(RefusedPageError, match="increment"):
            await self.away(bob.sign, self.keys[BOB])
        for _ in range(2):
            assert (await self.away(bob.doubt, 1, "increment")).status == 200
        await self.settle()
        told = self.all_said(CAROL)
        assert told.count(f"The page of {BOB} refuses private document") == 1
        assert "what the last signer handed in" in told
        assert f"cancel {self.session().id[-8:]}" in told

        await self.take_back(CAROL)
        session = self.session()
        assert (session.state, session.revision) == (State.CANCELLED, 1)
        assert f"{CAROL} has taken it back" in self.all_said(ALICE)

    async def test_a_file_that_says_something_else_under_a_true_signature_is_refused(self) -> None:
        link = await self.send()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)

        def work() -> Any:
            """A signature over the file with a page changed, and the file as it was."""
            view, key = alice.view(), FreshKey()
            issued = alice.certificate(key, self.keys[ALICE])
            pdf = alice.document(view)
            forged = pdf.replace(b"700 EUR", b"900 EUR")
            made = alice.revision(view, pdf, key, issued.body)
            increment = alice._opened(decode_base64(made["increment"]), b"veche.signing.1")
            swapped = increment.replace(b"/Contents <30", b"/Contents <31", 1)
            digest = hashlib.sha256(pdf + swapped).digest()
            assert len(forged) == len(pdf)
            return alice.hand_in(
                {
                    **made,
                    **claims(pdf, increment),
                    "sha256": unpadded_base64(digest),
                    "increment": alice.sealed(swapped, b"veche.signing.1"),
                }
            )

        taken = await self.away(work)
        assert taken.status == 200, taken
        with pytest.raises(RefusedPageError, match="signature"):
            await self.away(bob.sign, self.keys[BOB])

    async def test_a_clause_that_is_not_signed_by_itself_is_refused_and_nothing_is_kept(
        self,
    ) -> None:
        self.carol.clauses = (("c1", "unfair", f"{CANARY} penalty"),)
        link = await self.send()
        alice = await self.open(ALICE, link)

        def made() -> dict[str, Any]:
            view, key = alice.view(), FreshKey()
            answers = [{"id": "c1", "accepted": True}]
            issued = alice.certificate(key, self.keys[ALICE], clauses=answers)
            return alice.revision(view, alice.document(view), key, issued.body)

        revision = await self.away(made)
        [claim] = revision["clauses"]
        own = {name: revision[name] for name in ("cms", "signed_sha256")}
        for clauses, status, words in (
            (None, 400, "the clause in the box Sig1:c1 is not signed"),
            ([], 400, "the clause in the box Sig1:c1 is not signed"),
            ([{**claim, "clause": "c2"}], 400, "the clause in the box Sig1:c1 is not signed"),
            ([claim, claim], 400, "only these are signed"),
            ([{**claim, **own}], 400, "cover the same"),
            ([{**claim, "cms": own["cms"]}], 400, ""),
            ([{**claim, "cms": "AAAA"}], 400, ""),
            ([claim] * 51, 400, ""),
            ([{**claim, "cms": "A" * 30_000}], 400, ""),
        ):
            refused = await self.away(alice.hand_in, {**revision, "clauses": clauses})
            assert refused.status == status, (clauses, refused)
            assert words in refused.body["error"], refused
        assert self.rows("SELECT 1 FROM signing.revision") == []

        taken = await self.away(alice.hand_in, revision)
        assert taken.status == 200, taken

    async def test_nobody_closes_early_with_another_stamp_or_without_one(self) -> None:
        link = await self.send()
        alice, bob = await self.open(ALICE, link), await self.open(BOB, link)
        assert (await self.away(alice.sign, self.keys[ALICE])).status == 200
        early = await self.away(lambda: alice.close(alice.view()))
        assert (early.status, self.session().state) == (409, State.OPEN)

        last = await self.away(sign_only, bob, self.keys[BOB])
        made = await self.away(lambda: bob.closing(last.body, bob.document(last.body)))
        other = unpadded_base64(hashlib.sha256(b"other").digest())
        for changed, status in (
            ({"signed_sha256": other}, 400),
            ({"cms": unpadded_base64(b"0" * 99)}, 400),
            ({"cms": None}, 400),
            ({"size": made["size"] - 1}, 400),
            ({"previous_sha256": other}, 409),
        ):
            answer = await self.away(bob.hand_in_closing, {**made, **changed})
            assert answer.status == status, (changed, answer)
        assert (await self.away(bob.hand_in_closing, made)).status == 200

    async def test_who_only_reads_a_file_does_not_close_it(self) -> None:
        parties = [*signers()["parties"], {"party": "p3", "role": "viewer", "user": DAVE}]
        link = await self.send(parties=parties)
        for person in (ALICE, BOB):
            one = await self.open(person, link)
            await self.away(sign_only, one, self.keys[person])
        dave, carol = await self.open(DAVE, link), await self.open(CAROL, link)

        view = await self.away(dave.view)
        assert not view["is_to_close"]
        refused = await self.away(dave.close, view)
        assert refused.status == 409, refused
        view = await self.away(carol.view)
        assert (view["you"]["party"], view["is_to_close"]) == ("p4", True)
        assert (await self.away(carol.close, view)).status == 200

    async def test_a_doubt_is_of_a_revision_that_is_there(self) -> None:
        link = await self.send()
        alice = await self.open(ALICE, link)

        assert (await self.away(alice.doubt, 1, "signature")).status == 400
        for at in range(4):
            fault = ("document", "matter", "increment", "signature")[at]
            assert (await self.away(alice.doubt, 0, fault)).status == 200
        await self.settle()
        assert self.all_said(CAROL).count("refuses private document") == 4


class CanaryTests(BlindSite):
    """A whole run, after which the word that is in everything is nowhere at the service."""

    def setUp(self) -> None:
        super().setUp()
        self.sealed: list[str] = []
        self.logged: list[str] = []
        seal = Vault.seal

        def spied(vault: Vault, value: Mapping[str, Any]) -> bytes:
            self.sealed.append(json.dumps(value, ensure_ascii=False))
            return seal(vault, value)

        patcher = mock.patch.object(Vault, "seal", spied)
        patcher.start()
        self.addCleanup(patcher.stop)
        handler = logging.Handler(logging.DEBUG)
        handler.emit = lambda record: self.logged.append(record.getMessage())  # type: ignore[method-assign]  # a spy
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        self.addCleanup(root.setLevel, level)
        self.addCleanup(root.removeHandler, handler)

    async def test_neither_tables_nor_vault_nor_logs_nor_messages_have_a_word_of_it(self) -> None:
        self.carol.clauses = (("c1", "unfair", f"{CANARY} penalty"),)
        link = await self.send()
        answers = [{"id": "c1", "accepted": True}]
        for person in (ALICE, BOB):
            signer = await self.open(person, link)
            done = await self.away(signer.sign, self.keys[person], clauses=answers)
            assert done.status == 200, done
        await self.settle()
        for person in (ALICE, BOB, CAROL):
            await self.say_all(person, "signatures", "sessions", "export")
        assert self.session().state is State.COMPLETED

        held = [*self.tables(), *self.sealed, *self.logged, *self.uploaded()]
        assert any(self.session().id in one for one in self.sealed + held), "the spies see"
        assert any(BOB in one for one in held)
        for name, word in self.secrets():
            found = [one for one in held if word in one]
            assert found == [], (name, found[0][:500])

    async def test_the_same_spies_find_it_where_the_service_sees_the_document(self) -> None:
        self.sent(signers_seen(), pdf=PDF)

        assert any("Lease of flat 12b" in one for one in self.sealed)

    def secrets(self) -> Iterator[tuple[str, str]]:
        """What must be nowhere, as it could be written."""
        marks = {"word": CANARY.encode(), "text": b"700 EUR", "title": TITLE.encode()}
        marks |= {"key": self.carol.key, "salt": self.carol.salt, "file": self.carol.pdf[300:330]}
        for name, mark in marks.items():
            yield name, mark.hex()
            yield name, base64.b64encode(mark).decode().rstrip("=")[:-1]
            yield name, base64.urlsafe_b64encode(mark).decode().rstrip("=")[:-1]
            if name in ("word", "text", "title"):
                yield name, mark.decode()
        for name in NAMES.values():
            yield "name", name

    def tables(self) -> Iterator[str]:
        """Every row of every table, as text."""
        named = self.rows(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert len(named) > 20
        for (table,) in named:
            for (row,) in self.rows(f"SELECT t::text FROM {table} t"):  # noqa: S608 -- ours
                yield row

    def uploaded(self) -> Iterator[str]:
        """What the bot has sent as files, in clear: reports and exports."""
        for person in (ALICE, BOB, CAROL):
            for _, data in self.files(person):
                yield data.decode("latin-1")
                yield data.hex()


def signers_seen() -> Any:
    """Alice and Bob, of a document that the service sees."""
    return two_signers()["invited"]
