/**
 * The form of a payment: to whom, how much, what for. What is wrong the service says, by the rules
 * of the chat, beside the field. It tells `veche-ordered` with the payment that is asked for.
 *
 * @typedef {import("../api.js").Wallet} Wallet
 * @typedef {import("../api.js").Order} Order
 */
import { html, nothing } from "lit";
import { problem } from "../../app/elements/problem.js";
import { ApiError } from "../../kit/api.js";
import { VecheElement, button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { pay } from "../api.js";
import { amountFields } from "./amount.js";

const REFERENCE_CHARACTERS_MAX = 70;
const PAYEE_CHARACTERS_MAX = 255;

export class VecheOrderForm extends VecheElement {
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
        /** @type {Partial<Order>} what is filled in beforehand */
        this.order = {};
        this.isBusy = false;
        /** @type {Record<string, string>} what is wrong, by field */
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
            payee: text("payee"),
            amount: text("amount"),
            currency: text("currency"),
            reference: text("reference"),
        };
        this.order = order;
        const wrong = empty(order);
        Object.assign(this, { wrong, error: undefined });
        if (Object.keys(wrong).length) return this._focus();
        this.isBusy = true;
        try {
            const payment = await pay(order);
            this.dispatchEvent(
                new CustomEvent("veche-ordered", { detail: payment, bubbles: true }),
            );
        } catch (error) {
            if (error instanceof ApiError && error.field && error.status === 409) {
                this.wrong = { [error.field]: error.message };
                await this._focus();
            } else this.error = error;
        } finally {
            this.isBusy = false;
        }
    }

    async _focus() {
        await this.updateComplete;
        this.querySelector(/** @type {"input"} */ ('[aria-invalid="true"]'))?.focus();
    }

    render() {
        const { order, wrong, wallet } = this;
        const payees = wallet?.payees ?? [];
        return html`<form class="order" novalidate @submit=${this._submit}>
            ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
            ${field({
                id: "payee",
                label: t("To whom"),
                help: t("A name like bob, a Matrix id, or a link to somebody"),
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
            ${field({
                id: "reference",
                label: t("What for"),
                error: wrong.reference,
                is_required: false,
                control: ({ id, describedby, invalid }) =>
                    html`<input
                        id=${id}
                        name="reference"
                        type="text"
                        maxlength=${REFERENCE_CHARACTERS_MAX}
                        autocomplete="off"
                        aria-describedby=${describedby}
                        aria-invalid=${invalid}
                        .value=${order.reference ?? ""}
                    />`,
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

/** @param {Order} order @returns {Record<string, string>} what is still empty */
function empty({ payee, amount }) {
    return {
        ...(!payee && { payee: t("Write to whom.") }),
        ...(!amount && { amount: t("Write how much.") }),
    };
}
