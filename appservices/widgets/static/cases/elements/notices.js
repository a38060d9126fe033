/** What a case says once, above itself: that the office has the answers, that a chat was opened. */
import { html, nothing } from "lit";
import { banner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { pagesOrigin } from "../../kit/page.js";

/** @param {string} number of the case */
export const sent = (number) =>
    banner(
        "success",
        html`<p class="banner-title">${t("The office has your answers")}</p>
            <p>
                ${t("Your number is {number}. You hear from the office in Chats, and see it here.", { number })}
            </p>`,
    );

/** The app takes such an invitation by itself. */
export function newChat() {
    if (!history.state?.isChatNew || pagesOrigin()) return nothing;
    return banner(
        "info",
        html`<p>
            ${t(
                "A chat with the office was opened in your Matrix client. Please accept the invitation: there you are told of everything that happens.",
            )}
        </p>`,
    );
}
