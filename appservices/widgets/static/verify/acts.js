/**
 * What a file of acts proves: the organisation's signature, the signed head of its log, what each act
 * commits to, its place in the log, and that the acts follow one another. The same verdicts as
 * `veche.transparency.act_proof`; a test compares them. Pure.
 *
 * @typedef {"not_acts" | "unknown_signer" | "wrong_signature" | "bad_head" | "other_act"
 *   | "not_in_log" | "other_order"} Fault
 *
 * @typedef {object} Opening who did what to whom, why, under which law
 * @property {string} act class of the act
 * @property {string} agency
 * @property {string} actor a role
 * @property {string} subject what the organisation calls the person
 * @property {number} seq which act on this person, from 1
 * @property {string} prev commitment of the act before
 * @property {number} ts when
 * @property {string} purpose
 * @property {string} basis the rule or law
 * @property {string} [why]
 * @property {string} [case]
 *
 * @typedef {object} ProvenActs
 * @property {string} organisation
 * @property {import("./notes.js").Checkpoint} head the head that has them; its origin is the log
 * @property {Opening[]} acts in their order
 * @property {Cosigned | undefined} cosigned who vouches for the log; none is shown
 *
 * @typedef {object} Cosigned
 * @property {number} size how many acts the head has that witnesses signed
 * @property {Record<string, number>} times_s when, by the name of each witness whose key is known
 */
import { canonical, canonicalBytes } from "../kit/canonical.js";
import { fromUnpadded, sha256, utf8 } from "./bytes.js";
import { isActs, isObject, isOpening } from "./form.js";
import { isExtended, isIncluded } from "./merkle.js";
import { NoteError, cosignatures, logOf, openCheckpoint } from "./notes.js";
import { filled, parsed, signedBytes, signer } from "./signed_json.js";

export const ACTS_FILE_BYTES_MAX = 2_097_152;
const ENVELOPE_BYTES_MAX = 1_048_576;
const OPENING_BYTES_MAX = 4096;
const KEY = "org.veche.acts";
const ORGANISATION = /^[a-z0-9](?:[a-z0-9.-]{0,126}[a-z0-9])?$/;
const HOUR_CHARACTERS = 13;
const ENTRY = { a: "string", c: "string", h: "string", k: "string", n: "number", v: "number" };
export const CLASSES = /** @type {const} */ ([
    "message",
    "notice",
    "data_request",
    "doc_issued",
    "record_write",
    "invoice",
    "payment_pull",
    "payout",
    "restriction",
    "certificate",
    "seal",
]);

/** Acts are not proven, or nobody can tell. */
export class ActsError extends Error {
    /** @param {Fault} fault */
    constructor(fault) {
        super(fault);
        this.fault = fault;
    }
}

/**
 * @param {Uint8Array} data
 * @returns {Record<string, any> | undefined} the file with acts that it is; none if it is another
 * @throws {ActsError} it has acts, and numbers that nobody signs
 */
export function readActs(data) {
    const file = data.length > ACTS_FILE_BYTES_MAX ? undefined : parsed(data);
    if (!isObject(file?.value) || !Object.hasOwn(file.value, KEY)) return undefined;
    if (!file.isPlain) throw new ActsError("not_acts");
    return file.value;
}

/**
 * @param {Record<string, any>} value as it was read
 * @param {import("./notes.js").Key[]} keys of logs of acts that are believed
 * @returns {Promise<ProvenActs>}
 * @throws {ActsError}
 */
export async function verifyActs(value, keys) {
    const proof = value[KEY];
    if (!isActs(proof) || !isSignable(value)) throw new ActsError("not_acts");
    const origin = await signer(value, keys, ActsError);
    const head = await headOf(proof.checkpoint, origin, keys);
    const organisation = origin.slice(origin.lastIndexOf("/") + 1);
    /** @type {Opening[]} */
    const acts = [];
    let last = "";
    for (const one of proof.acts) {
        const { opening, c } = await proven(one, organisation, head);
        const before = acts.at(-1);
        if (before && !isNext(before, last, opening)) throw new ActsError("other_order");
        acts.push(opening);
        last = c;
    }
    const cosigned = await cosignedHead(proof.witnessed, head, keys);
    return { organisation, head, acts, cosigned };
}

/**
 * @param {{checkpoint: string, consistency: string[]} | null | undefined} witnessed
 * @param {import("./notes.js").Checkpoint} newest
 * @param {import("./notes.js").Key[]} keys
 * @returns {Promise<Cosigned | undefined>} who vouches for the log
 */
