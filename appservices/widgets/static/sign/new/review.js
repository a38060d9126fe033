/** A look at what will be sent, before it is. */
import { html, nothing } from "lit";
import { effectWords } from "../../approve/signing_words.js";
import { banner, button, spinner } from "../../kit/elements.js";
import { plural, showNumber, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { serverName } from "../../kit/page.js";
import { session } from "../../kit/session.js";
import { signInHref } from "../../kit/shell.js";
import "../../pdf/pages.js";
import { accountOf, formsOf } from "./rows.js";
import { sendingWords } from "./words.js";

/**
 * @typedef {object} Sending
 * @property {"" | "read" | import("./batch.js").Step} doing
 * @property {number} done of many documents
 * @property {() => void} send
 */

/**
 * @param {import("./rows.js").Form} form
 * @param {import("./sending.js").Ready} ready of many: the first one
 * @param {Sending} sending
 */
export function reviewed(form, ready, sending) {
    const { file } = ready;
    const count = file
        ? html`<bdi>${file.name}</bdi>`
        : plural("{count} page", "{count} pages", ready.pages);
    const names = form.people.map(({ account, name }) => name || accountOf(account, serverName()));
    const many = formsOf(form).length;
    /** @type {[string, unknown][]} */
    const rows = [
        [t("Document"), html`<bdi>${form.title}</bdi>, ${count}`],
        [t("Who signs"), html`<bdi>${names.join(", ")}</bdi>`],
        ...(form.isEach
            ? [/** @type {[string, unknown]} */ ([t("Documents"), manyWords(many)])]
            : []),
        [t("It counts"), effectWords(form.effect)],
        [t("Days to sign"), showNumber(form.days)],
    ];
    return html`<h2 id="review" tabindex="-1">${t("This will be sent")}</h2>
        <dl class="facts card">
            ${rows.map(
                ([name, value]) =>
                    html`<dt>${name}</dt>
                        <dd>${value}</dd>`,
            )}
        </dl>
        ${
            file
                ? nothing
                : html`<veche-pages
                      .bytes=${ready.pdf}
                      .label=${t("Pages of {title}", { title: form.title })}
                      .isBeside=${true}
                  ></veche-pages>`
        }
        <p>
            ${t("It is encrypted in this browser. The service gets no title, no text and no key; it learns who signs, when, and how long the document is.")}
        </p>
        ${act(sending, many)}`;
}

/** @param {number} count @returns {string} */
function manyWords(count) {
    return t("{count}, each with a key of its own; the first one is shown here", {
        count: showNumber(count),
    });
}

/** @param {Sending} sending @param {number} left */
function act({ doing, done, send }, left) {
    const isBusy = doing !== "" && doing !== "read";
    if (!session())
        return banner(
            "info",
            html`<p>${t("Sign in from your encrypted chat to send it. Your work stays here.")}</p>
                <p><a class="button primary" href=${signInHref()}>${t("Sign in")}</a></p>`,
        );
    const all = done + left;
    const values = { done: showNumber(done), count: showNumber(all) };
    return html`<div class="missing">
            ${isBusy ? spinner(sendingWords(/** @type {"begin"} */ (doing))) : nothing}
            ${
                all > 1 && (isBusy || done > 0)
                    ? html`<progress max=${all} value=${done}></progress>
                          <p role="status">
                              ${t("{done} of {count} documents are sent. Leave this page open until all are.", values)}
                          </p>`
                    : nothing
            }
        </div>
        <p class="actions">
            ${button({
                label: html`${icon("lock")}<span>${t("Encrypt and send")}</span>`,
                is_busy: isBusy,
                press: send,
            })}
        </p>`;
}
