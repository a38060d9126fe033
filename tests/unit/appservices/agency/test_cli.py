"""`veche service check` and `veche service try`, with the real core and real documents."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from typing import TYPE_CHECKING

import pytest

from appservices.agency.cli import LINES_MAX, add_commands, check, play, run_check, run_try
from appservices.agency.language.core.tree import SERVICE_FILE_CHARACTERS_MAX
from tests.unit.appservices.agency.builders import EXAMPLE, NOW_MS, dumped, service_data
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PAID = EXAMPLE.parent / "land-register-extract.yaml"


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    return parser.parse_args(["service", *words])


def checked(*files: Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = check(list(files), out, err)
    return code, out.getvalue(), err.getvalue()


def played(*lines: str, file: Path = EXAMPLE, words: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    source = io.StringIO("".join(f"{line}\n" for line in lines))
    code = play(arguments("try", str(file), *words), source, out, now_ms=NOW_MS)
    assert code == 0
    return out.getvalue()


def written(folder: Path, text: str, name: str = "service.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


class TestCheck:
    def test_the_example_is_right(self) -> None:
        code, out, err = checked(EXAMPLE)
        assert (code, err) == (0, "")
        assert out == f"{EXAMPLE}: right (3 steps; en, ru, de, uk)\n"

    def test_all_services_of_the_demo_are_right(self) -> None:
        files = sorted(EXAMPLE.parent.glob("*.yaml"))

        code, out, err = checked(*files)

        assert (code, err) == (0, "")
        assert len(out.splitlines()) == len(files) == 4

    def test_each_problem_is_a_line_that_editors_read(self, tmp_path: Path) -> None:
        text = EXAMPLE.read_text().replace("kind: date", "kind: dat").replace("appeal_days: 30", "")
        path = written(tmp_path, text)
        line = text[: text.index("kind: dat\n")].count("\n") + 1

        code, _, err = checked(path)

        assert code == 1
        assert err.splitlines()[0] == (
            f"{path}:{line}:11: form[1].kind: 'dat' is not known here; did you mean date?"
        )
        assert "appeal_days is missing" in err

    def test_every_file_is_looked_at(self, tmp_path: Path) -> None:
        wrong = written(tmp_path, "service: x\n")
        code, out, err = checked(wrong, EXAMPLE, tmp_path / "missing.yaml")

        assert code == 1
        assert f"{EXAMPLE}: right" in out
        assert "title is missing" in err
        assert "missing.yaml: cannot be read: No such file" in err

    def test_a_missing_template_is_a_problem(self, tmp_path: Path) -> None:
        code, _, err = checked(written(tmp_path, EXAMPLE.read_text()))
        assert code == 1
        assert "birth-certificate-copy.typ: cannot be read" in err

    def test_a_template_that_does_not_fit_is_a_problem(self, tmp_path: Path) -> None:
        path = written(tmp_path, EXAMPLE.read_text())
        written(tmp_path, "#json(bytes(sys.inputs.data)).nothing", "birth-certificate-copy.typ")

        code, _, err = checked(path)

        assert code == 1
        assert "birth-certificate-copy.typ: in en: the template does not work" in err

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "service.yaml"
        path.write_bytes(b"service: \xff")
        assert "byte 9 is no UTF-8" in checked(path)[2]

    def test_a_file_that_is_too_large(self, tmp_path: Path) -> None:
        path = written(tmp_path, "#" * (4 * SERVICE_FILE_CHARACTERS_MAX + 1))
        assert "make it smaller" in checked(path)[2]

    def test_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        parsed = arguments("check", str(EXAMPLE))
        assert parsed.run is run_check
        assert parsed.run(parsed) == 0
        assert "right" in capsys.readouterr().out


APPLY = ("1", "Anna Muster", "1.2.2020", "Travel", "skip", "submit")


class TestTry:
    def test_a_service_is_played_to_its_document(self, tmp_path: Path) -> None:
        text = played(
            *APPLY, "clerk: 1", "clerk: approve", "/wait", "/quit", words=("--save", str(tmp_path))
        )
        (pdf,) = tmp_path.glob("birth-certificate-copy-*.pdf")
        digest = hashlib.sha256(pdf.read_bytes()).hexdigest()

        assert "[new at the desk archive]" in text
        assert f"SHA-256 {digest}" in text
        assert "State: done" in text
        assert "[clock]\n  closing" in text

    def test_what_a_key_approves_is_asked_before_it_is_sent(self) -> None:
        answers = ("Start", "Anna Weber", "Sternweg 5, 12345 Lindenau", "1 March 2020", "2")

        text = played(
            *answers, "submit", "2", "submit", "1", file=EXAMPLE.parent / "change-of-address.yaml"
        )

        first, second, rest = text.split("Approve with my key\n")
        assert "The number of your case is" not in first + second
        assert "Please check your answers" in second
        assert "The number of your case is" in rest
        assert "Confirmation of your address" in rest

    def test_it_speaks_the_language_of_the_person_and_of_the_staff(self) -> None:
        text = played(
            *APPLY[:3], "1", "пропустити", "надіслати", "clerk: 1", "статус",
            words=("--language", "uk", "--staff-language", "de"),
        )  # fmt: skip
        assert "Копія свідоцтва про народження" in text
        assert "Wie wird entschieden?" in text
        assert "Історія справи:" in text

    def test_a_refusal_is_written_by_the_clerk(self) -> None:
        text = played(
            *APPLY, "clerk: claim", "clerk: refuse", "clerk: 2", "clerk: skip",
            "clerk: Not a parent.", "clerk: submit", "why", "export",
        )  # fmt: skip
        assert "Law: Civil Status Act, section 26 (2)" in text
        assert "Nothing is being waited for: the case is decided." in text
        assert "[file to you]\n  birth-certificate-copy-" in text

    def test_two_persons_approve_what_goes_to_court(self) -> None:
        words = ("1", "Anna", "1.2.2020", "court", "skip", "submit")
        text = played(
            *words, "clerk: 1", "clerk: 1", "clerk: 1", "second: 1", "second: 1",
        )  # fmt: skip
        assert "Two persons must approve, and you have approved already." in text
        assert "State: done" in text

    def test_a_question_goes_to_the_desk_and_back(self) -> None:
        text = played(*APPLY, "!human Is it open?", "clerk: Until five.")
        assert "The person asks for a human being." in text
        assert "The office: Until five." in text

    def test_the_desk_asks_and_gets_a_file(self) -> None:
        text = played(
            *APPLY, "clerk: 1", "clerk: ask", "clerk: A letter, please.", "clerk: submit",
            "/file letter.pdf",
        )  # fmt: skip
        assert "The office asks you" in text
        assert "The person has added a file: letter.pdf" in text

    def test_a_fee_is_paid_and_comes_back(self) -> None:
        text = played(
            "1", "12/7", "1", "submit", "/pay", "/pay", "clerk: 1", "clerk: refuse", "clerk: 1",
            "clerk: skip", "clerk: Not yours.", "clerk: submit", file=PAID,
        )  # fmt: skip
        assert "pay RF18539007547034" in text
        assert "12.00 EUR are paid, thank you." in text
        assert "(nothing is to be paid)" in text
        assert "You have 12.00 EUR back" in text

    def test_silence_is_played_by_waiting(self) -> None:
        text = played(*APPLY, "/wait", "/wait", "/wait", "/wait")
        assert "[handed up to head-of-office]" in text
        assert "The office did not decide in time." in text

    def test_a_number_that_fits_two_questions_is_asked_about(self) -> None:
        text = played("1", "Anna", "1.2.2020", "!withdraw", "1")
        assert "Please reply to the question you mean" in text

    def test_withdrawing_is_confirmed_or_not(self) -> None:
        kept = played(*APPLY, "withdraw", "2", "status")
        assert "State: withdrawn" not in kept
        assert "State: withdrawn" in played(*APPLY, "withdraw", "yes, withdraw it")

    def test_it_ends_when_the_case_does(self) -> None:
        text = played("1", "cancel", "/wait", "status")
        assert text.count("> ") == 3

    def test_what_makes_no_sense_is_said(self) -> None:
        text = played("/wait", "status", "hello", "clerk: approve", "/file", *APPLY, "hello")
        assert "(no clock is set)" in text
        assert "(this answers no question)" in text
        assert "You can write at any time:" in text

    def test_a_photo_answers_the_question_for_one(self) -> None:
        text = played("1", "Anna", "1.2.2020", "1", "/file old.jpg", "submit", "clerk: 1")
        assert "A photo of an older copy, if you have one: old.jpg" in text

    def test_a_template_that_breaks_is_the_office_s_to_mend(self, tmp_path: Path) -> None:
        path = written(tmp_path, EXAMPLE.read_text())
        written(tmp_path, "#panic()", "birth-certificate-copy.typ")
        text = played(*APPLY, "clerk: 1", "clerk: 1", "head: 1", file=path)

        assert text.count("The document could not be made.") == 2
        assert "State: approved" in text

    def test_a_service_without_desk_and_document(self, tmp_path: Path) -> None:
        steps = [{"step": "form"}, {"step": "message", "text": {"en": "Thank you."}}]
        data = service_data(review=None, refusal=None, steps=steps)
        text = played("1", "AB 1", "north", "submit", file=written(tmp_path, dumped(data)))

        assert "Thank you." in text
        assert "State: done" in text

    def test_a_wrong_file_is_not_played(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="title is missing"):
            played(file=written(tmp_path, "service: x\n"))

    def test_a_wrong_time_zone_is_told(self) -> None:
        with pytest.raises(ConfigError, match="--time-zone: Nowhere is none"):
            played(words=("--time-zone", "Nowhere"))

    def test_input_has_a_bound(self) -> None:
        text = played(*["x"] * (LINES_MAX + 1))
        assert text.count("> x\n") == LINES_MAX

    def test_the_export_is_kept_as_json(self, tmp_path: Path) -> None:
        played(*APPLY, "export", words=("--save", str(tmp_path)))
        (path,) = tmp_path.glob("*.json")
        assert json.loads(path.read_bytes())["state"] == "submitted"

    def test_the_command(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("/quit\n"))
        parsed = arguments("try", str(EXAMPLE))
        assert parsed.run is run_try
        assert parsed.run(parsed) == 0
        assert "We will ask you:" in capsys.readouterr().out
