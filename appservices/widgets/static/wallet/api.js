/**
 * What the wallet asks the service. Nothing here moves money: it asks, and the key approves.
 *
 * @typedef {{minor: number, currency: string}} Money
 * @typedef {{address: string, name: string}} Party
 *
 * @typedef {object} Entry a payment, as a list shows it
 * @property {string} id
 * @property {string} number
 * @property {string} kind
 * @property {string} state
 * @property {boolean} is_out
 * @property {Party} other
 * @property {Money} amount
 * @property {Money} fee
 * @property {string} reference
 * @property {number} at_ms
 * @property {number | null} due_at_ms
 * @property {string | null} why
 * @property {boolean} has_receipt
 *
 * @typedef {object} Invoice
 * @property {string} id
 * @property {number} version
 * @property {string} state
 * @property {Party} issuer
 * @property {string} title
 * @property {string | null} notice_id
 * @property {{text: string, amount: Money}[]} lines
 * @property {Money} total
 * @property {number} due_at_ms
 * @property {string | null} law
 * @property {string | null} appeal
 * @property {string} reference
 * @property {string} link
 * @property {string} code SVG
 * @property {string | null} refusal
 *
 * @typedef {object} MorePayment
 * @property {Record<string, unknown> | null} asked
 * @property {{verdict: "go" | "wait" | "guard" | "refuse", words: string, until_ms: number | null}
 *   | null} foreseen
 * @property {Invoice | null} invoice
 * @property {boolean} can_stop
 * @property {boolean} can_object
 * @property {string | null} note what the bank says of the payee's name
 * @property {boolean} is_warning whether it says that the name is another
 * @property {boolean} has_tax_invoice
 * @property {Extras | null} extras
 * @property {{label: string, asked: Record<string, unknown>}[]} purses accounts of others
 * @property {string | null} instead the payment from such a one that took its place
 * @property {{name: string, value: string}[]} chosen what makes the amount another than the invoice's
 * @property {string | null} dispute
 * @property {boolean} can_dispute
 * @property {string} version
 * @typedef {Entry & MorePayment} Payment
 *
 * @typedef {object} Extras what an invoice asks before it is approved
 * @property {{id: string, label: string}[]} choices
 * @property {boolean} takes_tip
 * @property {boolean} takes_place
 * @property {boolean} is_asked
 *
 * @typedef {object} Allowance
 * @property {string} id
 * @property {boolean} is_given
 * @property {Party} other
 * @property {string} payees
 * @property {Money} each_max
 * @property {"day" | "week" | "month" | "year"} period
 * @property {Money} period_max
 * @property {Money} left
 * @property {number} starts_at_ms
 * @property {number} ends_at_ms
 * @property {Entry[]} uses
 *
 * @typedef {object} Guards
 * @property {"asked" | "waiting" | "active"} state
 * @property {Party[]} guardians
 * @property {number} needed
 * @property {Money} above
 * @property {boolean} is_shown
 * @property {number | null} counts_from_ms
 *
 * @typedef {object} Escrow
 * @property {string} id
 * @property {string} number
 * @property {string} state
 * @property {"buyer" | "seller" | "arbiter"} role
 * @property {Money} amount
 * @property {string} reference
 * @property {string} words
 * @property {number} k
 * @property {(Party & {role: string, has_agreed: boolean, decision: string | null})[]} parties
 * @property {number} ends_at_ms
 * @property {number | null} due_at_ms
 * @property {string} silence
 * @property {string} stuck
 * @property {Money | null} held
 * @property {boolean} is_over
 * @property {import("./deals_api.js").Ask[]} asks
 * @property {string[]} can
 *
 * @typedef {object} Trust
 * @property {string} version
 * @property {Allowance[]} allowances
 * @property {Guards[]} guardians
 * @property {Escrow[]} escrows
 *
 * @typedef {object} Mandate
 * @property {string} id
 * @property {"proposed" | "active" | "paused"} state
 * @property {Party} payee
 * @property {string} purpose
 * @property {Money} each_max
 * @property {"day" | "week" | "month" | "year"} period
 * @property {Money} period_max
 * @property {number} starts_at_ms
 * @property {number} ends_at_ms
 * @property {string} notice
 * @property {number} count
 * @property {number | null} count_max
 * @property {Record<string, unknown> | null} asked
 *
 * @typedef {object} Wallet
 * @property {string} version
 * @property {string} person
 * @property {string} institution
 * @property {string} bot
 * @property {string} bot_link
 * @property {boolean} has_chat
 * @property {boolean} is_frozen
 * @property {number} disputes_open that wait for this person
 * @property {number} escrows_open likewise
 * @property {Record<string, unknown> | null} unfreeze
 * @property {string[]} currencies
 * @property {boolean} has_bank
 * @property {{available: Money, held: Money}[]} balances
 * @property {Entry[]} open
 * @property {Entry[]} latest
 * @property {Party[]} payees
 * @property {Mandate[]} mandates
 *
 * @typedef {object} Code
 * @property {"invoice" | "person" | "bank" | "other"} kind
 * @property {string | null} link
 * @property {Party | null} payee
 * @property {string} amount
 * @property {string} currency
 * @property {string} reference
 * @property {{name: string, value: string}[]} facts
 * @property {string} words
 *
 * @typedef {object} Booked
 * @property {number} at_ms
 * @property {number} minor
 * @property {number} balance_minor
 * @property {string} address of the other side, or empty
 * @property {string} name
 * @property {string} text
 * @property {string | null} payment
 *
 * @typedef {object} History
 * @property {string} currency
 * @property {number} opening_minor
 * @property {number} credit_minor
 * @property {number} debit_minor
 * @property {number} closing_minor
 * @property {Booked[]} lines
 * @property {number} left_out
 *
 * @typedef {object} Limit
 * @property {string} currency
 * @property {"first_payee" | "day"} kind
 * @property {number | null} minor
 * @property {number | null} later_minor
 * @property {number | null} later_at_ms
 *
 * @typedef {{bank: string, owner: string, account: string, reference: string, currency: string,
 *   code: string | null, is_play_money: boolean}} TopUp
 *
 * @typedef {{payee: string, amount: string, currency: string, reference: string}} Order
 * @typedef {{iban: string, name: string, amount: string, currency: string, reference: string}} Payout
 * @typedef {{invoice: string, version: number, hash: string}} Link
 */
