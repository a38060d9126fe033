/**
 * What a receipt of delivery proves: who says how far which message has come. The same verdicts as
 * `veche verify`; a test compares them. Pure.
 *
 * @typedef {"not_delivery" | "unknown_signer" | "wrong_signature" | "other_signer"} Fault
 *
 * @typedef {{stage: string, how: string, at_ms: number}} Fact
 * @typedef {object} Delivered
 * @property {Record<string, any>} receipt
 * @property {string} origin the log, in whose name it is signed
 * @property {Fact | undefined} served the fact by which it is served, if it is
 */
import { canonical } from "../kit/canonical.js";
import { isDelivery, isObject } from "./form.js";
import { parsed, signer } from "./signed_json.js";

const FILE_BYTES_MAX = 65_536;
const KEY = "org.veche.delivery";
const LOG = "/veche/acts/";
/** @type {Record<string, Record<string, string>>} what each fact leads to, at each stage */
const TABLE = {
    queued: { accepted: "accepted", lost: "lost" },
    accepted: { delivered: "delivered", displayed: "displayed", deemed: "deemed" },
    delivered: { displayed: "displayed", deemed: "deemed" },
    displayed: { delivered: "displayed" },
    deemed: { delivered: "deemed", displayed: "deemed" },
    lost: {},
};
/** @type {Record<string, string[]>} what each fact may rest on */
const HOWS = {
    accepted: ["outbox"],
    delivered: ["acknowledged", "stored"],
    displayed: ["answer", "read_receipt"],
    deemed: ["rule"],
    lost: ["refused"],
};

/** The receipt does not hold, or nobody can tell. */
export class DeliveryError extends Error {
    /** @param {Fault} fault */
    constructor(fault) {
        super(fault);
        this.fault = fault;
    }
}

/**
 * @param {Uint8Array} data
 * @returns {Record<string, any> | undefined} the receipt that it is; none if it is another file
 * @throws {DeliveryError} it is one, with numbers that nobody signs
 */
export function readDelivery(data) {
    const file = data.length > FILE_BYTES_MAX ? undefined : parsed(data);
    if (!isObject(file?.value) || !Object.hasOwn(file.value, KEY)) return undefined;
    if (!file.isPlain) throw new DeliveryError("not_delivery");
    return file.value;
}

/**
 * @param {Record<string, any>} value as it was read
 * @param {import("./notes.js").Key[]} keys of logs of acts that are believed
 * @returns {Promise<Delivered>}
 * @throws {DeliveryError}
 */
export async function verifyDelivery(value, keys) {
    const receipt = value[KEY];
    if (!isSignable(value)) throw new DeliveryError("not_delivery");
    const origin = await signer(value, keys, DeliveryError);
    if (!isDelivery(receipt) || !isPossible(receipt)) throw new DeliveryError("not_delivery");
    const organisation = origin.slice(origin.lastIndexOf("/") + 1);
    if (!origin.includes(LOG) || organisation !== receipt.organisation)
        throw new DeliveryError("other_signer");
    const served = receipt.stages.find(isServing);
    return { receipt, origin, served };
}

/** @param {Fact} fact */
function isServing({ stage }) {
    return stage === "displayed" || stage === "deemed";
}

/** @param {Record<string, any>} receipt @returns {boolean} whether its facts can have come so */
function isPossible({ stages, event_id, evidence, rule }) {
    let at = "queued";
    const known = new Set();
    for (const { stage, how } of stages) {
        const next = TABLE[at]?.[stage];
        if (!next || known.has(stage) || !HOWS[stage]?.includes(how)) return false;
        known.add(stage);
        at = next;
    }
    const isSent = at !== "queued" && at !== "lost";
    return (
        isSent === (event_id !== null && event_id !== undefined) &&
        !(known.has("delivered") && evidence === "absent") &&
        !(known.has("deemed") && !rule)
    );
}

/** @param {unknown} value @returns {boolean} whether it has the form that is signed */
function isSignable(value) {
    try {
        canonical(value);
        return true;
    } catch {
        return false;
    }
}
