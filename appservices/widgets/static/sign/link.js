/**
 * What the link from the chat says: which session, as whom, and the key of its document. All of it
 * stands behind the `#`: no server is told the key, and no log has the token. Pure.
 *
 * @typedef {object} Link
 * @property {string} session
 * @property {string} party
 * @property {string} token
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: the link was cut off
 *
 * @typedef {object} ListLink opens all that waits for a person
 * @property {string} header what is told the service: whose list, until when, the token
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: the link was cut off
 */
import { fromBase64 } from "../kit/approval.js";

const SESSION = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const PARTY = /^p[1-9]\d{0,2}$/;
const TOKEN = /^[A-Za-z0-9_-]{32}$/;
const NAME = /^[A-Za-z0-9_-]{1,400}$/;
const UNTIL = /^\d{1,16}$/;
const KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** @param {string} hash of the address @returns {Link | undefined} none: it is damaged */
export function readLink(hash) {
    const [session = "", party = "", token = "", key = ""] = saidIn(hash, ["s", "p", "t", "k"]);
    if (!SESSION.test(session) || !PARTY.test(party) || !TOKEN.test(token)) return undefined;
    return { session, party, token, key: keyOf(key) };
}

/** @param {string} hash of the address @returns {boolean} whether it is of a list */
export function isOfList(hash) {
    return new URLSearchParams(hash.slice(1)).has("all");
}

/** @param {string} hash of the address @returns {ListLink | undefined} none: it is damaged */
export function readListLink(hash) {
    const [name = "", until = "", token = "", key = ""] = saidIn(hash, ["all", "d", "t", "k"]);
    if (!NAME.test(name) || !UNTIL.test(until) || !TOKEN.test(token)) return undefined;
    return { header: `${name} ${until} ${token}`, key: keyOf(key) };
}

/** @param {string} key base64url @returns {Uint8Array<ArrayBuffer> | undefined} */
export function keyOf(key) {
    return KEY.test(key) ? fromBase64(key) : undefined;
}

/** @param {string} hash @param {string[]} names */
function saidIn(hash, names) {
    const said = new URLSearchParams(hash.slice(1));
    return names.map((name) => said.get(name) ?? "");
}
