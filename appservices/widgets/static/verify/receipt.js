/**
 * What a receipt proves: signature, then the entry of the ledger, then its block, then the published
 * head. The same verdicts as `veche.contracts.payments.receipt`; a test compares them. Pure.
 *
 * @typedef {"not_a_receipt" | "unknown_signer" | "wrong_signature" | "other_entry" | "not_in_block"
 *   | "bad_head" | "not_published"} Fault
 *
 * @typedef {object} Verified
 * @property {Record<string, any>} receipt
 * @property {string} origin the ledger, in whose name it is signed
 * @property {(import("./notes.js").Checkpoint & {times_s: Record<string, number>}) | undefined} published
 *   the head that has its block, and when each known witness signed it
 */
import { canonical } from "../kit/canonical.js";
import { eightBytes, fromUnpadded, joined, sha256, utf8 } from "./bytes.js";
import { isObject, isPublished, isReceipt } from "./form.js";
import { isIncluded } from "./merkle.js";
import { NoteError, cosignatures, logOf, openCheckpoint } from "./notes.js";
import { filled, parsed, signer } from "./signed_json.js";

const FILE_BYTES_MAX = 65_536;
const PLACES = 8192;
/** Flags of entries that move nothing: holds, and what ends them without a payment. */
const NOT_MOVED = 2 | 8 | 512;
const KEY = "org.veche.receipt";
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A receipt does not hold, or nobody can tell. */
export class ReceiptError extends Error {
    /** @param {Fault} fault */
    constructor(fault) {
        super(fault);
        this.fault = fault;
    }
}

/**
 * The receipt in a file: alone, in the content of an event, or in a whole event.
 * @param {Uint8Array} data
 * @returns {Record<string, any>}
 * @throws {ReceiptError} there is none in it
 */
export function readReceipt(data) {
    const file = data.length > FILE_BYTES_MAX ? undefined : parsed(data);
    const value = file?.isPlain ? file.value : undefined;
    if (!isObject(value)) throw new ReceiptError("not_a_receipt");
    const content = filled(value.content) ?? value;
    return filled(content[KEY]) ?? value;
}

/**
 * @param {Record<string, any>} value as it was read
 * @param {import("./notes.js").Key[]} keys of ledgers that are believed
 * @param {unknown} [published] the proof that was fetched; else the one that the receipt has, if any
 * @returns {Promise<Verified>}
 * @throws {ReceiptError}
 */
export async function verifyReceipt(value, keys, published) {
    if (!hasForm(value)) throw new ReceiptError("not_a_receipt");
    const origin = await signer(value, keys, ReceiptError);
    checkEntry(value, origin);
    const head = await headOfBlock(value.ledger_proof);
    const proof = published ?? filled(value.unsigned)?.published;
    if (proof === undefined || proof === null)
        return { receipt: value, origin, published: undefined };
    const { seq } = value.ledger_proof.block;
    return {
        receipt: value,
        origin,
        published: await publishedHead(proof, origin, { seq, head }, keys),
    };
}

/** @param {Record<string, any>} value */
function hasForm(value) {
    try {
        canonical(value);
        return isReceipt(value);
    } catch {
        return false;
    }
}

/**
 * The entry of the ledger has to be the one that the receipt speaks of.
 * @param {Record<string, any>} receipt
 * @param {string} origin
 */
function checkEntry(receipt, origin) {
    const { leaf, block } = receipt.ledger_proof;
    const entry = readEntry(leaf);
    const { flags, pos, shard } = entry;
    const isSaid =
        entry.id === hexOfUlid(receipt.id) &&
        entry.ref === hexOfUlid(receipt.payment) &&
        entry.amount === receipt.amount.minor &&
        entry.at_ms === receipt.at_ms &&
        (entry.refund_of ?? null) === (receipt.refund_of ? hexOfUlid(receipt.refund_of) : null);
    const isMoved =
        [flags, pos, shard].every((one) => typeof one === "number") && !(flags & NOT_MOVED);
    const isThere = Math.floor(pos / PLACES) === block.seq && receipt.at_ms === block.at_ms;
    const isOurs = origin.slice(origin.lastIndexOf("/") + 1) === String(shard);
    if (!isSaid || !isMoved || !isThere || !isOurs) throw new ReceiptError("other_entry");
}

/** @param {string} leaf written as the ledger writes it @returns {Record<string, any>} */
function readEntry(leaf) {
    try {
        const entry = JSON.parse(leaf);
        if (isObject(entry) && canonical(entry) === leaf) return entry;
    } catch {
        // It is no JSON, or none that the ledger writes.
    }
    throw new ReceiptError("other_entry");
}

/** @param {Record<string, any>} proof @returns {Promise<Uint8Array>} the head of the block that has the entry */
async function headOfBlock({ leaf, index, block, path }) {
    const { seq, at_ms, n } = block;
    const [root, prev] = [hash(block.root), hash(block.prev)];
    if (!(await isIncluded(root, utf8(leaf), index, n, path.map(hash))))
        throw new ReceiptError("not_in_block");
    const numbers = joined(eightBytes(seq), eightBytes(at_ms), eightBytes(n).slice(4));
    return sha256(Uint8Array.of(2), prev, numbers, root);
}

/**
 * @param {unknown} proof
 * @param {string} origin
 * @param {{seq: number, head: Uint8Array}} block
 * @param {import("./notes.js").Key[]} keys
 */
async function publishedHead(proof, origin, { seq, head }, keys) {
    if (!isPublished(proof)) throw new ReceiptError("bad_head");
    const { path, checkpoint } = /** @type {Record<string, any>} */ (proof);
    const found = await openCheckpoint(checkpoint, keys).catch((error) => {
        throw error instanceof NoteError ? new ReceiptError("bad_head") : error;
    });
    if (logOf(found.origin) !== logOf(origin)) throw new ReceiptError("bad_head");
    if (!(await isIncluded(found.root, head, seq - 1, found.size, path.map(hash))))
        throw new ReceiptError("not_published");
    const times_s = await cosignatures(checkpoint, keys).catch((error) => {
        throw error instanceof NoteError ? new ReceiptError("bad_head") : error;
    });
    return { ...found, times_s };
}

/** @param {string} text of the form of a hash @returns {Uint8Array} */
function hash(text) {
    return fromUnpadded(text) ?? new Uint8Array();
}

/** @param {string} ulid */
function hexOfUlid(ulid) {
    const number = [...ulid].reduce((all, one) => all * 32n + BigInt(CROCKFORD.indexOf(one)), 0n);
    return number.toString(16).padStart(32, "0");
}
