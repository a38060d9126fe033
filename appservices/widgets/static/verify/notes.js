/**
 * Signed notes and checkpoints of C2SP, as `veche.transparency.notes` reads them. Pure.
 *
 * @typedef {object} Key
 * @property {string} name whose it is; a ledger's is its origin
 * @property {string} id eight hex digits
 * @property {import("./bytes.js").Bytes} key 32 bytes
 * @property {boolean} isWitness whether it signs checkpoints of others, with the time
 *
 * @typedef {object} Checkpoint
 * @property {string} origin
 * @property {number} size how many blocks
 * @property {import("./bytes.js").Bytes} root
 */
import { fromPadded, hex, sha256, utf8 } from "./bytes.js";
import { isKey, isSigned } from "./ed25519.js";

const NOTE_BYTES_MAX = 16_384;
const SIGNATURES_MAX = 16;
const KEY_ID_BYTES = 4;
const KEY_BYTES = 32;
const HASH_BYTES = 32;
const TIME_BYTES = 8;
const TIME_MAX = 2n ** 63n - 1n;
/** What a key signs, by its first byte: notes as they stand, or checkpoints of others with the time. */
const LOG = 1;
const WITNESS = 4;
const NAME = /^[!-*,-~]{1,255}$/;
const LINE = /^\u2014 ([^ +\n]{1,255}) ([A-Za-z0-9+/=]{8,})$/u;
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;
const LONE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** A note, or a key, is of another form, or not signed as it should be. */
export class NoteError extends Error {}

/**
 * @param {string} text "<name>+<id>+<base64>"
 * @returns {Promise<Key>}
 * @throws {NoteError} it is no key that a careful verifier takes
 */
export async function readKey(text) {
    const [name = "", id = "", ...rest] = text.split("+");
    const data = fromPadded(rest.join("+"));
    const kind = data?.[0];
    const isKnown = kind === LOG || kind === WITNESS;
    if (!NAME.test(name) || data?.length !== 1 + KEY_BYTES || !isKnown)
        throw new NoteError("not a key");
    const digest = await sha256(utf8(`${name}\n`), data);
    const key = data.slice(1);
    if (hex(digest.slice(0, KEY_ID_BYTES)) !== id || !isKey(key)) throw new NoteError("not a key");
    return { name, id, key, isWitness: kind === WITNESS };
}

/**
 * @param {string} text keys, with white space between them
 * @returns {Promise<Key[]>}
 * @throws {NoteError} one is no key that a careful verifier takes, or there are too many
 */
export async function readKeys(text) {
    const found = text.trim().split(/\s+/);
    if (found.length > SIGNATURES_MAX) throw new NoteError("too many keys");
    return Promise.all(found.map(readKey));
}

/**
 * @param {string} origin
 * @returns {string} which log it is of, whatever its history
 */
export function logOf(origin) {
    return origin.replace(/\/v[1-9][0-9]{0,8}\/(?=[^/]*$)/, "/v1/");
}

/**
 * @param {string} note
 * @param {Key[]} keys of logs and witnesses
 * @returns {Promise<Checkpoint>}
 * @throws {NoteError} it is none, or its log did not sign it with one of these keys
 */
export async function openCheckpoint(note, keys) {
    const { text, times } = await verified(note, keys);
    const [origin = "", size = "", root = "", ...rest] = text.split("\n");
    const digest = fromPadded(root);
    const isFormed = rest.length === 1 && origin && SIZE.test(size);
    if (!isFormed || !Number.isSafeInteger(Number(size)) || digest?.length !== HASH_BYTES)
        throw new NoteError("not a checkpoint");
    const isOfLog = [...times.keys()].some((key) => key.name === origin && !key.isWitness);
    if (!isOfLog) throw new NoteError("not signed by its log");
    return { origin, size: Number(size), root: digest };
}

/**
 * Which known witnesses have signed a checkpoint, and when: seconds since 1970, the newest of each.
 * @param {string} note
 * @param {Key[]} keys
 * @returns {Promise<Record<string, number>>} by name, in their order
 * @throws {NoteError} a signature of a known witness is wrong
 */
export async function cosignatures(note, keys) {
    const witnesses = keys.filter(({ isWitness }) => isWitness);
    const { times } = await verified(note, witnesses);
    const found = [...times].map(([{ name }, time]) => [name, Number(time)]);
    return Object.fromEntries(found.toSorted(([one = ""], [other = ""]) => (one < other ? -1 : 1)));
}

/**
 * @param {string} note
 * @param {Key[]} keys
 * @returns {Promise<{text: string, times: Map<Key, bigint>}>} those that signed; witnesses with the time
 * @throws {NoteError} it is no note, or a signature of a known key is wrong
 */
async function verified(note, keys) {
    const { text, lines } = parted(note);
    /** @type {Map<Key, bigint>} */
    const times = new Map();
    for (const line of lines) {
        const [, name, encoded = ""] = LINE.exec(line) ?? [];
        const blob = fromPadded(encoded);
        if (!name || !blob) throw new NoteError("a line of signatures");
        const id = hex(blob.slice(0, KEY_ID_BYTES));
        const known = keys.find((one) => one.name === name && one.id === id);
        if (!known) continue;
        const time = await signedAt(known, blob.slice(KEY_ID_BYTES), text);
        if (time > (times.get(known) ?? -1n)) times.set(known, time);
    }
    return { text, times };
}

/**
 * @param {Key} key
 * @param {import("./bytes.js").Bytes} signature of a witness after the time
 * @param {string} text
 * @returns {Promise<bigint>} seconds since 1970; 0 of a log
 * @throws {NoteError} it is wrong
 */
async function signedAt(key, signature, text) {
    const time = key.isWitness ? BigInt(`0x${hex(signature.slice(0, TIME_BYTES)) || 0}`) : 0n;
    const signed = key.isWitness ? `cosignature/v1\ntime ${time}\n${text}` : text;
    const rest = key.isWitness ? signature.slice(TIME_BYTES) : signature;
    if (time > TIME_MAX || !(await isSigned(key.key, rest, utf8(signed))))
        throw new NoteError("a wrong signature");
    return time;
}

/** @param {string} note @returns {{text: string, lines: string[]}} */
function parted(note) {
    const hasControls = [...note].some((one) => one < " " && one !== "\n");
    if (utf8(note).length > NOTE_BYTES_MAX || hasControls || LONE.test(note))
        throw new NoteError("not a note");
    const cut = note.lastIndexOf("\n\n");
    const lines = note.slice(cut + 2).split("\n");
    const isEnded = lines.pop() === "";
    if (cut < 1 || !isEnded || lines.length < 1 || lines.length > SIGNATURES_MAX)
        throw new NoteError("not a note");
    return { text: note.slice(0, cut + 1), lines };
}