async function cosignedHead(witnessed, newest, keys) {
    if (!witnessed) return undefined;
    const { checkpoint, consistency } = witnessed;
    const head = await headOf(checkpoint, newest.origin, keys);
    const times_s = await cosignatures(checkpoint, keys).catch((error) => {
        throw error instanceof NoteError ? new ActsError("bad_head") : error;
    });
    if (!(await isExtended(head, newest, consistency.map(hash)))) throw new ActsError("bad_head");
    return { size: head.size, times_s };
}

/** @param {Record<string, any>} value @returns {boolean} whether it is such that somebody can sign it */
function isSignable(value) {
    try {
        return signedBytes(value).length <= ENVELOPE_BYTES_MAX;
    } catch {
        return false;
    }
}

/**
 * @param {string} note
 * @param {string} origin
 * @param {import("./notes.js").Key[]} keys
 */
async function headOf(note, origin, keys) {
    const head = await openCheckpoint(note, keys).catch((error) => {
        throw error instanceof NoteError ? new ActsError("bad_head") : error;
    });
    if (logOf(head.origin) !== logOf(origin)) throw new ActsError("bad_head");
    return head;
}

/** @param {Opening} before @param {string} c its commitment @param {Opening} after */
function isNext(before, c, after) {
    const isLater = after.seq > before.seq && after.subject === before.subject;
    return isLater && (after.seq !== before.seq + 1 || after.prev === c);
}

/**
 * What an act is, once its opening and its place in the log are checked.
 * @param {Record<string, any>} proof
 * @param {string} organisation
 * @param {import("./notes.js").Checkpoint} head
 * @returns {Promise<{opening: Opening, c: string}>} with its commitment
 */
async function proven({ e, bound, salt, opening, index, path }, organisation, head) {
    const entry = readEntry(e);
    const hidden = await hide(opening, hash(salt));
    if (!isOpening(opening)) throw new ActsError("other_act");
    const c = await sha256(utf8("veche-leaf/v1\n"), hash(bound), hidden);
    if (btoa(String.fromCharCode(...c)).replace(/=+$/, "") !== entry.c)
        throw new ActsError("other_act");
    checkPublic(opening, entry, organisation);
    if (!(await isIncluded(head.root, utf8(e), index, head.size, path.map(hash))))
        throw new ActsError("not_in_log");
    return { opening, c: entry.c };
}

/** @param {string} text @returns {Record<string, any>} what is public of an act */
function readEntry(text) {
    const kinds = Object.entries(ENTRY);
    try {
        const entry = JSON.parse(text);
        const isFormed =
            isObject(entry) &&
            canonical(entry) === text &&
            Object.keys(entry).length === kinds.length &&
            kinds.every(
                ([name, kind]) => Object.hasOwn(entry, name) && typeof entry[name] === kind,
            );
        const isKnown = isFormed && entry.v === 1 && ORGANISATION.test(entry.a);
        if (isKnown && CLASSES.includes(entry.k)) return entry;
    } catch {
        // It is no JSON, or none that a log writes.
    }
    throw new ActsError("other_act");
}

/**
 * @param {Record<string, any>} opening
 * @param {import("./bytes.js").Bytes} salt
 * @returns {Promise<Uint8Array>} the part of the commitment that hides the opening
 */
async function hide(opening, salt) {
    const data = canonicalBytes(opening);
    if (data.length > OPENING_BYTES_MAX) throw new ActsError("other_act");
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", salt, algorithm, false, ["sign"]);
    const message = Uint8Array.of(...utf8("veche-act/v1\n"), ...data);
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
}

/**
 * What everybody sees of an act has to be true of it.
 * @param {Opening} opening
 * @param {Record<string, any>} entry
 * @param {string} organisation
 */
function checkPublic(opening, entry, organisation) {
    const isTrue =
        entry.a === organisation &&
        entry.a === opening.agency &&
        entry.k === opening.act &&
        entry.h === new Date(opening.ts).toISOString().slice(0, HOUR_CHARACTERS) &&
        entry.n === (opening.subject ? 1 : 0);
    if (!isTrue) throw new ActsError("other_act");
    if ((opening.seq === 1) !== (opening.prev === "")) throw new ActsError("other_order");
}

/** @param {string} text of the form of a hash @returns {import("./bytes.js").Bytes} */
function hash(text) {
    return fromUnpadded(text) ?? new Uint8Array();
}

/** @param {Record<string, any>} value @returns {string[]} the logs in whose names it says it is signed */
export function logsOf(value) {
    return Object.keys(filled(value.signatures) ?? {}).filter((name) =>
        name.includes("/veche/acts/"),
    );
}
