from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from tests.support.tables import each_row
from veche.protocol.errors import ConfigError
from veche.runtime.config import (
    KERNEL_SECTIONS,
    OPTIONAL_SECTIONS,
    ApprovalsSection,
    ConfigFaultsError,
    DatabaseSection,
    Duration,
    Fault,
    FilePath,
    PagesSection,
    SecretPath,
    Section,
    Size,
    file_faults,
    load,
    load_config,
)
from veche.runtime.config.sections import SECRET, marked_paths, nearest


class OfficeSection(Section):
    """An office.

    Its people.
    """

    name: str
    """What people call it. More words."""
    key_path: SecretPath | None = None
    """Its key."""


class TownSection(Section):
    """A town."""

    offices: tuple[OfficeSection, ...] = Field(default=(), strict=False)
    """Its offices."""
    by_name: dict[str, OfficeSection] = Field(default_factory=dict)
    """The same by name."""
    term_ms: Duration = 86_400_000
    """How long it has."""
    upload_bytes: Size = 1 << 20
    """How much it takes."""
    folder: FilePath | None = None
    """Where it writes."""
    token_path: SecretPath | None = None
    """Its token."""
    is_open: bool = True
    """Whether it is open."""


def written(folder: Path, text: str) -> Path:
    path = folder / "veche.yaml"
    path.write_text(text)
    return path


def town(folder: Path, text: str) -> TownSection:
    section = load(written(folder, text), {"town": TownSection})["town"]
    assert isinstance(section, TownSection)
    return section


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigFaultsError) as caught:
        load(written(folder, text), {"town": TownSection})
    assert len(str(caught.value).splitlines()) == len(caught.value.faults)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def test_values_with_units_become_numbers(tmp_path: Path) -> None:
    section = town(tmp_path, "town: {term: 30 s, upload: 16 MiB}")
    assert section.term_ms == 30_000
    assert section.upload_bytes == 16 << 20


def test_a_missing_section_and_an_empty_one_are_made_of_defaults(tmp_path: Path) -> None:
    assert town(tmp_path, "") == town(tmp_path, "town:") == TownSection()


