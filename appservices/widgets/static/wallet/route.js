/**
 * Addresses of the wallet, as values. What is to be paid stands behind the #, which no server sees.
 *
 * @typedef {{view: "wallet"} | {view: "pay"} | {view: "request"} | {view: "booked"}
 *   | {view: "mandates"} | {view: "trust"} | {view: "bank"} | {view: "limits"}
 *   | {view: "link", fragment?: string}
 *   | {view: "disputes"} | {view: "escrow"} | {view: "payment", id: string} | {view: "dispute", id: string}} WalletRoute
 * @typedef {import("../cases/route.js").Route} Route
 */

const PAYMENT = /^\/wallet\/payments\/([0-7][0-9A-HJKMNP-TV-Z]{25})(\/dispute)?$/;

/** @type {Record<string, WalletRoute>} */
const PLACES = {
    "/wallet": { view: "wallet" },
    "/wallet/pay": { view: "pay" },
    "/wallet/request": { view: "request" },
    "/wallet/history": { view: "booked" },
    "/wallet/mandates": { view: "mandates" },
    "/wallet/trust": { view: "trust" },
    "/wallet/escrow": { view: "escrow" },
    "/wallet/disputes": { view: "disputes" },
    "/wallet/bank": { view: "bank" },
    "/wallet/limits": { view: "limits" },
    "/pay": { view: "link" },
};

/** @param {string} path @returns {Route} */
export function walletRoute(path) {
    const plain = path.length > 1 ? path.replace(/\/$/, "") : path;
    const [, id, isDispute] = PAYMENT.exec(plain) ?? [];
    if (id) return { view: isDispute ? "dispute" : "payment", id };
    return PLACES[plain] ?? { view: "unknown" };
}

/** @param {string} id @returns {string} */
export function paymentHref(id) {
    return `/wallet/payments/${id}`;
}
