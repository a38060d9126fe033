/**
 * The input for six digits that a bot has sent: they can be pasted with spaces, and come from the
 * keyboard's suggestion.
 */
import { html } from "lit";
import { live } from "lit/directives/live.js";
import { field } from "./elements.js";

export const DIGITS = 6;
/** More than the digits: what is pasted may stand among words. */
const CHARACTERS_MAX = 40;

/** @param {string} text @returns {string} the digits in it, also those of other scripts */
export function digitsOf(text) {
    return text.normalize("NFKC").replace(/\D/g, "").slice(0, DIGITS);
}

/**
 * @typedef {object} CodeParts
 * @property {string} id
 * @property {string} label
 * @property {string} [help]
 * @property {string} error
 * @property {string} digits typed so far
 * @property {boolean} isBusy
 * @property {(digits: string) => void} typed
 *
 * @param {CodeParts} parts
 */
export function codeField({ id, label, help, error, digits, isBusy, typed }) {
    return field({
        id,
        label,
        help,
        error,
        control: (wiring) =>
            html`<input
                id=${wiring.id}
                class="code-input"
                type="text"
                name="code"
                inputmode="numeric"
                autocomplete="one-time-code"
                maxlength=${CHARACTERS_MAX}
                aria-describedby=${wiring.describedby}
                aria-invalid=${wiring.invalid}
                ?readonly=${isBusy}
                .value=${live(digits)}
                @input=${(/** @type {InputEvent} */ event) =>
                    typed(digitsOf(/** @type {HTMLInputElement} */ (event.target).value))}
            />`,
    });
}
