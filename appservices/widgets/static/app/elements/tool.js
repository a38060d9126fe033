/** Small controls of conversations. */
import { html } from "lit";
import { icon } from "../../kit/icons.js";

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
