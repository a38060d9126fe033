/**
 * The form of a payout to an account at a bank; what the bank says of the owner's name comes with
 * the payment.
 *
 * @typedef {import("../api.js").Payout} Payout
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { button, textField } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { payOut } from "../api.js";
import { amountFields } from "./amount.js";
import { MoneyForm } from "./money_form.js";

const FIELDS = /** @type {const} */ (["iban", "name", "amount", "currency", "reference"]);
const TEXTS = /** @type {const} */ (["iban", "name", "reference"]);

/** @extends {MoneyForm<Payout>} */
export class VechePayoutForm extends MoneyForm {
    /** @override */
    get fields() {
        return FIELDS;
    }

    /** @override @param {Payout} order */
    send(order) {
        return payOut(order);
    }

    /** @param {(typeof TEXTS)[number]} name */
    _text(name) {
        const labels = {
            iban: t("Account (IBAN)"),
            name: t("Whose account it is"),
            reference: t("What for"),
        };
        return textField({
            id: name,
            label: labels[name],
            error: this.wrong[name],
            is_required: name !== "reference",
            capitals: "words",
            maxlength: 140,
            value: this.order[name],
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
