/** A text to be copied, with a button for it. */
import { html } from "lit";
import { VecheElement } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { copy } from "../parts.js";

const SHOWN_MS = 3000;

export class VecheCopied extends VecheElement {
    static properties = {
        text: { attribute: false },
        label: { attribute: false },
        isDone: { state: true },
    };

    constructor() {
        super();
        this.text = "";
        /** What it is. */
        this.label = "";
        this.isDone = false;
    }

    async _copy() {
        this.isDone = await copy(this.text);
        setTimeout(() => (this.isDone = false), SHOWN_MS);
    }

    render() {
        return html`<span class="copied">
            <code><bdi>${this.text}</bdi></code>
            <button type="button" class="copy" @click=${() => void this._copy()}>
                ${icon(this.isDone ? "check" : "copy")}<span class="hidden-text"
                    >${t("Copy: {what}", { what: this.label })}</span
                >
            </button>
            <span class="hidden-text" role="status">${this.isDone ? t("Copied") : ""}</span>
        </span>`;
    }
}
customElements.define("veche-copied", VecheCopied);
