"""Each import contract catches what it is for: a contract that matches nothing passes silently."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
LEFT_OUT = shutil.ignore_patterns(
    "build", "dist", "var", "node_modules", "*.egg-info", ".*", "__pycache__", "tests", "docs"
)
OWN = ("veche", "homeserver_modules", "appservices", "bridges")
ROLES = ("bot", "routes", "module", "connector", "service", "store", "config", "api", "core")
# Features that every role is in, beside those of the tree.
PLANTED = ("appservices/planted", "homeserver_modules/planted")

FORBIDDEN = [
    ("veche/runtime/web/server.py", "appservices.planted.core", "kernel"),
    ("veche/cli/main.py", "appservices.planted.service", "kernel"),
    ("veche/protocol/errors.py", "homeserver_modules.event_guard.core", "kernel"),
    ("veche/protocol/errors.py", "veche.runtime.web", "kernel-layers"),
    ("veche/protocol/errors.py", "veche.cli.main", "kernel-layers"),
    ("veche/runtime/web/server.py", "veche.cli.main", "kernel-layers"),
    ("veche/server/spec.py", "veche.server.host", "host"),
    ("appservices/planted/bot.py", "veche.server.host", "host"),
    ("veche/server/host.py", "veche.cli.main", "kernel-layers"),
    ("veche/bots/bounds.py", "veche.server.host", "kernel-layers"),
    ("veche/bots/bounds.py", "veche.api.route", "kernel-layers"),
    ("veche/access/identity_doubts.py", "veche.api.route", "kernel-layers"),
    ("veche/chat/sending.py", "veche.access.sessions.core", "kernel-layers"),
    ("veche/messaging/service.py", "veche.chat.sending", "kernel-layers"),
    ("veche/acts/log.py", "veche.messaging.jobs", "kernel-layers"),
    ("veche/runtime/tasks.py", "veche.acts.log", "kernel-layers"),
    ("veche/documents/signed_file.py", "veche.transparency.merkle", "kernel-layers"),
    ("veche/contracts/payments/invoice_tax.py", "veche.runtime.tasks", "contracts-shell"),
    ("homeserver_modules/event_guard/core.py", "veche.runtime.config", "contracts-shell"),
    ("veche/documents/signed_file.py", "veche.contracts.payments.receipt", "contracts"),
    ("veche/api/route.py", "veche.contracts.payments.receipt", "contracts-users"),
    ("veche/acts/last_signed.py", "veche.acts.heads", "kernel-circles"),
    ("appservices/planted/bot.py", "homeserver_modules.event_guard.core", "siblings"),
    ("homeserver_modules/planted/module.py", "appservices.planted.core", "siblings"),
    ("appservices/planted/bot.py", "appservices.agency.config", "features"),
    ("appservices/agency/config.py", "appservices.planted.config", "features"),
    ("homeserver_modules/planted/core.py", "homeserver_modules.event_guard.core", "features"),
    ("homeserver_modules/event_guard/core.py", "homeserver_modules.event_guard.module", "roles"),
    ("homeserver_modules/event_guard/config.py", "homeserver_modules.event_guard.module", "roles"),
    ("appservices/planted/core.py", "appservices.planted.config", "roles"),
    ("appservices/planted/core.py", "appservices.planted.api", "roles"),
    ("appservices/planted/api.py", "appservices.planted.config", "roles"),
    ("appservices/planted/config.py", "appservices.planted.store", "roles"),
    ("appservices/planted/store.py", "appservices.planted.service", "roles"),
    ("appservices/planted/service.py", "appservices.planted.bot", "roles"),
    ("appservices/planted/routes.py", "appservices.planted.bot", "roles"),
    (
        "appservices/payments/ledger/core/timing.py",
        "appservices.payments.ledger.core.deciding",
        "circles",
    ),
    (
        "appservices/payments/paying/service/paying.py",
        "appservices.payments.paying.service.settling",
        "circles",
    ),
    ("veche/protocol/errors.py", "bridges.core.model", "kernel"),
    ("bridges/host/service.py", "appservices.planted.core", "siblings"),
    ("appservices/planted/core.py", "bridges.core.model", "siblings"),
    ("bridges/host/service.py", "bridges.mail.connector", "bridges"),
    ("bridges/mail/connector.py", "bridges.host.service", "bridges"),
    ("bridges/core/model.py", "bridges.mail.core", "bridges"),
    ("bridges/mail/core.py", "bridges.mail.connector", "bridges-roles"),
    ("bridges/xmpp/connector.py", "bridges.mail.core", "bridges"),
    ("bridges/xmpp/core.py", "bridges.xmpp.connector", "bridges-roles"),
    ("bridges/sms/connector.py", "bridges.xmpp.core", "bridges"),
    ("bridges/sms/core.py", "bridges.sms.connector", "bridges-roles"),
    ("bridges/host/store.py", "bridges.host.service", "bridges-roles"),
    ("bridges/core/model.py", "random", "pure"),
    ("bridges/mail/core.py", "twisted.mail.smtp", "pure"),
    ("bridges/sms/core.py", "twisted.internet.defer", "pure"),
    ("bridges/xmpp/core.py", "twisted.words.xish.domish", "pure"),
    ("veche/protocol/errors.py", "time", "pure"),
    ("veche/protocol/forms/__init__.py", "random", "pure"),
    ("veche/transparency/merkle.py", "socket", "pure"),
    ("veche/documents/signed_file.py", "twisted.web.client", "pure"),
    ("veche/contracts/payments/receipt.py", "threading", "pure"),
    ("veche/access/sessions/core.py", "os", "pure"),
    ("veche/runtime/crypto/core/__init__.py", "secrets", "pure"),
    ("appservices/planted/core.py", "twisted.internet.defer", "pure"),
    ("appservices/agency/workflow/core/__init__.py", "os", "pure"),
    ("appservices/agency/fees/texts.py", "time", "pure"),
    ("appservices/agency/working_days/core.py", "appservices.agency.language.core", "agency"),
    ("appservices/agency/cases/service/cases.py", "appservices.agency.fees.core", "agency"),
    ("appservices/agency/fees/core.py", "appservices.agency.workflow.core.flow", "agency"),
    ("appservices/agency/fees/store.py", "appservices.agency.signatures.store", "agency"),
    ("appservices/agency/jobs.py", "appservices.agency.bot", "agency"),
    ("appservices/agency/calls/core.py", "appservices.agency.calls.store", "agency-roles"),
    ("appservices/agency/fees/service.py", "appservices.agency.fees.jobs", "agency-roles"),
    ("appservices/agency/pages/service/acts.py", "appservices.agency.pages.routes", "agency-roles"),
    (
        "appservices/agency/deliveries/store.py",
        "appservices.agency.deliveries.service",
        "agency-roles",
    ),
    ("appservices/agency/desk/texts.py", "appservices.agency.desk.service", "agency-roles"),
    ("appservices/signing/sessions/texts/words.py", "time", "pure"),
    (
        "appservices/signing/authority/core/levels.py",
        "appservices.signing.sessions.core",
        "signing",
    ),
    ("appservices/signing/keys/core/csc.py", "appservices.signing.authority.core", "signing"),
    ("appservices/signing/stamps/store.py", "appservices.signing.certificates.store", "signing"),
    ("appservices/signing/cards/service/cards.py", "appservices.signing.meetings.core", "signing"),
    ("appservices/signing/drafting/texts.py", "appservices.signing.chats.texts", "signing"),
    ("appservices/signing/jobs.py", "appservices.signing.bot", "signing"),
    ("appservices/signing/meetings/core.py", "appservices.signing.meetings.store", "signing-roles"),
    (
        "appservices/signing/batches/store.py",
        "appservices.signing.batches.service",
        "signing-roles",
    ),
    ("appservices/signing/batches/service.py", "appservices.signing.batches.jobs", "signing-roles"),
    ("appservices/signing/templates/core.py", "appservices.signing.templates.api", "signing-roles"),
    (
        "appservices/signing/guardians/core.py",
        "appservices.signing.guardians.texts",
        "signing-roles",
    ),
    ("appservices/payments/transfers/texts/views.py", "time", "pure"),
    ("appservices/payments/ledger/core/port.py", "appservices.payments.banks.core", "payments"),
    ("appservices/payments/banks/core/port.py", "appservices.payments.transfers.core", "payments"),
    ("appservices/payments/limits/store.py", "appservices.payments.paying", "payments"),
    ("appservices/payments/escrows/store.py", "appservices.payments.cases.jobs", "payments"),
    (
        "appservices/payments/disputes/texts/room.py",
        "appservices.payments.wallet.texts",
        "payments",
    ),
    ("appservices/payments/jobs.py", "appservices.payments.bot", "payments"),
    ("appservices/payments/peers/core.py", "appservices.payments.peers.store", "payments-roles"),
    ("appservices/payments/bills/store.py", "appservices.payments.bills.service", "payments-roles"),
    (
        "appservices/payments/payouts/core.py",
        "appservices.payments.payouts.texts",
        "payments-roles",
    ),
    ("appservices/payments/bulk/store.py", "appservices.payments.bulk.routes", "payments-roles"),
    ("homeserver_modules/event_guard/core.py", "asyncio", "pure"),
    ("veche/runtime/web/server.py", "synapse.types", "synapse"),
    ("appservices/planted/bot.py", "synapse.module_api", "synapse"),
    ("appservices/planted/service.py", "signedjson.sign", "signedjson"),
    ("appservices/planted/service.py", "veche.access.approvals.store", "evidence"),
    ("appservices/payments/paying/service/paying.py", "veche.access.approvals.taking", "evidence"),
    ("appservices/planted/store.py", "psycopg2", "psycopg2"),
    ("veche/cli/main.py", "psycopg2.extensions", "psycopg2"),
    ("veche/runtime/web/server.py", "vodozemac", "vodozemac"),
    ("veche/runtime/web/server.py", "pkcs11", "pkcs11"),
]


PACKAGED: Final = ("agency", "signing")
NEWCOMER: Final = "newcomer"
"""A package of the kernel, and one of each feature in capabilities, that no layer names."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each broken contract, by its name, in a tree with all that is forbidden."""
    copy = tmp_path_factory.mktemp("contracts") / "source"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    for feature in PLANTED:
        (copy / feature).mkdir()
        for name in ("__init__", *ROLES):
            (copy / feature / f"{name}.py").touch()
    for parent in ("veche", *(f"appservices/{one}" for one in PACKAGED)):
        (copy / parent / NEWCOMER).mkdir()
        (copy / parent / NEWCOMER / "__init__.py").touch()
    for importer, imported, _ in FORBIDDEN:
        with (copy / importer).open("a") as file:
            file.write(f"\nimport {imported}\n")
    command = [str(LINT), "--no-cache"]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stdout + result.stderr
    told = result.stdout.partition("Broken contracts")[2]
    _, *parts = re.split(r"^(.+)\n-+\n", told, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(("importer", "imported", "contract"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(
    broken: dict[str, str], importer: str, imported: str, contract: str
) -> None:
    text = broken[contract_names()[contract]]

    # The planted line is the reason, and not something else in the tree.
    importer_name = importer.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if contract.endswith("circles"):  # of a circle any import may be named
        names = [one.rpartition(".")[2] for one in (importer_name, imported)]
        assert all(f".{one}" in text for one in names), text
    else:
        top = imported if imported.startswith(OWN) else imported.partition(".")[0]
        assert re.search(rf"{re.escape(importer_name)} -> {re.escape(top)}\b", text), text


def test_a_new_package_of_the_kernel_has_to_name_its_layer(broken: dict[str, str]) -> None:
    assert f"veche.{NEWCOMER}" in broken[contract_names()["kernel-layers"]]


@pytest.mark.parametrize("feature", PACKAGED)
def test_a_new_capability_has_to_name_its_layer(broken: dict[str, str], feature: str) -> None:
    assert f"appservices.{feature}.{NEWCOMER}" in broken[contract_names()[feature]]


def contract_names() -> dict[str, str]:
    """What each contract is called, by its key in setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    prefix = "importlinter:contract:"
    keys = [section for section in config.sections() if section.startswith(prefix)]
    return {key.removeprefix(prefix): config[key]["name"] for key in keys}


def test_every_contract_is_broken_by_a_test() -> None:
    assert set(contract_names()) == {contract for _, _, contract in FORBIDDEN}
