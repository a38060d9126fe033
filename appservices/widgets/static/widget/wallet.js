/**
 * The wallet as a widget in a person's chat with the payments bot: what waits for an answer, paying,
 * the latest receipts. It reads and writes through the client, as the person, and has no session,
 * token or key: the key approves in a tab. Alone in a tab ("pop out") it gives way to the wallet.
 */
import { html, render } from "lit";
import { clientLink } from "../kit/client_link.js";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import { serverNow, setClock } from "../app/now.js";
import { isFramed } from "../kit/page.js";
import { useTheme } from "../kit/theme.js";
import "./purse.js";

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
        document.title = t("Wallet");
        render(
            html`<main id="main">
                <veche-purse .link=${link} .error=${error}></veche-purse>
            </main>`,
            document.body,
        );
    };
    whenLanguageChanges(draw);
    draw();
}

if (isFramed) void show();
else location.replace("/wallet");
