/**
 * Disputing a payment: what that comes to and until when, how much of it, and what was wrong.
 *
 * @typedef {import("../deals_api.js").DisputeTerms} DisputeTerms
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { ApiError } from "../../kit/api.js";
import { button, field } from "../../kit/elements.js";
import { showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { session } from "../../kit/session.js";
import { signInHref } from "../../kit/shell.js";
import { openDispute, readTerms } from "../deals_api.js";
import { amountFields } from "../elements/amount.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

const REASON_CHARACTERS_MAX = 500;

export class VecheNewDispute extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        terms: { state: true },
        isPart: { state: true },
        isBusy: { state: true },
        wrong: { state: true },
        failure: { state: true },
    });

    constructor() {
        super();
        /** @type {DisputeTerms | undefined} */
        this.terms = undefined;
        /** Whether only a part is disputed. */
        this.isPart = false;
        this.isBusy = false;
        /** @type {Record<string, string>} what is wrong, by field */
        this.wrong = {};
        /** @type {unknown} */
        this.failure = undefined;
    }

    get payment() {
        return this.route.view === "dispute" ? this.route.id : "";
    }

    get heading() {
        return t("What was wrong with this payment?");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        super.start(signal);
        this.terms = undefined;
        if (session()) void this._read(signal);
    }

    /** @param {AbortSignal} signal */
    async _read(signal) {
        try {
            this.terms = await readTerms(this.payment, signal);
        } catch (error) {
            if (!signal.aborted) this.fail(error);
        }
    }

    /** @param {SubmitEvent} event */
    async _submit(event) {
        event.preventDefault();
        if (this.isBusy) return;
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const typed = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
        const amount = this.isPart ? typed("amount") : "";
        /** @type {Record<string, string>} */
        const wrong = {
            ...(!typed("reason") && { reason: t("Write what was wrong.") }),
            ...(this.isPart && !amount && { amount: t("Write how much.") }),
        };
        Object.assign(this, { wrong, failure: undefined });
        if (Object.keys(wrong).length) return this._focus();
        this.isBusy = true;
        try {
            const currency = amount ? typed("currency") : "";
            await openDispute(this.payment, { amount, currency, reason: typed("reason") });
            this.go("/wallet/disputes");
        } catch (error) {
            if (error instanceof ApiError && error.field && error.status === 409) {
                this.wrong = { [error.field]: error.message };
                await this._focus();
            } else this.failure = error;
        } finally {
            this.isBusy = false;
        }
    }

    async _focus() {
        await this.updateComplete;
        this.querySelector(/** @type {"input"} */ ('[aria-invalid="true"]'))?.focus();
    }

    /** @param {boolean} isPart @param {string} words */
    _choice(isPart, words) {
        return html`<label class="option">
            <input
                type="radio"
                name="whole"
                .checked=${this.isPart === isPart}
                @change=${() => (this.isPart = isPart)}
            />
            <span>${words}</span>
        </label>`;
    }

    /** @param {DisputeTerms} terms */
    _form({ left, payee, terms }) {
        return html`<form class="order" novalidate @submit=${this._submit}>
            <section class="card" aria-labelledby="next">
                <h2 id="next">${t("What happens next")}</h2>
                <ol class="terms">
                    ${terms.map((one) => html`<li>${one}</li>`)}
                </ol>
            </section>
            ${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
            <fieldset>
                <legend>${t("How much of what you paid to {name}?", { name: payee.name })}</legend>
                ${this._choice(false, t("All that can go back: {amount}", { amount: showMoney(left) }))}
                ${this._choice(true, t("A part of it"))}
            </fieldset>
            ${
                this.isPart
                    ? amountFields({
                          amount: "",
                          currency: left.currency,
                          currencies: [left.currency],
                          error: this.wrong.amount,
                          help: t("At most {amount}", { amount: showMoney(left) }),
                      })
                    : nothing
            }
            ${field({
                id: "reason",
                label: t("What was wrong?"),
                help: t(
                    "The one you paid reads it, and the institution if it has to decide. You can send photos and letters afterwards.",
                ),
                error: this.wrong.reason,
                control: ({ id, describedby, invalid }) =>
                    html`<textarea
                        id=${id}
                        name="reason"
                        rows="4"
                        maxlength=${REASON_CHARACTERS_MAX}
                        aria-describedby=${describedby}
                        aria-invalid=${invalid}
                    ></textarea>`,
            })}
            <p class="actions">
                ${button({ label: t("Go on"), type: "submit", is_busy: this.isBusy })}
            </p>
            <p class="small secondary-text">
                ${t("Next your key is asked for. Nothing is set aside before you approve it.")}
            </p>
        </form>`;
    }

    /** @param {DisputeTerms} terms */
    _content(terms) {
        if (terms.refusal === null) return this._form(terms);
        return html`<div class="banner" role="note">
            ${icon("info")}
            <div>
                <p class="banner-title">${t("This payment can't be disputed")}</p>
                <p>${terms.refusal}</p>
            </div>
        </div>`;
    }

    render() {
        return html`<p class="crumb">
                <a href=${paymentHref(this.payment)}
                    >${icon("back")}<span>${t("To the payment")}</span></a
                >
            </p>
            ${this.framed("dispute", () =>
                this.terms ? this._content(this.terms) : this.error ? nothing : this.loading(2),
            )}`;
    }
}
customElements.define("veche-new-dispute", VecheNewDispute);
