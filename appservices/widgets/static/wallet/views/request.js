/** Being paid: a link and a code, with an amount or without. */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { ApiError } from "../../kit/api.js";
import { button, textField } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { request } from "../api.js";
import { amountFields } from "../elements/amount.js";
import "../elements/copied.js";
import { codeImage } from "../parts.js";
import { WalletView } from "../view.js";

const REFERENCE_CHARACTERS_MAX = 70;

export class VecheRequest extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        made: { state: true },
        wrong: { state: true },
        failure: { state: true },
        isBusy: { state: true },
        isWanted: { state: true },
    });

    constructor() {
        super();
        /** @type {{link: string, code: string} | undefined} */
        this.made = undefined;
        this.wrong = "";
        /** @type {unknown} */
        this.failure = undefined;
        this.isBusy = false;
        /** Whether the code says an amount or what for. */
        this.isWanted = false;
    }

    get heading() {
        return t("Be paid");
    }

    /** @param {import("../api.js").Wallet} wallet */
    changed({ currencies }) {
        if (this.made) return;
        void this._make({ amount: "", currency: currencies[0] ?? "", reference: "" });
    }

    /** @param {{amount: string, currency: string, reference: string}} wanted */
    async _make(wanted) {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, wrong: "", failure: undefined });
        try {
            this.made = await request(wanted);
            this.isWanted = Boolean(wanted.amount || wanted.reference);
        } catch (error) {
            const isWrong = error instanceof ApiError && error.field;
            if (isWrong) this.wrong = error.message;
            else this.failure = error;
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {SubmitEvent} event */
    _submit(event) {
        event.preventDefault();
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
        void this._make({
            amount: text("amount"),
            currency: text("currency"),
            reference: text("reference"),
        });
    }

    _code() {
        if (!this.made) return this.failure ? nothing : this.loading(1);
        return html`<div class="card code-card" aria-live="polite">
            ${codeImage(this.made.code, t("Your code: who scans it pays you"))}
            <p class="secondary-text">
                ${this.isWanted ? t("People who scan it see this amount, and your name.") : t("People who scan it type how much, and see your name.")}
            </p>
            <veche-copied .text=${this.made.link} .label=${t("link")}></veche-copied>
        </div>`;
    }

    /** @param {import("../api.js").Wallet} wallet */
    _form({ currencies }) {
        return html`<form class="order" novalidate @submit=${this._submit}>
            <h2>${t("Ask for an amount")}</h2>
            ${amountFields({ amount: "", currencies, error: this.wrong, is_required: false })}
            ${textField({
                id: "reference",
                label: t("What for"),
                is_required: false,
                capitals: "sentences",
                maxlength: REFERENCE_CHARACTERS_MAX,
            })}
            <p class="actions">
                ${button({ label: t("Make the code"), type: "submit", is_busy: this.isBusy })}
            </p>
        </form>`;
    }

    render() {
        return this.framed(
            "request",
            (wallet) =>
                html`${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
                    <div class="two">${this._code()} ${this._form(wallet)}</div>
                    <p>
                        ${t("From an account at another bank:")}
                        <a href="/wallet/bank">${t("Top up")}</a>
                    </p>`,
        );
    }
}
customElements.define("veche-request", VecheRequest);