import { call, download, follow, newKey } from "../kit/api.js";

const API = "/_veche/wallet/v1";
const LINK = /^([0-7][0-9A-HJKMNP-TV-Z]{25})\.([1-9]\d{0,5})\.([0-9a-f]{16})$/;

/**
 * @param {(wallet: Wallet) => void} changed
 * @param {(error: Error) => void} failed
 * @returns {() => void} stops it
 */
export function followWallet(changed, failed) {
    return follow(`${API}/wallet`, changed, failed);
}

/**
 * @param {string} id
 * @param {(payment: Payment) => void} changed
 * @param {(error: Error) => void} failed
 * @returns {() => void} stops it
 */
export function followPayment(id, changed, failed) {
    return follow(`${API}/payments/${id}`, changed, failed);
}

/** @param {string} id @returns {Promise<Blob>} */
export function readReceipt(id) {
    return download(`${API}/payments/${id}/receipt`);
}

/** @param {string} id @returns {Promise<Blob>} */
export function readReceiptPdf(id) {
    return download(`${API}/payments/${id}/receipt.pdf`);
}

/** @param {string} id @returns {Promise<Blob>} the tax invoice */
export function readInvoiceFile(id) {
    return download(`${API}/payments/${id}/invoice`);
}

/**
 * @param {(trust: Trust) => void} changed
 * @param {(error: Error) => void} failed
 * @returns {() => void} stops it
 */
export function followTrust(changed, failed) {
    return follow(`${API}/trust`, changed, failed);
}

/** @param {string} id @returns {Promise<Trust>} */
export function endAllowance(id) {
    return call("POST", `${API}/allowances/${id}/end`, { body: {} });
}

/**
 * @param {string} id of the payment
 * @param {{choice: string} | {tip: string} | {place: string}} chosen
 * @returns {Promise<Payment>}
 */
export function choose(id, chosen) {
    return call("POST", `${API}/payments/${id}/choose`, { body: chosen });
}

/** @param {Order} order @returns {Promise<Payment>} */
export function pay(order) {
    return call("POST", `${API}/payments`, { body: order, key: newKey() });
}

/** @param {Payout} order @returns {Promise<Payment>} */
export function payOut(order) {
    return call("POST", `${API}/payouts`, { body: order, key: newKey() });
}

/** @param {Link} link @returns {Promise<Payment>} */
export function payInvoice(link) {
    // What was asked before is answered again, so it may be repeated.
    return call("POST", `${API}/invoices/pay`, { body: link, key: newKey() });
}

/** @param {Link} link @param {AbortSignal} signal @returns {Promise<Invoice>} */
export function readInvoice(link, signal) {
    return call("POST", `${API}/invoices`, { body: link, key: newKey(), signal });
}

/** @param {string} text @returns {Promise<Code>} */
export function readCode(text) {
    return call("POST", `${API}/codes`, { body: { text }, key: newKey() });
}

/** @param {string} id @param {"stop" | "object"} act @returns {Promise<Payment>} */
export function act(id, act) {
    return call("POST", `${API}/payments/${id}/${act}`, { body: {} });
}

/** @param {string} id @param {"pause" | "resume" | "revoke" | "decline"} choice */
export function changeMandate(id, choice) {
    return call("POST", `${API}/mandates/${id}/${choice}`, { body: {} });
}

/**
 * @param {{amount: string, currency: string, reference: string}} wanted
 * @returns {Promise<{link: string, code: string}>}
 */
export function request(wanted) {
    return call("POST", `${API}/requests`, { body: wanted, key: newKey() });
}

/** @typedef {{currency: string, first: string, last: string}} Days of the calendar, UTC */

/** @param {Days & {q: string}} query @param {AbortSignal} signal @returns {Promise<History>} */
export function readHistory(query, signal) {
    return call("GET", `${API}/history`, { query, signal });
}

/** @param {Days} days @param {"csv" | "pdf" | "camt053"} form @returns {Promise<Blob>} */
export function readStatement(days, form) {
    return download(`${API}/statement`, { query: { ...days, form } });
}

/** @returns {Promise<{limits: Limit[]}>} */
export function readLimits() {
    return call("GET", `${API}/limits`);
}

/**
 * @param {{currency: string, kind: string, minor: number | null}} limit
 * @returns {Promise<{limits: Limit[]}>}
 */
export function setLimit(limit) {
    return call("POST", `${API}/limits`, { body: limit });
}

/** @param {AbortSignal} signal @returns {Promise<{ways: TopUp[]}>} */
export function readTopUps(signal) {
    return call("GET", `${API}/topups`, { signal });
}

/** Stops everything of the person. */
export function freeze() {
    return call("POST", `${API}/freeze`, { body: {} });
}

/** Has the key asked that lets it go on. */
export function unfreeze() {
    return call("POST", `${API}/unfreeze`, { body: {} });
}

/** @param {string} fragment of an invoice's page, without # @returns {Link | undefined} */
export function linkOf(fragment) {
    const [, invoice = "", version = "", hash = ""] = LINK.exec(fragment) ?? [];
    return invoice ? { invoice, version: Number(version), hash } : undefined;
}
