/** The views of the wallet, by their addresses: for its page and for the app. */
import { html } from "lit";
import "../cases/views/unknown.js";
import "./views/bank.js";
import "./views/booked.js";
import "./views/dispute.js";
import "./views/disputes.js";
import "./views/escrow.js";
import "./views/home.js";
import "./views/limits.js";
import "./views/link.js";
import "./views/mandates.js";
import "./views/pay.js";
import "./views/payment.js";
import "./views/request.js";
import "./views/trust.js";

/** @typedef {import("../cases/route.js").Route} Route */

/** @param {Route} route */
export function viewOf(route) {
    switch (route.view) {
        case "wallet":
            return html`<veche-wallet .route=${route}></veche-wallet>`;
        case "pay":
            return html`<veche-pay .route=${route}></veche-pay>`;
        case "payment":
            return html`<veche-payment .route=${route}></veche-payment>`;
        case "request":
            return html`<veche-request .route=${route}></veche-request>`;
        case "booked":
            return html`<veche-booked .route=${route}></veche-booked>`;
        case "mandates":
            return html`<veche-mandates .route=${route}></veche-mandates>`;
        case "trust":
            return html`<veche-trust .route=${route}></veche-trust>`;
        case "disputes":
            return html`<veche-disputes .route=${route}></veche-disputes>`;
        case "escrow":
            return html`<veche-new-escrow .route=${route}></veche-new-escrow>`;
        case "dispute":
            return html`<veche-new-dispute .route=${route}></veche-new-dispute>`;
        case "bank":
            return html`<veche-bank .route=${route}></veche-bank>`;
        case "limits":
            return html`<veche-own-limits .route=${route}></veche-own-limits>`;
        case "link":
            return html`<veche-link .route=${route}></veche-link>`;
        default:
            return html`<veche-unknown .route=${route}></veche-unknown>`;
    }
}

/** @param {Route} route @returns {string} another one: another element */
export const keyOf = (route) => ("id" in route ? `${route.view} ${route.id}` : route.view);
