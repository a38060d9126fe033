/**
 * What the link from the chat says: which session, as whom, and the key of its document. All of it
 * stands behind the `#`: no server is told the key, and no log has the token. Pure.
 *
 * @typedef {object} Link
 * @property {string} session
 * @property {string} party
 * @property {string} token
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: the link was cut off
 */
import { fromBase64 } from "../kit/approval.js";

const SESSION = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const PARTY = /^p[1-9]\d{0,2}$/;
const TOKEN = /^[A-Za-z0-9_-]{32}$/;
const KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** @param {string} hash of the address @returns {Link | undefined} none: it is damaged */
export function readLink(hash) {
    const said = new URLSearchParams(hash.slice(1));
    const [session = "", party = "", token = "", key = ""] = ["s", "p", "t", "k"].map(
        (name) => said.get(name) ?? "",
    );
    if (!SESSION.test(session) || !PARTY.test(party) || !TOKEN.test(token)) return undefined;
    return { session, party, token, key: KEY.test(key) ? fromBase64(key) : undefined };
}
