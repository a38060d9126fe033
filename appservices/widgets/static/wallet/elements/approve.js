/**
 * The button that opens the page on which the key of the device approves, always a tab of its own:
 * what comes of it arrives by the live state.
 */
import { html, nothing } from "lit";
import { approveHref, openAndClose } from "../../cases/approving.js";
import { VecheElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";

export class VecheApprove extends VecheElement {
    static properties = {
        asked: { attribute: false },
        label: { attribute: false },
        isBlocked: { state: true },
        isOpened: { state: true },
    };

    constructor() {
        super();
        /** @type {Record<string, unknown> | null} `AskedApproval` */
        this.asked = null;
        this.label = "";
        this.isBlocked = false;
        this.isOpened = false;
    }

    _open() {
        if (!this.asked) return;
        this.isBlocked = !openAndClose(this.asked);
        this.isOpened = !this.isBlocked;
    }

    render() {
        if (!this.asked) return nothing;
        const label = this.label || t("Approve with my key");
        const words = html`${icon("key")}<span>${label}</span>`;
        return html`${
                this.isBlocked
                    ? html`<a class="button primary" href=${approveHref(this.asked)}>${words}</a>`
                    : button({ label: words, press: () => this._open() })
            }
            <p class="small secondary-text" role="status">
                ${this.isOpened ? t("Approve it in the window that opened. Then it goes on here by itself.") : nothing}
            </p>`;
    }
}
customElements.define("veche-approve", VecheApprove);
