/** The page on which anybody verifies a receipt or a signed document, without signing in. */
import { html, nothing, render } from "lit";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { useTheme } from "../kit/theme.js";
import "./view.js";

function draw() {
    document.title = `${t("Verify a receipt or a document")} · Veche`;
    render(
        html`<veche-bar></veche-bar>
            <main id="main" tabindex="-1"><veche-verify></veche-verify></main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await useLanguage();
whenLanguageChanges(draw);
draw();
