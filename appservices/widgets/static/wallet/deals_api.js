/**
 * What the wallet asks the service about disputes and escrows. Nothing here moves money: it asks,
 * and the key approves.
 *
 * @typedef {import("./api.js").Money} Money
 * @typedef {import("./api.js").Party} Party
 * @typedef {{id: string, label: string, asked: Record<string, unknown>}} Ask
 *
 * @typedef {object} Evidence a file
 * @property {number} n
 * @property {"payer" | "payee"} by
 * @property {string} name
 * @property {string} mimetype
 * @property {number} size_bytes
 * @property {string} sha256
 * @property {number} at_ms
 *
 * @typedef {object} Dispute
 * @property {string} id
 * @property {string} number
 * @property {string} payment
 * @property {string} state
 * @property {"payer" | "payee" | "desk"} side
 * @property {boolean} is_own
 * @property {Party} payer
 * @property {Party} payee
 * @property {Money} amount
 * @property {Money | null} held
 * @property {Money | null} given
 * @property {string} reference
 * @property {string} reason
 * @property {string} answer
 * @property {string} decision
 * @property {string} appeal
 * @property {string} words
 * @property {number | null} due_at_ms
 * @property {Evidence[]} evidence
 * @property {Ask[]} asks
 * @property {string[]} can
 *
 * @typedef {{version: string, disputes: Dispute[]}} Disputes
 *
 * @typedef {{payee: string, amount: string, currency: string, reference: string, arbiters: string[],
 *   k: number | null, until: string | null, on_silence: "return" | "release"}} NewEscrow
 *
 * @typedef {object} DisputeTerms
 * @property {Party} payee
 * @property {Money} left
 * @property {string | null} refusal
 * @property {string[]} terms
 */
import { call, download, follow, newKey } from "../kit/api.js";

const API = "/_veche/wallet/v1";

/**
 * @param {(disputes: Disputes) => void} changed
 * @param {(error: Error) => void} failed
 * @returns {() => void} stops it
 */
export function followDisputes(changed, failed) {
    return follow(`${API}/disputes`, changed, failed);
}

/** @param {string} payment @param {AbortSignal} signal @returns {Promise<DisputeTerms>} */
export function readTerms(payment, signal) {
    return call("GET", `${API}/payments/${payment}/dispute`, { signal });
}

/**
 * @param {string} payment
 * @param {{amount: string, currency: string, reason: string}} wanted
 * @returns {Promise<Disputes>}
 */
export function openDispute(payment, wanted) {
    return call("POST", `${API}/payments/${payment}/dispute`, { body: wanted });
}

/** @param {string} id @param {string} choice @param {string} words @returns {Promise<Disputes>} */
export function chooseInDispute(id, choice, words = "") {
    return call("POST", `${API}/disputes/${id}/choose/${choice}`, { body: { words } });
}

/**
 * @param {string} id
 * @param {{amount: string, words: string}} wanted
 * @returns {Promise<Disputes>}
 */
export function decideDispute(id, wanted) {
    return call("POST", `${API}/disputes/${id}/decide`, { body: wanted });
}

/** @param {string} id @param {File} file @returns {Promise<Disputes>} */
export async function sendEvidence(id, file) {
    const data = new Uint8Array(await file.arrayBuffer());
    const query = { name: file.name, ...(file.type && { mimetype: file.type.toLowerCase() }) };
    return call("POST", `${API}/disputes/${id}/evidence`, { data, query });
}

/** @param {string} id @param {number} n @returns {Promise<Blob>} */
export function readEvidence(id, n) {
    return download(`${API}/disputes/${id}/evidence/${n}`);
}

/** @param {NewEscrow} wanted @returns {Promise<import("./api.js").Trust>} */
export function openEscrow(wanted) {
    return call("POST", `${API}/escrows`, { body: wanted, key: newKey() });
}

/**
 * Has the key asked for: to put the money aside, or to decide.
 * @param {string} id
 * @param {string | null} part what the seller shall get; null: all or nothing
 * @returns {Promise<import("./api.js").Trust>}
 */
export function askInEscrow(id, part) {
    return call("POST", `${API}/escrows/${id}/ask`, { body: { part } });
}

/** @param {string} id @param {string} choice @returns {Promise<import("./api.js").Trust>} */
export function chooseInEscrow(id, choice) {
    return call("POST", `${API}/escrows/${id}/choose/${choice}`, { body: {} });
}
