"""The documentation says what the code does."""

import functools
import io
import re
import shutil
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from appservices.agency import cli
from appservices.agency.language.core import form_section, language, steps_section
from appservices.agency.language.core.condition_item import FACTS
from appservices.agency.language.core.definition import Decision, Silence
from tests.support import pages, promises
from tests.support.tables import each_row
from veche.protocol.forms import FieldKind
from veche.protocol.inbound import Trust

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "docs/guides/agencies/services.md"
REFERENCE = sorted((ROOT / "docs/reference").glob("*.md"))
GUIDES = sorted(
    one for who in ("users", "organisations") for one in (ROOT / "docs/guides" / who).glob("*.md")
)
GUIDE_WORDS_MAX = 25
WRONG = "## If something goes wrong"
USERS_OF_WORDS = ("veche", "appservices", "homeserver_modules", "docs")
EXAMPLES = re.findall(r"```yaml service\n(.*?)```", SERVICES.read_text(), re.DOTALL)


class TestServiceLanguage:
    def test_the_page_has_examples(self) -> None:
        assert EXAMPLES

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split()[1])
    def test_each_example_is_a_service(self, example: str, tmp_path: Path) -> None:
        for template in (ROOT / "config/services").glob("*.typ"):
            shutil.copy(template, tmp_path)
        file = tmp_path / "service.yaml"
        file.write_text(example)
        out, err = io.StringIO(), io.StringIO()

        cli.check([file], out, err)

        assert err.getvalue() == ""

    def test_the_page_names_every_word_of_the_language(self) -> None:
        words = {
            *language.KEYS,
            *steps_section.LATER,
            *form_section._KEYS,
            *steps_section._KEYS,
            *(key for keys in steps_section._KEYS.values() for key in keys),
            *(kind.value for kind in FieldKind),
            *(silence.value for silence in Silence),
            *(decision.value for decision in Decision),
            *(trust.label for trust in (Trust.ANY, Trust.E2EE, Trust.VERIFIED)),
            *FACTS,
        }
        prose = re.sub(r"```.*?```", "", SERVICES.read_text(), flags=re.DOTALL)
        # In backticks, alone or within an example.
        named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", prose))))

        assert words - named == set()


class TestGlossary:
    LINES = (ROOT / "docs/reference/glossary.md").read_text().splitlines()
    WORDS = tuple(line.split(" | ")[0].removeprefix("| ") for line in LINES[6:])

    def test_the_page_is_one_table_with_its_header_first(self) -> None:
        assert self.LINES[4:6] == ["| word | meaning |", "|---|---|"]
        assert [
            line for line in self.LINES[6:] if not re.fullmatch(r"\| [^|]+ \| [^|]+[^.|] \|", line)
        ] == []
        assert not any(line.startswith("|") for line in self.LINES[:4])

    def test_its_words_are_sorted_and_each_stands_once(self) -> None:
        assert list(self.WORDS) == sorted(set(self.WORDS), key=str.lower)

    def test_each_word_is_used_by_code_or_pages(self) -> None:
        glossary = ROOT / "docs/reference/glossary.md"
        places = [path for top in USERS_OF_WORDS for path in (ROOT / top).rglob("*")]
        files = [path for path in places if path.suffix in {".md", ".py"} and path != glossary]
        used = " ".join(re.sub(r"[\s_-]+", " ", path.read_text().lower()) for path in files)
        terms = {word: re.sub(r" \(.*\)", "", word).lower() for word in self.WORDS}

        assert [word for word, term in terms.items() if not re.search(rf"\b{term}", used)] == []


class TestPromises:
    def test_each_promise_of_signatures_is_tested_in_every_run(self) -> None:
        page = (ROOT / "docs/development/testing.md").read_text()
        _, _, part = page.partition("## What is promised of signatures")
        rows = re.findall(r"^\| (?!promise|---).* \| (`.*`) \| `(.*)` \|$", part, re.MULTILINE)

        assert len(rows) >= 15
        for names, file in rows:
            for name in re.findall("`(.*?)`", names):
                assert promises.what_is_wrong(ROOT / file, name) == "", (name, file)


class TestGeneratedPages:
    def test_the_commands_are_those_of_the_code(self) -> None:
        found = (ROOT / "docs/reference/commands.md").read_text()
        assert found == pages.commands_page(), "python -m tests.support.pages"

    def test_the_metrics_are_those_of_the_code(self) -> None:
        found = (ROOT / "docs/reference/metrics.md").read_text()
        assert found == pages.metrics_page(), "python -m tests.support.pages"

    def test_the_routes_of_signing_are_those_of_the_code(self) -> None:
        found = (ROOT / "docs/reference/http-signing.md").read_text()
        assert found == pages.signing_page(), "python -m tests.support.pages"


