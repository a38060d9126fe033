from __future__ import annotations

import base64

import pytest

from tests.support.logs import TestLog
from veche.transparency.notes import Cosigner, cosignatures, open_note

LOG = TestLog()


class TestCosignatures:
    WITNESS = Cosigner("w.example/w1", b"w" * 32)
    TEXT = LOG.head(3).to_text()

    def test_who_signed_and_when_is_read(self) -> None:
        other = Cosigner("w.example/w2", b"v" * 32)
        note = LOG.note(3) + self.WITNESS.cosign(self.TEXT, 17) + other.cosign(self.TEXT, 18)

        assert cosignatures(note, [self.WITNESS.verifier]) == {self.WITNESS.verifier: 17}
        assert open_note(note, [LOG.signer.verifier])[0] == self.TEXT

    def test_it_is_of_one_head_and_one_moment(self) -> None:
        line = self.WITNESS.cosign(self.TEXT, 17)
        blob = base64.b64decode(line.split(" ")[2])
        later = blob[:11] + bytes([18]) + blob[12:]
        moved = f"\u2014 w.example/w1 {base64.b64encode(later).decode()}\n"

        for note in (LOG.note(4) + line, LOG.note(3) + moved):
            with pytest.raises(Exception, match=r"the signature of w\.example/w1 is wrong"):
                cosignatures(note, [self.WITNESS.verifier])

    def test_the_newest_of_a_witness_counts(self) -> None:
        lines = [self.WITNESS.cosign(self.TEXT, time_s) for time_s in (5, 9, 7)]

        assert cosignatures(LOG.note(3) + "".join(lines), [self.WITNESS.verifier]) == {
            self.WITNESS.verifier: 9
        }
