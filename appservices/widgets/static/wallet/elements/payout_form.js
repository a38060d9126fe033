/**
 * The form of a payout to an account at a bank. It tells `veche-ordered` with the payment that is
 * asked for; what the bank says of the owner's name comes with it.
 *
 * @typedef {import("../api.js").Wallet} Wallet
 */
import { html, nothing } from "lit";
import { problem } from "../../app/elements/problem.js";
import { ApiError } from "../../kit/api.js";
import { VecheElement, button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { payOut } from "../api.js";
import { amountFields } from "./amount.js";

const TEXTS = /** @type {const} */ (["iban", "name", "reference"]);

export class VechePayoutForm extends VecheElement {
    static properties = {
        wallet: { attribute: false },
        order: { attribute: false },
        isBusy: { state: true },
        wrong: { state: true },
        error: { state: true },
    };

    constructor() {
        super();
        /** @type {Wallet | undefined} */
        this.wallet = undefined;
        /** @type {Record<string, string>} what is filled in beforehand */
        this.order = {};
        this.isBusy = false;
        /** @type {Record<string, string>} */
        this.wrong = {};
        /** @type {unknown} */
        this.error = undefined;
    }

    /** @param {SubmitEvent} event */
    async _submit(event) {
        event.preventDefault();
        if (this.isBusy) return;
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
        const order = {
            iban: text("iban"),
            name: text("name"),
            amount: text("amount"),
            currency: text("currency"),
            reference: text("reference"),
        };
        Object.assign(this, { order, isBusy: true, wrong: {}, error: undefined });
        try {
            const payment = await payOut(order);
            this.dispatchEvent(
                new CustomEvent("veche-ordered", { detail: payment, bubbles: true }),
            );
        } catch (error) {
            if (error instanceof ApiError && error.field && error.status === 409) {
                this.wrong = { [error.field]: error.message };
                await this.updateComplete;
                this.querySelector(/** @type {"input"} */ ('[aria-invalid="true"]'))?.focus();
            } else this.error = error;
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {(typeof TEXTS)[number]} name */
    _text(name) {
        const labels = {
            iban: t("Account (IBAN)"),
            name: t("Whose account it is"),
            reference: t("What for"),
        };
        return field({
            id: name,
            label: labels[name],
            error: this.wrong[name],
            is_required: name !== "reference",
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    name=${name}
                    type="text"
                    autocomplete="off"
                    spellcheck="false"
                    maxlength="140"
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    .value=${this.order[name] ?? ""}
                />`,
        });
    }

    render() {
        return html`<form class="order" novalidate @submit=${this._submit}>
            ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
            ${TEXTS.slice(0, 2).map((name) => this._text(name))}
            ${amountFields({
                amount: this.order.amount ?? "",
                currency: this.order.currency,
                currencies: this.wallet?.currencies ?? [],
                error: this.wrong.amount,
            })}
            ${this._text("reference")}
            <p class="actions">
                ${button({ label: t("Go on"), type: "submit", is_busy: this.isBusy })}
            </p>
            <p class="small secondary-text">
                ${t("Next you see what the bank says of the name. Nothing is paid before you approve it.")}
            </p>
        </form>`;
    }
}
customElements.define("veche-payout-form", VechePayoutForm);
