/** The app: one document with four places, and a client that is loaded when it is first needed. */
import { html, nothing, render } from "lit";
import { useLanguage, t, whenLanguageChanges } from "../kit/i18n.js";
import { useTheme } from "../kit/theme.js";
import { account, openKept, whenAccountChanges } from "./account/account.js";
import { loadCards } from "./registry.js";
import { hrefOf, routeOf } from "./route.js";
import "./views/start.js";
import "./views/chat.js";
import { startWorker } from "./worker.js";

/** @typedef {import("./route.js").Route} Route */

/** @param {Route} route */
function viewOf({ place, parts }) {
    if (place === "start") return html`<app-start></app-start>`;
    if (place === "chats" && parts[0] && account().phase === "ready")
        return html`<app-chat .roomId=${parts[0]}></app-chat>`;
    return html`<h1 tabindex="-1">Veche</h1>
        <p>${account().phase} ${account().session?.userId ?? nothing}</p>
        <p><a class="button primary" href=${hrefOf("start")}>${t("Start")}</a></p>`;
}

function draw() {
    render(
        html`<main id="main" tabindex="-1">${viewOf(routeOf(location.hash))}</main>`,
        document.body,
    );
}

useTheme();
await useLanguage();
for (const tell of [whenLanguageChanges, whenAccountChanges]) tell(draw);
window.addEventListener("hashchange", draw);
draw();
void startWorker();
await Promise.all([openKept(), loadCards()]);
