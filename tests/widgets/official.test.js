// stage: pages
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { looksLike } from "../../appservices/widgets/static/kit/look_alike.js";
import { badgeOf, impostorOf, ownerOf } from "../../appservices/widgets/static/verify/official.js";
import { test } from "./harness.js";

const LOG = "town.test/veche/directory/v1/town";
const BOT = "@veche_org_records:town.test";
const MASTER = "fpPfe+vIiueqKv3gu8N3Iba9uE7z67c5RTWFmUQg0aI";

const sha256 = (/** @type {Uint8Array[]} */ ...parts) =>
    createHash("sha256").update(Buffer.concat(parts)).digest();
const leaf = (/** @type {string} */ text) => sha256(Buffer.of(0), Buffer.from(text));

/** A log of two entries by a key. @param {string} origin */
function made(origin = LOG) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
    const data = Buffer.concat([Buffer.of(1), raw]);
    const idOf = (/** @type {string} */ name) =>
        sha256(Buffer.from(`${name}\n`), data).subarray(0, 4);
    const key = `${LOG}+${idOf(LOG).toString("hex")}+${data.toString("base64")}`;
    const entry = '{"org":"records"}';
    const root = sha256(Buffer.of(1), leaf("{}"), leaf(entry));
    const text = `${origin}\n2\n${root.toString("base64")}\n`;
    const signature = Buffer.concat([idOf(origin), sign(null, Buffer.from(text), privateKey)]);
    const note = `${text}\n— ${origin} ${signature.toString("base64")}\n`;
    const path = leaf("{}").toString("base64");
    const proof = `c2sp.org/tlog-proof@v1\nindex 1\n${path}\n\n${note}`;
    return { key, content: { v: 1, org: "records", entry, proof } };
}

/** @param {string} [origin] @returns {{known: any[], organisation: any, seen: any, content: any}} */
function world(origin) {
    const { key, content } = made(origin);
    const organisation = {
        ...{ id: "records", names: { en: "Vital Records Office" }, domain: "records.test" },
        domain_seen_ms: null,
        ...{ chain: ["records"], standing: "official", reason: "", since_ms: 0, vouched_by: "" },
        ...{ purposes: [], complaints: "x", accounts: { [BOT]: MASTER }, entry: 1 },
        protects: ["Vital Records Office"],
    };
    const known = [{ log: LOG, keys: [key], organisations: [organisation] }];
    const state = { sender: BOT, content };
    /** @type {any} */
    const seen = { own: "@anna:town.test", account: BOT, creator: BOT, state, master: MASTER };
    return { known, organisation, seen, content };
}

test("a room has the badge if all of it holds", async () => {
    const { known, seen } = world();
    assert.equal(await badgeOf(known, seen), "official");
    const { known: later, seen: there } = world(LOG.replace("/v1/", "/v2/"));
    assert.equal(await badgeOf(later, there), "official", "the log had to begin a second history");
    const older = world();
    older.content.proof = older.content.proof.replace(/1\n(\S+)=\n/, "1\n$1\n");
    assert.doesNotMatch(older.content.proof.split("\n\n")[0], /=/);
    assert.equal(await badgeOf(older.known, older.seen), "official", "as older versions wrote it");
});

/** @type {[string, (one: ReturnType<typeof world>) => void, string][]} */
const BROKEN = [
    ["no state", ({ seen }) => (seen.state = undefined), ""],
    ["expired", ({ organisation }) => (organisation.standing = "expired"), ""],
    ["suspended", ({ organisation }) => (organisation.standing = "suspended"), ""],
    ["superseded", ({ organisation }) => (organisation.entry = 2), ""],
    ["not listed", ({ organisation }) => (organisation.accounts = {}), ""],
    ["other server", ({ seen }) => (seen.account = BOT.replace("town", "other")), ""],
    ["other creator", ({ seen }) => (seen.creator = "@mallory:town.test"), ""],
    ["other sender", ({ seen }) => seen.state && (seen.state.sender = "@mallory:x"), ""],
    ["no key known", ({ seen }) => (seen.master = undefined), ""],
    ["other key", ({ seen }) => (seen.master = MASTER.replace("fp", "aa")), "key"],
    ["other entry", ({ content }) => (content.entry = '{"org":"else"}'), ""],
    ["other organisation", ({ content }) => (content.org = "town"), ""],
    ["no proof", ({ content }) => (content.proof = ""), ""],
    ["forged proof", ({ content }) => (content.proof = made().content.proof), ""],
    [
        "forged path",
        ({ content }) => (content.proof = content.proof.replace(/1\n..../, "1\nAAAA")),
        "",
    ],
    ["half a path", ({ content }) => (content.proof = content.proof.replace(/1\n.*\n/, "1\n")), ""],
    ["other log", ({ known }) => known[0] && (known[0].log = LOG.replace("town.", "x.")), ""],
    ["a number for a proof", ({ content }) => Object.assign(content, { proof: 1 }), ""],
    ["nothing in the state", ({ seen }) => seen.state && (seen.state.content = null), ""],
    ["later version", ({ content }) => (content.v = 2), ""],
    ["no directory", ({ known }) => known.splice(0), ""],
];
test("each condition broken once: no badge, or red", async () => {
    for (const [what, breaks, badge] of BROKEN) {
        const one = world();
        breaks(one);
        assert.equal(await badgeOf(one.known, one.seen), badge, what);
    }
});

test("a room of two that one has made needs no state, and the right key", async () => {
    const { known, seen } = world();
    const direct = { ...seen, creator: seen.own, state: undefined };
    assert.equal(await badgeOf(known, direct), "official");
    assert.equal(await badgeOf(known, { ...direct, master: "x" }), "key");
});

test("who only bears a protected name is named", async () => {
    const { known } = world();
    const strange = "@veche_org_records:evil.test";
    for (const name of [
        "Vital Records Office",
        "VITAL  records-office!",
        "Vіtаl Rесords Оffiсе",
        "Vital Records Office of Town",
    ])
        assert.equal(impostorOf(known, strange, ["x", name]), "Vital Records Office", name);
    for (const name of ["Vital Records", "Anna", "", "\u200b", "🙂"])
        assert.equal(impostorOf(known, strange, [name]), "", name);
    assert.equal(impostorOf(known, BOT, ["Vital Records Office"]), "");
    assert.equal(ownerOf(known, "__proto__"), undefined);
});

test("no name takes long or fails", async () => {
    const wild = ["\ud800", "a\u0300".repeat(5000), "İ".repeat(300), "\u{1f600}".repeat(999), "ﷺ"];
    for (const name of wild) assert.equal(looksLike(name, "Tax Office"), false);
    assert.equal(looksLike("anything", "…"), false);
});