class TestPlainEnglish:
    @each_row("page", [one for one in REFERENCE if one.name != "glossary.md"])
    def test_no_text_of_the_reference_begins_with_a_question_word(self, page: Path) -> None:
        prose = re.sub(r"(?ms)^```.*?^```|<!--.*?-->|`[^`\n]+`", "_", page.read_text())
        cells = re.split(r" \| |(?m:^\| )|\n(?:\n|- |\d+\. )|(?<=[.:?!])\s", prose)
        bad = re.compile(r"(Who|Whom|Whose|Whoever|What|Whatever|Of)\b.* ")

        assert [one for one in cells if bad.match(one) and not one.rstrip(" |").endswith("?")] == []


def texts_of(page: Path) -> list[str]:
    """Return the sentences of a page, its headings and cells of tables among them."""
    plain = re.sub(r"(?ms)^ *```.*?^ *```|!\[.*?\]\(.*?\)", "", page.read_text())
    shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`\n]+`", "_", plain))
    parts = re.split(
        r" \| |\|$|^\| |\n\n|\n *(?:- |\d+\. )|\n(?=\|)|^#+ ", shown, flags=re.MULTILINE
    )
    ends = r"(?<=[.!?:])[*”)]*\s+"
    return [" ".join(one.split()) for part in parts for one in re.split(ends, part) if one.strip()]


@functools.cache
def messages() -> list[str]:
    """Return what bots and pages can say, in English."""
    paths = [one for top in ("veche", "appservices") for one in (ROOT / top).rglob("locale/ru.po")]
    found = [one.id for path in paths for one in read_po(io.BytesIO(path.read_bytes())) if one.id]
    flat = [each for one in found for each in ([one] if isinstance(one, str) else one)]
    return [" ".join(one.replace("`", "").split()) for one in flat]


class TestGuides:
    @each_row("page", GUIDES)
    def test_its_sentences_are_short_and_begin_with_their_subject(self, page: Path) -> None:
        found = texts_of(page)
        bad = re.compile(r"[*]*(Who|Whom|Whose|Whoever|What|Whatever|Of)\b(?:\W+\w+){6}")

        assert found
        assert [one for one in found if len(one.split()) > GUIDE_WORDS_MAX] == []
        assert [one for one in found if bad.match(one) and not one.endswith("?")] == []

    @each_row("page", GUIDES)
    def test_it_says_what_to_do_if_something_goes_wrong(self, page: Path) -> None:
        assert f"\n{WRONG}\n" in page.read_text()

    @each_row("page", GUIDES)
    def test_the_messages_that_go_wrong_are_those_of_bots_and_pages(self, page: Path) -> None:
        _, _, part = page.read_text().partition(WRONG)
        quoted = re.findall(r"^\| \*([^*|]+)\*[^|]*\|", part, re.MULTILINE)
        wanted = [".*".join(re.escape(bit.strip()) for bit in one.split("…")) for one in quoted]

        assert [
            one for one in wanted if not any(re.search(one, message) for message in messages())
        ] == []


class TestMonitoring:
    def test_every_metric_that_the_guide_names_exists(self) -> None:
        text = (ROOT / "docs/guides/operators/monitor.md").read_text()
        known = {one.name for one in pages.metrics()}
        named = set(re.findall(r"\bveche_[a-z_]+\b", text))

        assert named
        assert {re.sub(r"_bucket$", "", name) for name in named} - known == set()

    def test_every_alarm_of_the_crypto_is_explained(self) -> None:
        text = (ROOT / "docs/guides/operators/monitor.md").read_text()
        sources = (ROOT / "veche/runtime/crypto").rglob("*.py")
        alarms = {
            what
            for path in sources
            for what in re.findall(r'metrics\.alarms\.labels\("(\w+)"\)', path.read_text())
        }

        assert alarms
        assert [what for what in sorted(alarms) if f"`{what}`" not in text] == []


class TestTutorial:
    def test_every_block_of_a_chat_can_be_played(self) -> None:
        text = (ROOT / "docs/start.md").read_text()
        blocks = re.findall(r"```chat\n(.*?)```", text, re.DOTALL)

        assert blocks
        for first, *said in (block.splitlines() for block in blocks):
            assert re.fullmatch(r"# room: (chat|case|desk)", first)
            assert said
            assert [
                line for line in said if not re.fullmatch(r"(office<|alice>|carol>) .+", line)
            ] == []
