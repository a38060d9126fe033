/** The page on which a document is signed, by the link that the bot sends to the chat. */
import { html, nothing, render } from "lit";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { useTheme } from "../kit/theme.js";
import "./bulk.js";
import { isOfList } from "./link.js";
import "./view.js";

function draw() {
    document.title = `${t("Sign a document")} · Veche`;
    render(
        html`<veche-bar></veche-bar>
            <main id="main" tabindex="-1">
                ${
                    isOfList(location.hash)
                        ? html`<veche-sign-all></veche-sign-all>`
                        : html`<veche-sign></veche-sign>`
                }
            </main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await useLanguage();
whenLanguageChanges(draw);
window.addEventListener("hashchange", draw);
draw();
