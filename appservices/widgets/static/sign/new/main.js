/** The page on which somebody asks for signatures under a document that no server reads. */
import { html, nothing, render } from "lit";
import { t, useLanguage, whenLanguageChanges } from "../../kit/i18n.js";
import "../../kit/shell.js";
import { useTheme } from "../../kit/theme.js";
import { wipe } from "./draft.js";
import "./view.js";

function draw() {
    document.title = `${t("Ask for signatures")} · Veche`;
    render(
        html`<veche-bar @veche-signed-out=${() => void wipe()}></veche-bar>
            <main id="main" tabindex="-1"><veche-sign-new></veche-sign-new></main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await useLanguage();
whenLanguageChanges(draw);
draw();
