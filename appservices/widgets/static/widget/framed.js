/** What all widgets share: a link to the client that shows them, and how they begin. */
import { html, render } from "lit";
import { clientLink } from "../kit/client_link.js";
import { useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import { serverNow, setClock } from "../cases/now.js";
import { isFramed } from "../kit/page.js";
import { useTheme } from "../kit/theme.js";

/**
 * @typedef {import("../kit/link.js").Link} Link
 * @typedef {{link?: Link, error?: unknown}} Begun the link, or why there is none
 */

/** @param {boolean} hasFiles @returns {Begun} */
function begin(hasFiles) {
    try {
        return { link: clientLink(serverNow, hasFiles) };
    } catch (error) {
        return { error };
    }
}

/** @param {() => string} title @param {(begun: Begun) => unknown} view @param {boolean} hasFiles */
async function show(title, view, hasFiles) {
    // At once: a client asks what we want as soon as the frame has loaded.
    const begun = begin(hasFiles);
    useTheme();
    await Promise.all([useLanguage(), setClock()]);
    const draw = () => {
        document.title = title();
        render(html`<main id="main">${view(begun)}</main>`, document.body);
    };
    whenLanguageChanges(draw);
    draw();
}

/**
 * Shows a widget in its frame; alone in a tab it gives way to the page that has all of it.
 * @param {string} home path of that page
 * @param {() => string} title in the person's language
 * @param {(begun: Begun) => unknown} view
 * @param {boolean} [hasFiles] whether files of the room matter
 */
export function showFramed(home, title, view, hasFiles = false) {
    if (isFramed) void show(title, view, hasFiles);
    else location.replace(home);
}
