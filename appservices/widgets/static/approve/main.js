/**
 * The one page on which a key of the person signs. What is asked comes from the service, by the
 * nonce in the fragment; the page shows all of it, signs exactly that, and hands it in. Nothing
 * else stands here, and nothing of others is loaded.
 */
import { ApiError, OfflineError } from "../kit/api.js";
import { canonical } from "../kit/canonical.js";
import { t, useLanguage } from "../kit/i18n.js";
import { isFramed, noteApp, serverName } from "../kit/page.js";
import { useTheme } from "../kit/theme.js";
import { isShowable, readFragment } from "./asked.js";
import { button, el, heading, show } from "./draw.js";
import { over, tell } from "./endings.js";
import { look } from "./handing.js";
import { signersOf } from "./keys.js";
import { question } from "./question.js";

/** How often the page has begun: what was asked before, and is answered late, shows nothing any more. */
let begun = 0;

/** Draws the page anew, from what the service says now. */
async function start() {
    begun += 1;
    const found = readFragment(location.hash);
    if (isFramed)
        tell(
            t("Open this page in a tab"),
            t("Inside of another page nobody can be sure what they approve."),
        );
    else if (found) await ask(found.nonce, found.asked);
    else
        tell(
            t("This link is damaged"),
            t("Nothing was approved. Open the link in your chat once more."),
        );
}

/** @param {string} nonce @param {Record<string, any> | undefined} linked what the link says */
async function ask(nonce, linked) {
    const mine = begun;
    show(heading(t("Approve")), el("p", { class: "spinner", role: "status" }, t("One moment…")));
    try {
        const { asked, state, keys, expires_at_ms, new_key_waits_ms } = await look(nonce);
        const signers = asked ? await signersOf(asked.person, keys) : [];
        if (mine !== begun) return;
        if (state !== "open" || !asked) over(state);
        else if (linked && !isSame(linked, asked))
            tell(
                t("This link was changed"),
                t(
                    "It does not say what was asked. Nothing was approved. Don't use it; look into your chat.",
                ),
            );
        else if (isShowable(asked))
            question(asked, expires_at_ms, signers, new_key_waits_ms, () => void start());
        else
            tell(
                t("This page can't show it all"),
                t("So nothing can be approved here. Reload the page, or answer in your chat."),
            );
    } catch (error) {
        if (mine === begun) failed(error);
    }
}

/** @param {unknown} linked @param {unknown} asked */
function isSame(linked, asked) {
    try {
        return canonical(linked) === canonical(asked);
    } catch {
        return false;
    }
}

/** @param {unknown} error of asking the service */
function failed(error) {
    const again = button(t("Try again"), "primary", () => void start());
    if (error instanceof ApiError && error.status === 404)
        tell(
            t("There is nothing to approve"),
            t("Nobody asks for this. Open the link in your chat once more."),
        );
    else if (error instanceof OfflineError)
        tell(
            t("The service can't be reached"),
            t("Nothing was approved. Look at your connection, then try again."),
            again,
        );
    else tell(t("Something went wrong"), t("Nothing was approved. Please try again."), again);
}

function frame() {
    const mark = new URL("../kit/icon.svg", import.meta.url).href;
    document.body.replaceChildren(
        el(
            "header",
            { class: "plain-bar" },
            el(
                "span",
                { class: "brand" },
                el("img", { src: mark, alt: "", width: "28", height: "28" }),
                "Veche",
            ),
            el("span", { class: "secondary-text" }, serverName()),
        ),
        el("main", { id: "main", tabindex: "-1" }),
    );
}

useTheme();
await useLanguage();
frame();
if (new URLSearchParams(location.search).has("app")) noteApp();
// What happened elsewhere meanwhile counts.
window.addEventListener("pageshow", (event) => event.persisted && void start());
window.addEventListener("hashchange", () => void start());
await start();
