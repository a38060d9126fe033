from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.witness.core import (
    BODY_BYTES_MAX,
    PROOF_MAX,
    WitnessRefusedError,
    check_follows,
    read_message,
    shown,
)
from tests.support.logs import ORIGIN, TestLog
from tests.support.tables import each_row
from veche.transparency.merkle import EMPTY_ROOT
from veche.transparency.notes import Checkpoint, Cosigner, NoteSigner
from veche.transparency.witness_protocol import AddCheckpoint, read_size

LOG = TestLog()
FORK = TestLog(history="false", fork_at=5)
KEYS = {ORIGIN: [LOG.signer.verifier]}
HASH = base64.b64encode(bytes(32)).decode()

# The request that tlog-witness has as an example; the keys of it are not published.
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/\
Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49\
/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""


def refused(message: AddCheckpoint, kept: Checkpoint | None = None) -> WitnessRefusedError:
    with pytest.raises(WitnessRefusedError) as caught:
        check_follows(message, shown(message, KEYS).head, kept)
    return caught.value


class TestMessages:
    def test_the_published_example_is_read_and_written_as_it_stands(self) -> None:
        message = read_message(EXAMPLE.encode())

        assert (message.old, len(message.path)) == (20852014, 4)
        assert message.to_bytes().decode() == EXAMPLE

    @given(st.integers(0, 40), st.integers(0, 40))
    def test_what_is_written_is_what_is_read(self, old: int, size: int) -> None:
        message = LOG.message(min(old, size), size)

        assert read_message(message.to_bytes()) == message

    @each_row(
        "body",
        [
            "",
            "\n\n",
            "old 1",
            f"old 1\n{HASH}\n",
            "old\n\nx",
            "old -1\n\nx",
            "old 01\n\nx",
            "old 1 \n\nx",
            "Old 1\n\nx",
            "old 99999999999999999999\n\nx",
            "old 9999999999999999\n\nx",
            "old 1\r\n\r\nx",
            "old 1\nAAAA\n\nx",
            f"old 1\n{HASH[:-1]}\n\nx",
            f"old 1\n{HASH[:-2]}B=\n\nx",
            f"old 1\n {HASH}\n\nx",
            "old 1" + f"\n{HASH}" * (PROOF_MAX + 1) + "\n\nx",
            "old 1\n\n" + "x" * BODY_BYTES_MAX,
        ],
    )
    def test_another_form_is_a_bad_request(self, body: str) -> None:
        with pytest.raises(WitnessRefusedError) as caught:
            read_message(body.encode())

        assert caught.value.status == 400

    def test_the_longest_proof_is_read(self) -> None:
        body = "old 1" + f"\n{HASH}" * PROOF_MAX + "\n\nx"

        assert len(read_message(body.encode()).path) == PROOF_MAX

    @given(st.binary(max_size=300))
    def test_no_bytes_are_anything_but_refused(self, data: bytes) -> None:
        with pytest.raises(WitnessRefusedError) as caught:
            shown(read_message(data), KEYS)

        assert caught.value.status == 400

    @given(st.integers(0, 700), st.integers(0, 255))
    def test_a_changed_byte_is_never_signed_as_another_head(self, at: int, byte: int) -> None:
        body = LOG.message(3, 8).to_bytes()
        at %= len(body)
        try:
            message = read_message(body[:at] + bytes([byte]) + body[at + 1 :])
            new = shown(message, KEYS)
            check_follows(message, new.head, LOG.head(3))
        except WitnessRefusedError:
            return

        assert new.head == LOG.head(8)

    @each_row(
        ("body", "size"),
        [
            (b"0\n", 0),
            (b"17\n", 17),
            (b"17", None),
            (b"017\n", None),
            (b"-1\n", None),
            (b"17\n\n", None),
            (b"9" * 16 + b"\n", None),
            (b"x", None),
        ],
    )
    def test_the_answer_to_a_conflict_says_a_size(self, body: bytes, size: int | None) -> None:
        assert read_size(body) == size


class TestHeads:
    def test_of_a_log_that_is_not_known_nothing_is_signed(self) -> None:
        stranger = TestLog(NoteSigner("other.example/log", b"o" * 32))

        assert refused(stranger.message(0, 3)).status == 404

    def test_in_the_name_of_a_log_nobody_else_signs(self) -> None:
        thief = TestLog(NoteSigner(ORIGIN, b"t" * 32))

        assert refused(thief.message(0, 3)).status == 403

    def test_a_wrong_signature_beside_a_right_one_spoils_it(self) -> None:
        note = LOG.note(3)
        wrong = note.splitlines()[-1][:-6] + "AAAA==\n"
        status = refused(AddCheckpoint(0, [], note + wrong)).status

        assert status == 403

    def test_an_old_size_beyond_the_head_is_a_bad_request(self) -> None:
        assert refused(LOG.message(4, 3)).status == 400

    def test_signatures_of_others_are_passed_over_and_not_kept(self) -> None:
        witness = Cosigner("w.example/w1", b"w" * 32)
        note = LOG.note(3)
        line = witness.cosign(LOG.head(3).to_text(), 1_700_000_000)

        assert shown(AddCheckpoint(0, [], note + line), KEYS).note == note

    def test_lines_that_a_log_adds_are_signed_with_the_rest(self) -> None:
        text = f"{LOG.head(3).to_text()}more of it\n"
        new = shown(AddCheckpoint(0, [], LOG.signer.sign(text)), KEYS)

        assert (new.head, new.text) == (LOG.head(3), text)


class TestDecision:
    @given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
    def test_only_the_next_head_of_the_same_history_is_signed(
        self, kept: int, old: int, size: int
    ) -> None:
        for log in (LOG, FORK):
            message = log.message(old, size)
            known = LOG.head(kept) if kept else None
            if old == kept <= size and log.leaves(kept) == LOG.leaves(kept):
                check_follows(message, shown(message, KEYS).head, known)
            else:
                assert refused(message, known).status in {400, 409, 422}

    def test_another_history_is_refused_as_the_specification_says(self) -> None:
        kept = LOG.head(8)

        assert refused(FORK.message(8, 12), kept).status == 422
        assert refused(FORK.message(8, 8), kept).status == 409
        assert refused(LOG.message(3, 6), kept).status == 409
        assert refused(LOG.message(0, 12), kept).status == 409
        assert refused(AddCheckpoint(8, [], LOG.note(12)), kept).status == 422
        assert refused(AddCheckpoint(0, [bytes(32)], LOG.note(12))).status == 422

    def test_two_roots_of_one_size_are_the_proof_of_two_logs_whatever_else_is_said(self) -> None:
        for old in (0, 3, 8):
            assert refused(FORK.message(old, 8), LOG.head(8)).is_fork
        assert not refused(FORK.message(8, 12), LOG.head(8)).is_fork

    def test_a_conflict_says_what_is_known(self) -> None:
        assert refused(LOG.message(0, 12), LOG.head(8)).size == 8
        assert refused(LOG.message(3, 12)).size == 0

    def test_the_same_head_is_signed_again(self) -> None:
        message = LOG.message(8, 8)

        check_follows(message, shown(message, KEYS).head, LOG.head(8))

    def test_an_empty_log_has_one_root(self) -> None:
        empty = Checkpoint(ORIGIN, 0, bytes(32))
        message = AddCheckpoint(0, [], LOG.signer.sign(empty.to_text()))

        assert LOG.head(0).root == EMPTY_ROOT
        assert refused(message).status == 422
