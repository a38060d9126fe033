/** The page on which one signs in. The address is cleaned before anything else. */
import { readAddress, taken } from "./address.js";
import { html, nothing, render } from "lit";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import "../kit/shell.js";
import { useTheme } from "../kit/theme.js";
import "./view.js";

function draw() {
    document.title = `${t("Sign in")} · Veche`;
    render(
        html`<veche-bar .here=${"signin"}></veche-bar>
            <main id="main" tabindex="-1"><veche-sign-in .taken=${taken}></veche-sign-in></main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await useLanguage();
whenLanguageChanges(draw);
draw();
// A link that is opened where this page is open already changes the fragment alone.
window.addEventListener("hashchange", () => {
    if (readAddress(location).secret) location.reload();
});
