/** Stopping everything at once, in one tap; going on takes the key. */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { VecheElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { signInHref } from "../../kit/shell.js";
import { freeze, unfreeze } from "../api.js";
import "./approve.js";

export class VecheFreeze extends VecheElement {
    static properties = {
        isFrozen: { attribute: false },
        asked: { attribute: false },
        isBusy: { state: true },
        error: { state: true },
    };

    constructor() {
        super();
        this.isFrozen = false;
        /** @type {Record<string, unknown> | null} the approval that lets it go on */
        this.asked = null;
        this.isBusy = false;
        /** @type {unknown} */
        this.error = undefined;
    }

    /** @param {() => Promise<unknown>} work */
    async _do(work) {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: undefined });
        try {
            await work();
        } catch (error) {
            this.error = error;
        } finally {
            this.isBusy = false;
        }
    }

    _stopped() {
        return html`<div class="banner critical" role="status">
            ${icon("warning")}
            <div>
                <p class="banner-title">${t("You stopped everything")}</p>
                <p>
                    ${t("Nothing is paid, and nobody can pay you; what others give back to you still arrives. All mandates and allowances are ended for good: they have to be given anew.")}
                </p>
                ${
                    this.asked
                        ? html`<veche-approve
                              .asked=${this.asked}
                              .label=${t("Go on, with my key")}
                          ></veche-approve>`
                        : button({
                              label: t("Let payments go on"),
                              style: "secondary",
                              is_busy: this.isBusy,
                              press: () => void this._do(unfreeze),
                          })
                }
            </div>
        </div>`;
    }

    render() {
        return html`${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
        ${
            this.isFrozen
                ? this._stopped()
                : button({
                      label: html`${icon("warning")}<span>${t("Stop everything")}</span>`,
                      style: "danger",
                      is_busy: this.isBusy,
                      press: () => void this._do(freeze),
                  })
        }`;
    }
}
customElements.define("veche-freeze", VecheFreeze);
