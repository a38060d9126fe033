/** Small controls of conversations. */
import { html, nothing } from "lit";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { hrefOf } from "../route.js";

/**
 * One that shows a picture alone.
 * @param {string} mark the picture
 * @param {string} label what it does
 * @param {string | (() => unknown)} leads an address, or what a press does; a form is sent by `type`
 * @param {{kind?: string, type?: "button" | "submit"}} [parts]
 */
export function tool(mark, label, leads, { kind = "tool", type = "button" } = {}) {
    return typeof leads === "string"
        ? html`<a class=${kind} href=${leads} title=${label} aria-label=${label}>${icon(mark)}</a>`
        : html`<button
              type=${type}
              class=${kind}
              title=${label}
              aria-label=${label}
              @click=${leads}
          >
              ${icon(mark)}
          </button>`;
}

/** One that stands among words. @param {string} label @param {() => unknown} press */
export const linkButton = (label, press) =>
    html`<button type="button" class="link-button" @click=${press}>${label}</button>`;

/** A field to search in a list. @param {string} label @param {string} value @param {(words: string) => void} typed */
export const searchField = (label, value, typed) =>
    html`<label class="chat-search">
        ${icon("search")}<span class="hidden-text">${label}</span>
        <input
            type="search"
            placeholder=${label}
            .value=${value}
            @input=${(/** @type {Event} */ { target }) => typed(/** @type {HTMLInputElement} */ (target).value)}
        />
    </label>`;

/**
 * A button by which one chooses a picture.
 * @param {string} kind classes of the button
 * @param {unknown} label
 * @param {(picture: File | undefined) => void} chosen
 */
export const pictureButton = (kind, label, chosen) =>
    html`<p class="actions">
        <label class="button secondary file-button ${kind}"
            >${label}
            <input
                type="file"
                class="hidden-text"
                accept="image/png,image/jpeg,image/webp,image/gif"
                @change=${(/** @type {Event} */ { target }) => chosen(/** @type {HTMLInputElement} */ (target).files?.[0])}
        /></label>
    </p>`;

/** The head of a page. @param {string} title @param {string} [back] where the arrow leads */
export function paneHead(title, back = hrefOf("chats")) {
    return html`<header class="pane-head">
        ${tool("back", t("Back"), back)}
        <h1 tabindex="-1"><bdi>${title}</bdi></h1>
    </header>`;
}

/** One thing to know. @param {string} mark @param {unknown} words @param {unknown} [act] a button */
export const noteLine = (mark, words, act = nothing) =>
    html`<div class="note-line">${icon(mark)}<span>${words}</span>${act}</div>`;