def test_an_optional_section_that_is_missing_stays_away(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    assert load(path, {"town": TownSection}, optional=["town"]) == {}


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    section = town(tmp_path, "town: {folder: data, token_path: /run/token}")
    assert section.folder == tmp_path / "data"
    assert section.token_path == Path("/run/token")


def test_parts_are_sections_too(tmp_path: Path) -> None:
    section = town(tmp_path, "town:\n  offices: [{name: Records}]\n  by_name: {a: {name: A}}\n")
    assert section.offices[0].name == "Records"
    assert section.by_name["a"].name == "A"


def test_code_gives_plain_numbers() -> None:
    assert TownSection(term_ms=5, upload_bytes=6).term_ms == 5


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
town:
  term: 30
  uplod: 1 MiB
  is_open: maybe
  offices:
    - nam: Records
twon: {}
"""
    assert faults(tmp_path, text) == [
        "veche.yaml:2: town.term: should have a unit, such as '30 s'",
        "veche.yaml:3: town.uplod: there is no such key; did you mean 'upload'?",
        "veche.yaml:4: town.is_open: should be a valid boolean",
        "veche.yaml:6: town.offices.0.name: is missing; add it: What people call it",
        "veche.yaml:6: town.offices.0.nam: there is no such key; did you mean 'name'?",
        "veche.yaml:7: twon: there is no such section; did you mean 'town'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("town: 3", "veche.yaml:1: town: should be a valid dictionary or instance of TownSection"),
        ("town: {term: -1 s}", "town.term: should be a whole number and a unit"),
        ("town: {term: soon}", "such as '30 s'"),
        ("town: {upload: 3 MB}", "such as '16 MiB'"),
        ("town: {term_ms: 30 s}", "town.term_ms: there is no such key; did you mean 'term'?"),
        ("town: {folder: 3}", "town.folder: "),
        ("town: {is_open: no}", "town.is_open: should be a valid boolean"),
        ("town: {is_open: 'true'}", "town.is_open: should be a valid boolean"),
        ("town: {by_name: {a: {name: 3}}}", "in quotes"),
        ("town: {zzzz: 1}", "known here: by_name, folder, is_open, offices, term, token_path"),
    ],
)
def test_a_fault_says_what_would_be_right(tmp_path: Path, text: str, message: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert message in fault


def test_a_fault_never_quotes_a_value(tmp_path: Path) -> None:
    text = "town: {term: hunter2, is_open: hunter2, offices: hunter2, hunter: {name: hunter2}}"
    assert "hunter2" not in "".join(faults(tmp_path, text))


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"veche\.yaml:1: should be sections: town"):
        load(written(tmp_path, "- a"), {"town": TownSection})


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TownSection().is_open = False


@given(
    st.dictionaries(
        st.sampled_from(["town", "offices", "term", "by_name"]) | st.text(max_size=4),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab1"),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["name", "offices", "by_name", "term"]), inner, max_size=3
                )
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_any_yaml_is_read_or_refused_with_lines(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    path = written(tmp_path_factory.mktemp("config"), yaml.safe_dump(content, allow_unicode=True))
    faults: tuple[Fault, ...] = ()
    try:
        load(path, {"town": TownSection})
    except ConfigFaultsError as e:
        faults = e.faults
    assert all(fault.where.startswith(f"{path}:") for fault in faults)


KERNEL = """\
homeserver:
  url: http://127.0.0.1:8008
  server_name: example.org
  as_token_path: as_token
  hs_token_path: hs_token
database: {url: postgresql://veche@127.0.0.1/veche}
crypto: {key_path: key}
"""


def test_a_small_configuration_is_enough(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, KERNEL), {"town": TownSection})
    assert config.listen.port == 8009
    assert config.services == {}
    assert config.pages is None
    assert set(config.sections()) == set(KERNEL_SECTIONS) - OPTIONAL_SECTIONS


def test_with_its_section_there_are_pages(tmp_path: Path) -> None:
    text = KERNEL + "pages: {public_url: 'https://veche.example.org'}"
    config = load_config(written(tmp_path, text), {})
    assert config.pages is not None
    assert config.sections()["pages"] is config.pages
    assert (config.pages.address, config.pages.port) == ("127.0.0.1", 8090)
    assert not config.pages.trust_forwarded


@each_row(
    "public_url",
    [
        "https://veche.example.org",
        "https://veche.example.org:8443",
        "https://192.0.2.1",
        "http://localhost",
        "http://localhost:8090",
        "http://veche.localhost:8090",
        "http://127.0.0.1:8090",
        "http://127.1.2.3",
        "http://[::1]:8090",
    ],
)
def test_pages_have_an_origin_that_browsers_trust(public_url: str) -> None:
    assert PagesSection(public_url=public_url).public_url == public_url


@each_row(
    "public_url",
    [
        "http://veche.example.org",
        "http://192.168.1.5:8090",
        "http://localhost.example.org",
        "http://mylocalhost",
        "http://[::2]",
        "http://0.0.0.0",
        "http://[x",
        "https://veche.example.org/",
        "https://veche.example.org/app",
        "https://veche.example.org?x",
        "https://veche.example.org#x",
        "https://me:hunter2@veche.example.org",
        "http://localhost@evil.example",
        "https://veche example.org",
        "ftp://veche.example.org",
        "veche.example.org",
        "",
    ],
)
def test_an_origin_that_browsers_do_not_trust_is_refused(public_url: str) -> None:
    with pytest.raises(ValidationError, match="public_url"):
        PagesSection(public_url=public_url)


@each_row("source", ["https:", "vector:", "https://*.example.org", "http://127.0.0.1:*"])
def test_who_may_embed_is_a_source_of_csp(source: str) -> None:
    section = PagesSection(public_url="http://localhost", embedders=(source,))
    assert section.embedders == (source,)


@each_row("source", ["", "'none'", "a b", "https://x; script-src *", "x\ny", "ж"])
def test_a_source_that_would_end_the_policy_is_refused(source: str) -> None:
    with pytest.raises(ValidationError, match="embedders"):
        PagesSection(public_url="http://localhost", embedders=(source,))


@each_row(
    ("changes", "message"),
    [
        ({"small_limits": {"EUR": "20"}}, None),
        ({"small_limits": {}, "code_limit_max": {}}, None),
        ({"small_limits": {"JPY": "2000"}}, None),
        ({"small_limits": {"EUR": "20.001"}}, "small_limits"),
        ({"small_limits": {"EUR": "-1"}}, "small_limits"),
        ({"small_limits": {"EUR": "a lot"}}, "small_limits"),
        ({"small_limits": {"euro": "20.00"}}, "small_limits"),
        ({"code_limit_max": {"EUR": 200}}, "code_limit_max"),
        ({"held": []}, None),
        ({"held": ["everything"]}, "held"),
        ({"key_hold_ms": -1}, "key_hold"),
    ],
)
def test_rules_of_approvals_are_amounts_and_kinds(
    changes: dict[str, Any], message: str | None
) -> None:
    if message is None:
        ApprovalsSection(**changes)
    else:
        with pytest.raises(ValidationError, match=message):
            ApprovalsSection(**changes)


def test_a_service_that_has_a_section_is_configured(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, KERNEL + "town: {}"), {"town": TownSection})
    assert config.services == {"town": TownSection()}
    assert config.sections()["town"] == TownSection()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{}", "either url or folder"),
        ("{url: 'postgresql:///a', folder: b}", "either url or folder"),
        ("{folder: a, password_path: b}", "a folder's server needs none"),
        ("{url: 'postgresql://u:hunter2@h/d'}", "url has a password: write it to a file"),
        ("{url: 'host=a password=hunter2'}", "url has a password"),
        ("{url: 'hunter2 hunter2'}", "not a connection string"),
        ("{url: 'postgresql:///a', threads: 0}", "greater than or equal to 1"),
        ("{url: 'postgresql:///a', threads: 65}", "less than or equal to 64"),
    ],
)
def test_a_database_is_named_once_and_without_password(
    tmp_path: Path, section: str, message: str
) -> None:
    with pytest.raises(ConfigFaultsError) as caught:
        load(written(tmp_path, f"database: {section}"), {"database": DatabaseSection})
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_password_comes_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("pass word'\n")
    secret.chmod(0o600)
    section = DatabaseSection(url="postgresql://veche@db/veche", password_path=secret)
    assert r"password='pass word\''" in section.dsn()
    assert DatabaseSection(url="host=db").dsn() == "host=db"


def test_a_folder_has_a_connection_string_of_its_own(tmp_path: Path) -> None:
    assert "dbname=veche" in DatabaseSection(folder=tmp_path).dsn()


def test_secrets_are_found_wherever_they_are_named(tmp_path: Path) -> None:
    office = OfficeSection(name="a", key_path=tmp_path / "1")
    section = TownSection(
        token_path=tmp_path / "2", offices=(office,), by_name={"x": office}, folder=tmp_path / "3"
    )
    assert {key for key, _ in marked_paths(section, SECRET)} == {
        "token_path", "offices.0.key_path", "by_name.x.key_path",
    }  # fmt: skip


def test_faults_of_secrets_name_the_key(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("hunter2")
    (tmp_path / "open").chmod(0o644)
    office = OfficeSection(name="a", key_path=tmp_path / "none")
    section = TownSection(token_path=tmp_path / "open", offices=(office,))

    found = file_faults(Path("veche.yaml"), {"town": section})

    assert [fault.key for fault in found] == ["town.offices.0.key_path", "town.token_path"]
    assert "No such file" in found[0].what
    assert "chmod 600" in found[1].what


def test_the_nearest_key_is_named_or_all() -> None:
    assert nearest("prot", ["port", "address"]) == "did you mean 'port'?"
    assert nearest("zz", ["port", "address"]) == "known here: address, port"
