/** The page on which a document is signed, by the link that the bot sends to the chat. */
import { html, nothing, render } from "lit";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { useTheme } from "../kit/theme.js";
import "./bulk.js";
import { isOfList, partOfMeeting } from "./link.js";
import "./meet.js";
import "./tablet.js";
import "./view.js";

function draw() {
    document.title = `${t("Sign a document")} · Veche`;
    render(
        html`<veche-bar></veche-bar>
            <main id="main" tabindex="-1">${part(location.hash)}</main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

/** @param {string} hash of the address @returns what it opens */
function part(hash) {
    switch (partOfMeeting(hash)) {
        case "meet":
            return html`<veche-sign-meet></veche-sign-meet>`;
        case "tablet":
            return html`<veche-sign-tablet></veche-sign-tablet>`;
        case "screen":
            return html`<veche-sign-screen></veche-sign-screen>`;
        default:
            return isOfList(hash)
                ? html`<veche-sign-all></veche-sign-all>`
                : html`<veche-sign></veche-sign>`;
    }
}

useTheme();
await useLanguage();
whenLanguageChanges(draw);
window.addEventListener("hashchange", draw);
draw();
