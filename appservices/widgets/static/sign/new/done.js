/** The document is sent: the link that goes to its people, and from whom. */
import { html, nothing } from "lit";
import { banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";

/**
 * @param {import("./draft.js").Sent} sent
 * @param {boolean} isCopied
 * @param {(event: Event) => void} copy
 * @param {() => void} anew
 */
export function done({ link, code, title, people: accounts }, isCopied, copy, anew) {
    const own = `/sign${link.slice(link.indexOf("#"))}`;
    return html`<h1 tabindex="-1">${t("Now send the link yourself")}</h1>
        ${banner("success", html`<p>${t("“{title}” is ready, and everyone is asked in their chat.", { title })}</p>`)}
        <p>
            ${t("The key of the document is in this link and nowhere else. Send it, in an encrypted chat of yours, to each of these people, and to nobody else:")}
        </p>
        <ul>
            ${accounts.map((one) => html`<li><bdi>${one}</bdi></li>`)}
        </ul>
        <p class="card share"><code>${link}</code></p>
        <p class="actions">
            ${button({ label: html`${icon("copy")}<span>${t("Copy the link")}</span>`, press: copy })}
            <a class="button secondary" href=${own}>${t("Open the document")}</a>
        </p>
        <p role="status" class="secondary-text">${isCopied ? t("Copied") : nothing}</p>
        <p>
            ${t("Code {code}: it stands in the message that each of them gets from the bot, and on the page. It must be the same.", { code })}
        </p>
        <p>
            ${t("Keep the link: without it nobody can open the document, not even you. This browser forgets it once you go on.")}
        </p>
        <p class="actions">
            ${button({
                label: t("I have sent the link"),
                style: "secondary",
                press: anew,
            })}
        </p>`;
}
