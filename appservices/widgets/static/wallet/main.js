/** The wallet in a tab, and the page on which an invoice or a link is paid: one document. */
import { html, nothing, render } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { Walk } from "../cases/walk.js";
import { setClock } from "../cases/now.js";
import "../cases/views/unknown.js";
import { useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { session } from "../kit/session.js";
import { useTheme } from "../kit/theme.js";
import { walletRoute } from "./route.js";
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
function viewOf(route) {
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

/** @param {Walk} walk */
function draw(walk) {
    const { route } = walk;
    const key = "id" in route ? `${route.view} ${route.id}` : route.view;
    render(
        html`<veche-bar
                .here=${"wallet"}
                @veche-signed-out=${() => walk.restart("/wallet")}
            ></veche-bar>
            <main
                id="main"
                tabindex="-1"
                @veche-title=${(/** @type {CustomEvent} */ event) => {
                    document.title = `${event.detail} · Veche`;
                    walk.drawn();
                }}
                @veche-go=${(/** @type {CustomEvent} */ { detail }) => walk.go(detail.href, detail.state)}
            >
                ${keyed(`${walk.count} ${key}`, viewOf(route))}
            </main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await Promise.all([useLanguage(), setClock()]);
const walk = new Walk(() => draw(walk), walletRoute);
whenLanguageChanges(() => draw(walk));
draw(walk);
// Another link in the same tab changes the part behind the # alone.
window.addEventListener("hashchange", () => {
    if (walk.route.view === "link") walk.anew();
});

/** @type {string | undefined} the token of the session in which the page was left */
let left;
window.addEventListener("pagehide", () => (left = session()?.token));
window.addEventListener("pageshow", ({ persisted }) => {
    // The browser kept the page as it was: what it shows may be of somebody who has signed out since.
    if (persisted && session()?.token !== left) walk.anew();
});
