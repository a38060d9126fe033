"""A town whose office and bank can be reached by another network: real Synapse and PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from tests.stories.bank import PAYMENTS
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, Child
from tests.support.services import AGENCY, SERVICES, House, Place, house
from veche.cli.demo import world
from veche.cli.processes.homeserver import is_healthy
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.matrix.registration import registration_document
from veche.server.demo import secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FEE_SERVICE: Final = office_demo.FEE_SERVICE
BRIDGES: Final = MigrationSet("bridges", "bridges.host")


@attrs.define
class Town:
    """The office, the bank and the bridge.

    Attributes:
        house: Where the office and the bank are.
        bridge: The process of the bridge.
        port: Of the bridge, for its health.
        dsn: Of the bridge's database.
    """

    house: House
    bridge: Child
    port: int
    dsn: str

    def start(self) -> None:
        """Start the bridge, and wait until it is ready."""
        self.bridge.start()
        self.bridge.wait_for(lambda: is_healthy(self.port, "/ready"), 90, "the bridge")

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Rows of the bridge's database."""
        return execute(self.dsn, statement)

    def counted(self, name: str, **labels: str) -> float:
        """A count of the bridge, of all its other labels; it begins anew with each start."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        found = [one for one in lines if one.startswith(f"{name}{{")]
        return sum(
            float(one.rpartition(" ")[2]) for one in found if all(key in one for key in wanted)
        )


@contextmanager
def bridged_town(
    folder: Path, port: int, network: str, section: Mapping[str, Any]
) -> Iterator[Town]:
    """Run the town and its bridge, which is not started; its files are in ``folder``.

    Args:
        folder: It exists.
        port: A free one.
        network: That the bridge bridges.
        section: Its part of the configuration.
    """
    (folder / "registration").mkdir()
    (folder / "house").mkdir()
    place = _place(folder, port, network)
    with ExitStack() as stack:
        one = stack.enter_context(
            house(
                folder / "house",
                has_pages=place,
                sections=lambda pages_url: _sections(folder, pages_url),
                migrations=(AGENCY, PAYMENTS),
            )
        )
        dsn = stack.enter_context(database(*KERNEL_SETS, BRIDGES))
        path = folder / "bridges.yaml"
        sections = {"bridges": {"id": "bridges", network: section}}
        path.write_text(_configuration(one, folder, port, dsn, sections))
        child = Child((*SERVICES, "-c", str(path)), ROOT, path.with_suffix(".log"))
        stack.callback(child.stop)
        yield Town(one, child, port, dsn)


def _place(folder: Path, port: int, network: str) -> Place:
    """A homeserver that knows the bridge."""
    tokens = {name: secrets.token_hex(16) for name in ("as_token", "hs_token")}
    for name, token in tokens.items():
        (folder / name).write_text(token)
        (folder / name).chmod(0o600)
    place = Place()
    document = registration_document(
        "veche-bridges", f"http://127.0.0.1:{port}", place.server_name, prefix="_veche_", **tokens
    )
    own = folder / "house" / "homeserver" / "registration.yaml"
    ours = folder / "registration" / "bridges.yaml"
    ours.write_text(yaml.safe_dump(document))
    files = {"app_service_config_files": [str(own), str(ours)]}
    bot = f"@_veche_{network}_bot:{place.server_name}"
    return attrs.evolve(place, settings=files, bridges=[bot])


def _sections(folder: Path, pages_url: str) -> Mapping[str, Any]:
    """The demo's office and bank; its service with a fee may be used without a client."""
    definitions = folder / "services"
    shutil.copytree(ROOT / "config" / "services", definitions)
    service = definitions / f"{FEE_SERVICE}.yaml"
    text = service.read_text()
    assert "min_trust: e2ee" in text
    service.write_text(text.replace("min_trust: e2ee", "min_trust: any"))
    key = secret(folder / "town_key")
    return {
        "agency": office_demo.agency_section(definitions, pages_url, key),
        "payments": payments_demo.payments_section(key),
    }


def _configuration(
    one: House, folder: Path, port: int, dsn: str, sections: Mapping[str, Any]
) -> str:
    key = folder / "bridges_key"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    text = world.services_configuration(
        one.server.plan, port=port, database_url=dsn, operator_key=key, sections=sections
    )
    whole = yaml.safe_load(text)
    whole["homeserver"] |= {
        "as_token_path": str(folder / "as_token"),
        "hs_token_path": str(folder / "hs_token"),
        "appservice_id": "veche-bridges",
        "registration_path": str(folder / "registration" / "bridges.yaml"),
        "namespace": "_veche_",
    }
    return yaml.safe_dump(whole)
