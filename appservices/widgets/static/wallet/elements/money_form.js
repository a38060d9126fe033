/**
 * A form that asks for a payment. What is wrong the service says, by the rules of the chat, beside
 * the field. It tells `veche-ordered` with the payment that is asked for.
 *
 * @typedef {import("../api.js").Wallet} Wallet
 * @typedef {import("../api.js").Payment} Payment
 */
import { ApiError } from "../../kit/api.js";
import { VecheElement } from "../../kit/elements.js";

/** @template {Record<string, string>} Filled what is filled in, by field */
export class MoneyForm extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        wallet: { attribute: false },
        order: { attribute: false },
        isBusy: { state: true },
        wrong: { state: true },
        error: { state: true },
    });

    constructor() {
        super();
        /** @type {Wallet | undefined} */
        this.wallet = undefined;
        /** @type {Partial<Filled>} what is filled in beforehand */
        this.order = {};
        this.isBusy = false;
        /** @type {Record<string, string>} what is wrong, by field */
        this.wrong = {};
        /** @type {unknown} */
        this.error = undefined;
    }

    /** The names of its fields. @returns {readonly string[]} */
    get fields() {
        throw new Error("of the form at hand");
    }

    /** Ask the service for it. @param {Filled} _order @returns {Promise<Payment>} */
    async send(_order) {
        throw new Error("of the form at hand");
    }

    /** What is missing, by field. @param {Filled} _order @returns {Record<string, string>} */
    missing(_order) {
        return {};
    }

    /** @param {SubmitEvent} event */
    async _submit(event) {
        event.preventDefault();
        if (this.isBusy) return;
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const filled = this.fields.map((name) => [name, String(data.get(name) ?? "").trim()]);
        const order = /** @type {Filled} */ (Object.fromEntries(filled));
        const wrong = this.missing(order);
        Object.assign(this, { order, wrong, error: undefined });
        if (Object.keys(wrong).length) return this._focus();
        this.isBusy = true;
        try {
            const payment = await this.send(order);
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
}
