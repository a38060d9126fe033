/**
 * The page as a widget in a Matrix client: the card of the case, what is asked, what was issued.
 * It reads and answers through the client, and has no session, token or key: what needs one opens
 * in a tab. Alone in a tab ("pop out") it gives way to the home page, which has all of it.
 */
import { html, render } from "lit";
import { clientLink } from "../kit/client_link.js";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import { serverNow, setClock } from "../app/now.js";
import { isFramed } from "../kit/page.js";
import { useTheme } from "../kit/theme.js";
import "./matter.js";

/** @typedef {import("../kit/link.js").Link} Link */

/** @returns {{link?: Link, error?: unknown}} */
function begin() {
    try {
        return { link: clientLink(serverNow) };
    } catch (error) {
        return { error };
    }
}

async function show() {
    // At once: a client asks what we want as soon as the frame has loaded.
    const { link, error } = begin();
    useTheme();
    await Promise.all([useLanguage(), setClock()]);
    const draw = () => {
        document.title = t("Your case");
        render(
            html`<main id="main">
                <veche-matter .link=${link} .error=${error}></veche-matter>
            </main>`,
            document.body,
        );
    };
    whenLanguageChanges(draw);
    draw();
}

if (isFramed) void show();
else location.replace("/");
