/** The wallet in a tab, and the page on which an invoice or a link is paid: one document. */
import { html, nothing, render } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { Walk } from "../cases/walk.js";
import { setClock } from "../cases/now.js";
import { useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { session } from "../kit/session.js";
import { useTheme } from "../kit/theme.js";
import { walletRoute } from "./route.js";
import { keyOf, viewOf } from "./shown.js";

/** @param {Walk} walk */
function draw(walk) {
    const { route } = walk;
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
                ${keyed(`${walk.count} ${keyOf(route)}`, viewOf(route))}
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
