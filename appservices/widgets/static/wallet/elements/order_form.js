/**
 * The form of a payment: to whom, how much, what for.
 *
 * @typedef {import("../api.js").Order} Order
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { button, field, textField } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { pay } from "../api.js";
import { amountFields } from "./amount.js";
import { MoneyForm } from "./money_form.js";

const FIELDS = /** @type {const} */ (["payee", "amount", "currency", "reference"]);
const REFERENCE_CHARACTERS_MAX = 70;
const PAYEE_CHARACTERS_MAX = 255;

/** @extends {MoneyForm<Order>} */
export class VecheOrderForm extends MoneyForm {
    /** @override */
    get fields() {
        return FIELDS;
    }

    /** @override @param {Order} order */
    send(order) {
        return pay(order);
    }

    /** @override @param {Order} order */
    missing({ payee, amount }) {
        return {
            ...(!payee && { payee: t("Write to whom.") }),
            ...(!amount && { amount: t("Write how much.") }),
        };
    }

    render() {
        const { order, wrong, wallet } = this;
        const payees = wallet?.payees ?? [];
        return html`<form class="order" novalidate @submit=${this._submit}>
            ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
            ${field({
                id: "payee",
                label: t("To whom"),
                help: t("A name like bob, an address like @bob:example.org, or a link to somebody"),
                error: wrong.payee,
                control: ({ id, describedby, invalid }) =>
                    html`<input
                            id=${id}
                            name="payee"
                            type="text"
                            list="payees"
                            autocapitalize="none"
                            autocomplete="off"
                            spellcheck="false"
                            maxlength=${PAYEE_CHARACTERS_MAX}
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                            .value=${order.payee ?? ""}
                        />
                        <datalist id="payees">
                            ${payees.map(({ address, name }) => html`<option value=${address}>${name}</option>`)}
                        </datalist>`,
            })}
            ${amountFields({
                amount: order.amount ?? "",
                currency: order.currency,
                currencies: wallet?.currencies ?? [],
                error: wrong.amount,
            })}
            ${textField({
                id: "reference",
                label: t("What for"),
                error: wrong.reference,
                is_required: false,
                capitals: "sentences",
                maxlength: REFERENCE_CHARACTERS_MAX,
                value: order.reference,
            })}
            <p class="actions">
                ${button({ label: t("Go on"), type: "submit", is_busy: this.isBusy })}
            </p>
            <p class="small secondary-text">
                ${t("Next you see the name, the fee, and what your rules say. Nothing is paid before you approve it.")}
            </p>
        </form>`;
    }
}
customElements.define("veche-order-form", VecheOrderForm);
