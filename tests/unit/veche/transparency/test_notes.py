from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.errors import BadSignatureError, MalformedError
from veche.transparency import envelope
from veche.transparency.notes import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    SIZE_MAX,
    Checkpoint,
    NoteSigner,
    VerifierKey,
    open_checkpoint,
    open_note,
    read_verifier_key,
)

# The examples that C2SP's signed-note and Go's golang.org/x/mod/sumdb/note publish.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
BY_PETER = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLo"
    "x33WWd1RvMc+QQ=\n"
)
NOTE = f"{TEXT}\n{BY_PETER}{BY_ENOCH}"
# tlog-checkpoint's own example; its key is not published.
CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zh"
    "cyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
LOG = NoteSigner("example.org/log", b"s" * 32)
KEYS = (LOG.verifier,)
POINT = Checkpoint("example.org/log", 7, bytes(range(32)))


class TestNotes:
    def test_the_published_example_is_signed_by_both(self) -> None:
        keys = frozenset({read_verifier_key(PETER), read_verifier_key(ENOCH)})

        assert open_note(NOTE, keys) == (TEXT, keys)

    @pytest.mark.parametrize(("key", "line"), [(PETER, BY_PETER), (ENOCH, BY_ENOCH)])
    def test_one_known_signature_is_enough(self, key: str, line: str) -> None:
        known = read_verifier_key(key)

        assert open_note(NOTE, [known]) == (TEXT, frozenset({known}))
        assert open_note(f"{TEXT}\n{line}", [known]) == (TEXT, frozenset({known}))

    def test_a_note_of_strangers_is_refused(self) -> None:
        with pytest.raises(BadSignatureError, match="not signed by a key that is known"):
            open_note(NOTE, KEYS)

    def test_one_wrong_signature_of_a_known_key_spoils_the_note(self) -> None:
        keys = [read_verifier_key(PETER), read_verifier_key(ENOCH)]
        wrong = BY_ENOCH.replace("ATxQ", "x").replace("vAF1", "vAF2")

        with pytest.raises(BadSignatureError, match="EnochRoot"):
            open_note(f"{TEXT}\n{BY_PETER}{wrong}", keys)

    @each_row(
        "note",
        [
            "",
            "\n",
            "\n\n",
            TEXT,
            f"{TEXT}\n",
            f"{TEXT}{BY_PETER}",
            f"\n{BY_PETER}",
            NOTE[:-1],
            f"{NOTE}\n",
            f"{NOTE}x",
            NOTE.replace("\n", "\r\n"),
            NOTE.replace("If", "\x00"),
            NOTE.replace("If", "\t"),
            NOTE.replace("If", "\ud800"),
            NOTE.replace("\u2014", "-"),
            NOTE.replace("\u2014 ", "\u2014"),
            NOTE.replace("PeterNeumann ", "PeterNeumann  "),
            NOTE.replace("PeterNeumann ", "Peter+Neumann "),
            NOTE.replace("JnAM=", "JnAM"),
            NOTE.replace("JnAM=", "JnAN="),
            NOTE.replace("JnAM=", "JnAM= x"),
            f"{NOTE}\u2014 x \n",
            f"{NOTE}\u2014  AAAAAAAA\n",
            f"{TEXT}\n" + BY_PETER * (SIGNATURES_MAX + 1),
            f"{TEXT}{'x' * NOTE_BYTES_MAX}\n\n{BY_PETER}",
        ],
    )
    def test_what_is_no_note_is_refused(self, note: str) -> None:
        with pytest.raises(MalformedError):
            open_note(note, [read_verifier_key(PETER)])

    def test_the_longest_note_is_read(self) -> None:
        text = "ж" * ((NOTE_BYTES_MAX - len(LOG.sign("\n").encode())) // 2) + "\n"
        note = LOG.sign(text)

        assert NOTE_BYTES_MAX - 1 <= len(note.encode()) <= NOTE_BYTES_MAX
        assert open_note(note, KEYS)[0] == text

    def test_sixteen_signatures_are_read_and_doubles_count_once(self) -> None:
        known = read_verifier_key(PETER)

        assert open_note(f"{TEXT}\n" + BY_PETER * SIGNATURES_MAX, [known]) == (
            TEXT,
            frozenset({known}),
        )

    def test_signatures_of_unknown_kinds_are_passed_over(self) -> None:
        other = "\u2014 witness.example BAECAwQFBgcICQ==\n"

        assert open_note(LOG.sign("x\n") + other, KEYS)[0] == "x\n"

    @given(st.text(alphabet="abж\n ", max_size=60))
    def test_what_is_signed_is_what_is_read(self, text: str) -> None:
        assert open_note(LOG.sign(f"x{text}\n"), KEYS)[0] == f"x{text}\n"

    @given(st.integers(0, 300), st.integers(0, 255))
    def test_a_changed_byte_is_refused(self, at: int, byte: int) -> None:
        note = LOG.sign(POINT.to_text()).encode()
        at %= len(note)
        changed = note[:at] + bytes([byte]) + note[at + 1 :]
        if changed == note:
            return

        with pytest.raises((MalformedError, BadSignatureError)):
            open_checkpoint(changed.decode("utf-8", "replace"), KEYS)


class TestKeys:
    @pytest.mark.parametrize("text", [PETER, ENOCH, LOG.verifier.to_text()])
    def test_a_key_is_written_as_it_was_read(self, text: str) -> None:
        assert read_verifier_key(text).to_text() == text

    @each_row(
        "text",
        [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a3",
            PETER.replace("PeterNeumann", ""),
            PETER.replace("PeterNeumann", "Peter Neumann"),
            PETER.replace("PeterNeumann", "Пётр"),
            PETER.replace("PeterNeumann", "n" * 256),
            PETER.replace("c74f20a3", "c74f20a4"),
            PETER.replace("c74f20a3", "C74F20A3"),
            PETER.replace("ARpc", "BRpc"),
            f"{PETER}=",
            PETER[:-1],
            PETER + "AAAA",
            VerifierKey("log", bytes(32)).to_text(),
            VerifierKey("log", b"\x01" + bytes(31)).to_text(),
        ],
    )
    def test_what_is_no_key_is_refused(self, text: str) -> None:
        with pytest.raises(MalformedError):
            read_verifier_key(text)

    @each_row("name", ["", "a b", "a+b", "ж", "n" * 256])
    def test_nobody_signs_in_a_name_that_cannot_be_read(self, name: str) -> None:
        with pytest.raises(ValueError, match="name"):
            NoteSigner(name, bytes(32))

    def test_the_same_key_signs_objects(self) -> None:
        signed = LOG.sign_object({"v": 1})

        envelope.verify(
            signed, LOG.verifier.name, {f"ed25519:{LOG.verifier.version}": LOG.verifier.key}
        )


class TestCheckpoints:
    def test_what_is_written_is_read(self) -> None:
        assert open_checkpoint(LOG.sign(POINT.to_text()), KEYS) == POINT

    def test_the_published_example_has_the_form(self) -> None:
        # So far one comes only with a note that is well formed.
        with pytest.raises(BadSignatureError, match="not signed by a key that is known"):
            open_checkpoint(CHECKPOINT, KEYS)
        text = CHECKPOINT.partition("\n\n")[0] + "\n"
        own = NoteSigner("example.com/behind-the-sofa", bytes(32))

        point = open_checkpoint(own.sign(text), [own.verifier])

        assert (point.size, point.to_text()) == (20_852_163, text)

    @pytest.mark.parametrize("size", [0, SIZE_MAX])
    def test_sizes_are_read_up_to_the_largest(self, size: int) -> None:
        point = Checkpoint("example.org/log", size, bytes(32))

        assert open_checkpoint(LOG.sign(point.to_text()), KEYS).size == size

    @each_row(
        "text",
        [
            "example.org/log\n7\n",
            POINT.to_text() + "extension\n",
            POINT.to_text() + "\n",
            POINT.to_text().replace("\n7\n", "\n07\n"),
            POINT.to_text().replace("\n7\n", "\n-7\n"),
            POINT.to_text().replace("\n7\n", "\n7 \n"),
            POINT.to_text().replace("\n7\n", f"\n{SIZE_MAX + 1}\n"),
            POINT.to_text().replace("\n7\n", "\n٧\n"),
            POINT.to_text().replace("=", ""),
            f"example.org/log\n7\n{base64.b64encode(bytes(31)).decode()}\n",
            f"\n7\n{base64.b64encode(bytes(32)).decode()}\n",
        ],
    )
    def test_what_is_no_checkpoint_is_refused_though_it_is_signed(self, text: str) -> None:
        with pytest.raises(MalformedError):
            open_checkpoint(LOG.sign(text), KEYS)

    def test_nobody_signs_for_another_log(self) -> None:
        other = Checkpoint("other.example/log", 7, bytes(32))

        with pytest.raises(BadSignatureError, match="another name"):
            open_checkpoint(LOG.sign(other.to_text()), KEYS)
