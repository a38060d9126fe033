/**
 * Reads a payment code: with the camera, from a picture, or pasted. What was read goes to the
 * service, which says what it asks for. It tells `veche-scanned` with the text.
 */
import { html } from "lit";
import { VecheCamera } from "../../kit/camera.js";
import { button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";

/** What no text may hold that is sent: what a picture with other data is read as. */
const NEVER = /[\0\p{Cs}]/u;
const TEXT_CHARACTERS_MAX = 5000;

export class VecheScanner extends VecheCamera {
    static properties = { ...VecheCamera.properties, isBusy: { attribute: false } };

    constructor() {
        super();
        /** What was scanned is being read. */
        this.isBusy = false;
    }

    /** @param {string} text */
    problemOf(text) {
        return NEVER.test(text) ? t("This is no payment code of a kind that is known here.") : "";
    }

    get noCamera() {
        return t(
            "There is no camera, or it is not allowed here. Choose a picture, or paste the code.",
        );
    }

    /** @param {SubmitEvent} event */
    _pasted(event) {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const text = String(new FormData(form).get("code") ?? "").trim();
        if (text) this._found(text);
        else this.problem = t("Paste the link or the text of the code.");
    }

    render() {
        return html`<div class="scanner">
            ${super.render()}
            <form novalidate @submit=${this._pasted}>
                ${field({
                    id: "code",
                    label: t("Or paste a link or a code"),
                    help: t("Links of ours, GiroCode (EPC), EMVCo and Pix, GOST R 56042"),
                    control: ({ id, describedby, invalid }) =>
                        html`<textarea
                            id=${id}
                            name="code"
                            class="code-text"
                            rows="3"
                            maxlength=${TEXT_CHARACTERS_MAX}
                            spellcheck="false"
                            autocomplete="off"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        ></textarea>`,
                })}
                ${button({
                    label: t("Read it"),
                    type: "submit",
                    style: "secondary",
                    is_busy: this.isBusy,
                })}
            </form>
        </div>`;
    }
}
customElements.define("veche-scanner", VecheScanner);
