/** The page of a person's keys, and of where they are signed in. */
import { html, nothing, render } from "lit";
import { setClock } from "../cases/now.js";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import { ownPath } from "../kit/own_path.js";
import "../kit/shell.js";
import { useTheme } from "../kit/theme.js";
import "./view.js";

const named = new URLSearchParams(location.hash.slice(1));
const BACK = "veche.keys_back";
const back = wayBack();
/** The code of a new key, which the app has read in the person's chat. */
const code = /^\d{6}$/.test(named.get("code") ?? "") ? (named.get("code") ?? "") : "";
if (code) history.replaceState(null, "", location.pathname);

/** @returns {string} where the person came from; the way to the code of a key leads through the app */
function wayBack() {
    try {
        if (named.has("return")) sessionStorage.setItem(BACK, named.get("return") ?? "");
        else if (!named.has("code")) sessionStorage.removeItem(BACK);
        return ownPath(sessionStorage.getItem(BACK), location.origin);
    } catch {
        return ownPath(named.get("return"), location.origin);
    }
}

function draw() {
    document.title = `${t("My keys")} · Veche`;
    render(
        html`<veche-bar .here=${"keys"}></veche-bar>
            <main id="main" tabindex="-1">
                <veche-keys .back=${back} .code=${code}></veche-keys>
            </main>
            <veche-foot></veche-foot>${nothing}`,
        document.body,
    );
}

useTheme();
await Promise.all([useLanguage(), setClock()]);
whenLanguageChanges(draw);
draw();
