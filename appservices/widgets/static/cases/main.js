/**
 * The pages in a tab: home, services, one service, a case. One document; the address says which
 * view stands in it, and the back button goes where it came from.
 */
import { html, nothing, render } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { session } from "../kit/session.js";
import { useTheme } from "../kit/theme.js";
import { setClock } from "./now.js";
import { keyOf, viewOf } from "./shown.js";
import { Walk } from "./walk.js";

/** @typedef {import("./route.js").Route} Route */

const NAME = "Veche";

/** @param {Route} route @returns {import("../kit/shell.js").Place} */
function placeOf({ view }) {
    if (view === "service" || view === "services") return "services";
    return view === "unknown" || view === "official" ? "" : "home";
}

/** @param {Walk} walk */
function draw(walk) {
    const { route } = walk;
    render(
        html`<veche-bar
                .here=${placeOf(route)}
                @veche-signed-out=${() => walk.restart("/")}
            ></veche-bar>
            <main
                id="main"
                tabindex="-1"
                @veche-title=${(/** @type {CustomEvent} */ event) => {
                    document.title = `${event.detail} · ${NAME}`;
                    walk.drawn();
                }}
                @veche-go=${(/** @type {CustomEvent} */ { detail }) => walk.go(detail.href, detail.state)}
                @veche-place=${(/** @type {CustomEvent} */ { detail }) => walk.rename(detail)}
            >
                ${keyed(`${walk.count} ${keyOf(route)}`, viewOf(route))}
            </main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await Promise.all([useLanguage(), setClock()]);
const walk = new Walk(() => draw(walk));
whenLanguageChanges(() => draw(walk));
draw(walk);

/** @type {string | undefined} the token of the session in which the page was left */
let left;
window.addEventListener("pagehide", () => (left = session()?.token));
window.addEventListener("pageshow", ({ persisted }) => {
    // The browser kept the page as it was: what it shows may be of somebody who has signed out since.
    if (persisted && session()?.token !== left) walk.anew();
});
