"""Clients that trust an authority see a bot as verified whose identity it has certified."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.agency.demo import agency_section
from appservices.signing.commands.ca import make_authority
from tests.support.node import WIDGETS, node, why_no_types
from tests.support.processes import ROOT
from tests.support.services import OFFICE, house
from veche.cli.main import main
from veche.runtime.crypto.keys import OPERATOR_KEY_BYTES
from veche.server.demo import kept

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.services import House

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PASSPHRASE: Final = "a long passphrase"  # noqa: S105 -- of this test
SEEN_S_MAX: Final = 60
OBSERVER: Final = """
Promise.withResolvers ??= function () {
    let resolve, reject;
    const promise = new this((a, b) => ((resolve = a), (reject = b)));
    return { promise, resolve, reject };
};
Promise.try ??= function (call, ...args) {
    return new this((resolve) => resolve(call(...args)));
};
const sdk = await import("matrix-js-sdk");
const given = JSON.parse(process.argv[1]);
console.info = console.debug = console.warn = console.error = () => {};
const client = sdk.createClient(given.account);
await client.initRustCrypto({ useIndexedDB: false, caCertsPem: given.authority });
await client.startClient({ initialSyncLimit: 1 });
await new Promise((resolve) =>
    client.on(sdk.ClientEvent.Sync, (state) => state === "PREPARED" && resolve()),
);
const content = { algorithm: "m.megolm.v1.aes-sha2" };
const { room_id: roomId } = await client.createRoom({
    invite: [given.bot],
    initial_state: [{ type: "m.room.encryption", state_key: "", content }],
});
while (!client.getRoom(roomId)?.hasEncryptionStateEvent())
    await new Promise((resolve) => client.once(sdk.ClientEvent.Event, resolve));
client.getCrypto().prepareToEncrypt(client.getRoom(roomId));
let status;
for (const end = Date.now() + given.wait_ms; Date.now() < end && !status?.known; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    status = await client.getCrypto().getUserVerificationStatus(given.bot);
}
console.log(JSON.stringify({ known: status.known, verified: status.isVerified() }));
process.exit(0);
"""


@pytest.mark.skipif(bool(why_no_types()), reason=why_no_types())
def test_who_trusts_the_authority_sees_a_new_bot_as_verified(tmp_path: Path) -> None:
    ca, other = authority(tmp_path / "ca"), authority(tmp_path / "other")
    certificates = tmp_path / "certificates"
    issue(ca, OFFICE, certificates)
    key = kept(tmp_path / "operator_key", b"o" * OPERATOR_KEY_BYTES)
    sections = {
        "agency": agency_section(ROOT / "config" / "services"),
        "crypto": {"key_path": str(key), "certificates": str(certificates)},
    }
    with house(tmp_path / "house", sections=sections) as home:
        seen = [
            observe(home, name, root)
            for name, root in (("anna", ca), ("boris", other), ("clara", None))
        ]
    assert seen == [True, False, False]


def test_what_is_no_account_or_has_a_certificate_already_gets_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca, certificates = authority(tmp_path / "ca"), tmp_path / "certificates"
    issue(ca, "@veche_other:veche.test", certificates)
    assert main(command(ca, "@veche_other:veche.test", certificates)) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(command(ca, "veche", certificates)) == 1
    assert "should be a whole account" in capsys.readouterr().err


def authority(folder: Path) -> Path:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- clients look at the clock
    make_authority(folder, "Lindenau", "http://localhost:1", PASSPHRASE.encode(), now)
    folder.with_suffix(".passphrase").write_text(PASSPHRASE)
    return folder


def command(ca: Path, account: str, out: Path) -> list[str]:
    passphrase = ca.with_suffix(".passphrase")
    where = ["--folder", str(ca), "--passphrase-path", str(passphrase), "--out", str(out)]
    return ["ca", "account", account, "Vital Records Office", *where]


def issue(ca: Path, account: str, out: Path) -> None:
    assert main(command(ca, account, out)) == 0


def observe(home: House, name: str, root: Path | None) -> bool:
    user_id, token = home.server.register(name), home.server.login(name)
    who = home.server.call("GET", "/_matrix/client/v3/account/whoami", token=token).body
    account = {
        "baseUrl": home.url,
        "accessToken": token,
        "userId": user_id,
        "deviceId": who["device_id"],
    }
    given: dict[str, Any] = {"account": account, "bot": OFFICE, "wait_ms": SEEN_S_MAX * 1000}
    if root is not None:
        given["authority"] = (root / "root.pem").read_text()
    program = (str(node()), "--input-type=module", "-e", OBSERVER, json.dumps(given))
    done = subprocess.run(
        program, cwd=WIDGETS, capture_output=True, text=True, timeout=2 * SEEN_S_MAX, check=True
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["known"], "the client does not know the bot's identity"
    return bool(said["verified"])
