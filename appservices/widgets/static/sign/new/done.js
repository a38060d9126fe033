/** What was sent: the links that go to its people, and from whom. */
import { html, nothing } from "lit";
import { banner, button } from "../../kit/elements.js";
import { showNumber, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { chatInApp, isFromApp } from "../../kit/page.js";

/** @typedef {import("./draft.js").Sent} Sent */

/**
 * @param {Sent[]} sent
 * @param {Sent | undefined} copied whose link was copied last
 * @param {{copy: (one: Sent, text: string) => void, share?: ((text: string) => void) | undefined, saveAll: () => void, anew: () => void, again: () => void}} press
 * @param {unknown} error words on why not everybody was asked
 */
export function done(sent, copied, press, error) {
    const title = sent[0]?.title ?? "";
    const isAsked = sent.every(({ isOut }) => isOut !== false);
    const isOne = sent.length === 1;
    const ready = isOne
        ? t("“{title}” is ready, and everyone is asked in their chat.", { title })
        : t(
              "“{title}” is ready, each with a document of their own ({count} in all), and everyone is asked in their chat.",
              { title, count: showNumber(sent.length) },
          );
    return html`<h1 tabindex="-1">
            ${isOne ? t("Now send the link yourself") : t("Now send the links yourself")}
        </h1>
        ${isAsked ? banner("success", html`<p>${ready}</p>`) : unasked(press, error)}
        <p>
            ${
                isOne
                    ? t(
                          "The key of the document is in this link and nowhere else. Send it to each of these people in an encrypted chat of yours. You can also send it once to an encrypted room of you and them alone. Send it to nobody else. A name opens a chat with that person:",
                      )
                    : t(
                          "The key of each document is in its link and nowhere else. Send each link, in an encrypted chat of yours, to the people above it, and to nobody else. A name opens a chat with that person:",
                      )
            }
        </p>
        ${sent.map((one) => link(one, one === copied, press))}
        <p role="status" class="secondary-text">${copied ? t("Copied") : nothing}</p>
        <p>
            ${isOne ? t("Keep the link: without it nobody can open the document, not even you. This browser forgets it once you go on.") : t("Keep the links: without them nobody can open the documents, not even you. This browser forgets them once you go on.")}
        </p>
        <p class="actions">
            ${
                sent.length > 1
                    ? button({
                          label: html`${icon("download")}<span>${t("Save all links")}</span>`,
                          style: "secondary",
                          press: press.saveAll,
                      })
                    : nothing
            }
            ${button({
                label: isOne ? t("I have sent the link") : t("I have sent the links"),
                style: "secondary",
                press: press.anew,
            })}
        </p>`;
}

/** @param {Sent[]} sent @returns {string} all links, to be kept */
export function linksText(sent) {
    return sent
        .map(({ title, code, people, link: address }) => {
            const words = t("Code {code}", { code });
            return `${title}: ${people.join(", ")}\n${words}\n${address}\n`;
        })
        .join("\n");
}

/** @param {{again: () => void}} press @param {unknown} error */
function unasked({ again }, error) {
    return banner(
        "critical",
        html`<p>${t("It was handed in, and its people are not asked yet.")} ${error ?? nothing}</p>
            <p>${button({ label: t("Ask them now"), press: again })}</p>`,
    );
}

/**
 * What the signers read beside the link; it goes from one person to another, never by way of the service.
 * @param {Sent} sent
 * @returns {string}
 */
function messageOf({ title, code, link: address }) {
    const words = t(
        "Please look at “{title}” and sign it. It is private: no server can read it, and its key is in this link, so pass the link on to nobody. Your code has to be {code}.",
        { title, code },
    );
    return `${words}\n${address}`;
}

/** @param {string} account Matrix id @returns {string} what opens a chat with them: of the app, or a Matrix URI */
function chatWith(account) {
    if (isFromApp()) return chatInApp(account);
    const id = encodeURIComponent(account.slice(1)).replaceAll("%3A", ":");
    return `matrix:u/${id}?action=chat`;
}

/**
 * @param {Sent} one
 * @param {boolean} isCopied
 * @param {{copy: (one: Sent, text: string) => void, share?: ((text: string) => void) | undefined}} press
 */
function link(one, isCopied, { copy, share }) {
    const { link: address, code, people } = one;
    const own = `/sign${address.slice(address.indexOf("#"))}`;
    return html`<ul>
            ${people.map(
                (account) =>
                    html`<li>
                        <a href=${chatWith(account)} target="_blank" rel="noopener"
                            ><bdi>${account}</bdi></a
                        >
                    </li>`,
            )}
        </ul>
        <p class="card share"><code>${address}</code></p>
        <p class="actions">
            ${button({
                label: html`${icon(isCopied ? "done" : "copy")}<span>${t("Copy the link")}</span>`,
                press: () => copy(one, address),
            })}
            ${button({
                label: t("Copy a message with it"),
                style: "secondary",
                press: () => copy(one, messageOf(one)),
            })}
            ${
                share
                    ? button({
                          label: t("Share the message"),
                          style: "secondary",
                          press: () => share(messageOf(one)),
                      })
                    : nothing
            }
            <a class="button secondary" href=${own}>${t("Open the document")}</a>
        </p>
        <p>
            ${t("Code {code}: it stands in the message that each of them gets from the bot, and on the page. It must be the same.", { code })}
        </p>`;
}
