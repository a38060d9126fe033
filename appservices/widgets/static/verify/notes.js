/**
 * Signed notes and checkpoints of C2SP, as `veche.protocol.notes` reads them. Pure.
 *
 * @typedef {object} Key
 * @property {string} name whose it is; a ledger's is its origin
 * @property {string} id eight hex digits
 * @property {import("./bytes.js").Bytes} key 32 bytes
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
    if (!NAME.test(name) || data?.length !== 1 + KEY_BYTES || data[0] !== 1)
        throw new NoteError("not a key");
    const digest = await sha256(utf8(`${name}\n`), data);
    const key = data.slice(1);
    if (hex(digest.slice(0, KEY_ID_BYTES)) !== id || !isKey(key)) throw new NoteError("not a key");
    return { name, id, key };
}

/**
 * @param {string} note
 * @param {Key[]} keys of logs
 * @returns {Promise<Checkpoint>}
 * @throws {NoteError} it is none, or its log did not sign it with one of these keys
 */
export async function openCheckpoint(note, keys) {
    const { text, lines } = parted(note);
    /** @type {Set<string>} */
    const names = new Set();
    for (const line of lines) {
        const [, name, encoded = ""] = LINE.exec(line) ?? [];
        const blob = fromPadded(encoded);
        if (!name || !blob) throw new NoteError("a line of signatures");
        const id = hex(blob.slice(0, KEY_ID_BYTES));
        const known = keys.find((one) => one.name === name && one.id === id);
        if (!known) continue;
        if (!(await isSigned(known.key, blob.slice(KEY_ID_BYTES), utf8(text))))
            throw new NoteError("a wrong signature");
        names.add(name);
    }
    const [origin = "", size = "", root = "", ...rest] = text.split("\n");
    const digest = fromPadded(root);
    const isFormed = rest.length === 1 && origin && SIZE.test(size);
    if (!isFormed || !Number.isSafeInteger(Number(size)) || digest?.length !== HASH_BYTES)
        throw new NoteError("not a checkpoint");
    if (!names.has(origin)) throw new NoteError("not signed by its log");
    return { origin, size: Number(size), root: digest };
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
