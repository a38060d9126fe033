/**
 * What the link from the chat says: which session, as whom, and the key of its document. All of it
 * stands behind the `#`: no server is told the key, and no log has the token. Pure.
 *
 * @typedef {object} Link of the bot
 * @property {string} session
 * @property {string} party
 * @property {string} token
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: the link was cut off, or the service has
 *     no key
 * @property {string} [document] SHA-256 of the document, base64, if who asks has told it
 *
 * @typedef {object} PrivateLink of who asks for signatures: one for all, who are known by signing in
 * @property {string} session
 * @property {Uint8Array<ArrayBuffer> | undefined} key
 * @property {string} document SHA-256 of the document, base64
 *
 * @typedef {object} OwnedLink of who asks for the signatures, who is signed in, and takes no part
 * @property {string} session
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: the link was cut off
 * @property {true} isOwned
 *
 * @typedef {object} ListLink opens all that waits for a person
 * @property {string} header what is told the service: whose list, until when, the token
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: the link was cut off
 *
 * @typedef {object} MeetingLink lets one phone or tablet in, or shows the code for it
 * @property {string} meeting
 * @property {string} token
 * @property {Uint8Array<ArrayBuffer> | undefined} key none: of a screen, or it was cut off
 */
import { base64, base64url, fromBase64 } from "../kit/approval.js";

const SESSION = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const PARTY = /^p[1-9]\d{0,2}$/;
const TOKEN = /^[A-Za-z0-9_-]{32}$/;
const NAME = /^[A-Za-z0-9_-]{1,400}$/;
const UNTIL = /^\d{1,16}$/;
const KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** @param {string} hash of the address @returns {Link | undefined} none: it is damaged */
export function readLink(hash) {
    const names = ["s", "p", "t", "k", "d"];
    const [session = "", party = "", token = "", key = "", document = ""] = saidIn(hash, names);
    if (!SESSION.test(session) || !PARTY.test(party) || !TOKEN.test(token)) return undefined;
    const promised = KEY.test(document) && { document: base64(fromBase64(document)) };
    return { session, party, token, key: keyOf(key), ...promised };
}

/** @param {string} hash of the address, or of a link @returns {PrivateLink | undefined} */
export function readPrivateLink(hash) {
    const [session = "", party, key = "", document = ""] = saidIn(hash, ["s", "p", "k", "d"]);
    if (!SESSION.test(session) || party || !KEY.test(document)) return undefined;
    return { session, key: keyOf(key), document: base64(fromBase64(document)) };
}

/** @param {string} hash of the address @returns {OwnedLink | undefined} none: it is another, or damaged */
export function readOwnedLink(hash) {
    const [session = "", key = ""] = saidIn(hash, ["r", "k"]);
    return SESSION.test(session) ? { session, key: keyOf(key), isOwned: true } : undefined;
}

/**
 * @param {PrivateLink} link
 * @returns {string} what stands behind the `#` of it
 */
export function privateHash({ session, key, document }) {
    const said = {
        s: session,
        k: base64url(key ?? new Uint8Array()),
        d: base64url(fromBase64(document)),
    };
    return new URLSearchParams(said).toString();
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

/** @param {string} hash of the address @returns {"meet" | "screen" | "tablet" | undefined} of a meeting */
export function partOfMeeting(hash) {
    const said = new URLSearchParams(hash.slice(1));
    if (said.has("meet")) return "meet";
    if (said.has("tablet")) return "tablet";
    return said.has("screen") ? "screen" : undefined;
}

/** @param {string} hash of the address @returns {MeetingLink | undefined} none: it is damaged */
export function readMeetingLink(hash) {
    const [meet = "", screen = "", tablet = "", token = "", key = ""] = saidIn(hash, [
        "meet",
        "screen",
        "tablet",
        "x",
        "k",
    ]);
    const meeting = meet || screen || tablet;
    if (!SESSION.test(meeting) || !TOKEN.test(token)) return undefined;
    return { meeting, token, key: keyOf(key) };
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
