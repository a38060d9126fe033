/**
 * The steps of an enrolment, without what one sees of them.
 *
 * @typedef {import("../kit/approval.js").DeviceKey} DeviceKey
 * @typedef {import("../kit/approval.js").KeyKind} KeyKind
 *
 * @typedef {object} Answer of the service
 * @property {string} enrolment
 * @property {"sent" | "making"} state
 * @property {string | null} key
 * @property {string | null} words
 * @property {Record<string, unknown> | null} to_sign
 * @property {Record<string, any> | null} creation
 * @property {number} expires_at_ms
 */
import { call } from "../kit/api.js";
import {
    base64,
    dropKey,
    keepKey,
    keepStorage,
    keysHere,
    makeBrowserKey,
    makePasskey,
    signByPasskey,
    signHere,
} from "../kit/approval.js";
import { canonicalBytes } from "../kit/canonical.js";
import { currentLanguage } from "../kit/i18n.js";
import { API } from "./section.js";

const FIELDS = ["challenge", "enrolment", "key", "person", "v", "what"];

/** What the service wants signed is not what an enrolment signs. */
class WrongToSignError extends Error {}

/** @param {string} path */
function of(path) {
    return /** @type {const} */ ([`${API}/enrolments${path}`, { lang: currentLanguage() }]);
}

/**
 * An enrolment of this browser that still waits for its code.
 * @param {string} person
 * @param {number} now_ms
 * @returns {Promise<DeviceKey | undefined>}
 */
export async function resume(person, now_ms) {
    const here = await keysHere(person).catch(() => []);
    const begun = here.filter((key) => key.enrolling);
    const dead = begun.filter((key) => (key.enrolling?.expires_at_ms ?? 0) <= now_ms);
    await Promise.all(dead.map(forget));
    return begun.find((key) => !dead.includes(key));
}

/**
 * Makes a key here and has its code sent.
 * @param {KeyKind} kind
 * @param {string} label
 * @param {string} person
 * @returns {Promise<DeviceKey>} which waits for its code
 */
export async function begin(kind, label, person) {
    return kind === "p256" ? beginBrowserKey(label, person) : beginPasskey(label, person);
}

/** @param {string} label @param {string} person @returns {Promise<DeviceKey>} */
async function beginBrowserKey(label, person) {
    // Before the code is sent: where nothing is kept, none is needed.
    await keysHere(person);
    const { pair, public_key, id } = await makeBrowserKey();
    const [path, query] = of("");
    const body = { kind: "p256", label, public_key: base64(public_key) };
    /** @type {Answer} */
    const answer = await call("POST", path, { body, query });
    /** @type {DeviceKey} */
    const key = { id, person, kind: "p256", label, pair, enrolling: enrolling(answer, id, person) };
    await keepKey(key);
    keepStorage();
    return key;
}

/** @param {string} label @param {string} person @returns {Promise<DeviceKey>} */
async function beginPasskey(label, person) {
    const [path, query] = of("");
    /** @type {Answer} */
    const making = await call("POST", path, { body: { kind: "webauthn", label }, query });
    const { id, credential_id, ...credential } = await makePasskey(making.creation ?? {});
    const [put] = of(`/${encodeURIComponent(making.enrolment)}/credential`);
    /** @type {Answer} */
    const answer = await call("PUT", put, { body: credential, query });
    const key_id = id || String(answer.key);
    /** @type {DeviceKey} */
    const key = {
        id: key_id,
        person,
        kind: "webauthn",
        label,
        credential_id,
        enrolling: enrolling(answer, key_id, person),
    };
    // A passkey works without what is kept here; only a reload would end this enrolment.
    await keepKey(key).catch(() => {});
    return key;
}

/**
 * @param {Answer} answer
 * @param {string} id of the key that was made here
 * @param {string} person
 * @returns {import("../kit/approval.js").Enrolling}
 */
function enrolling({ enrolment, words, to_sign, expires_at_ms }, id, person) {
    const isRight =
        to_sign !== null &&
        Object.keys(to_sign).toSorted().join() === FIELDS.join() &&
        to_sign.v === 1 &&
        to_sign.what === "org.veche.enrolment" &&
        to_sign.enrolment === enrolment &&
        to_sign.key === id &&
        to_sign.person === person;
    // Whatever else it is, an approval perhaps, the new key must not sign it.
    if (!isRight) throw new WrongToSignError("not an enrolment of this key");
    return { enrolment, words: words ?? "", to_sign, expires_at_ms };
}

/**
 * Brings the code, with the proof that the key is here.
 * @param {DeviceKey} key
 * @param {string} code
 * @returns {Promise<Record<string, unknown>>} the key, as the service lists it
 */
export async function confirm(key, code) {
    const { enrolling: begun, pair, credential_id } = key;
    if (!begun) throw new WrongToSignError("nothing is under way");
    const data = canonicalBytes(begun.to_sign);
    const proof = pair
        ? await signHere(pair, data)
        : (await signByPasskey([{ credential_id: credential_id ?? "" }], data)).proof;
    const [path, query] = of(`/${encodeURIComponent(begun.enrolment)}/code`);
    const answer = await call("POST", path, { body: { code, ...proof }, query });
    const { enrolling: _, ...enrolled } = key;
    if (pair) await keepKey(enrolled);
    else await keepKey(enrolled).catch(() => {});
    return answer.key;
}

/** @param {DeviceKey} key */
export async function forget(key) {
    await dropKey(key.id).catch(() => {});
}
