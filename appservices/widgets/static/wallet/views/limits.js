/**
 * One's own limits, small payments by code (on the page of the keys), and stopping everything.
 *
 * @typedef {import("../api.js").Limit} Limit
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { button, field } from "../../kit/elements.js";
import { showDateTime, showMoney, t } from "../../kit/i18n.js";
import { asDecimalText, parseAmount } from "../../kit/money.js";
import { signInHref } from "../../kit/shell.js";
import { readLimits, setLimit } from "../api.js";
import "../elements/freeze.js";
import { WalletView } from "../view.js";

export class VecheOwnLimits extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        limits: { state: true },
        wrong: { state: true },
        busy: { state: true },
        told: { state: true },
        failure: { state: true },
    });

    constructor() {
        super();
        /** @type {Limit[] | undefined} */
        this.limits = undefined;
        /** What is wrong with what was typed, by limit. */
        this.wrong = /** @type {Record<string, string>} */ ({});
        this.busy = "";
        /** Which limit was set last. */
        this.told = "";
        /** @type {unknown} */
        this.failure = undefined;
    }

    get heading() {
        return t("Limits");
    }

    changed() {
        if (!this.limits) void this._load();
    }

    async _load() {
        try {
            this.limits = (await readLimits()).limits;
        } catch (error) {
            this.fail(error);
        }
    }

    /** @param {SubmitEvent} event @param {Limit} limit */
    async _submit(event, { currency, kind }) {
        event.preventDefault();
        const id = `limit-${kind}-${currency}`;
        const input = /** @type {HTMLInputElement} */ (this.querySelector(`#${id}`));
        const typed = input.value.trim();
        const minor = typed ? parseAmount(typed, currency) : null;
        Object.assign(this, { wrong: {}, told: "", failure: undefined });
        if (minor === undefined) {
            this.wrong = { [id]: t("Write an amount like {example}.", { example: "50" }) };
            await this.updateComplete;
            input.focus();
            return;
        }
        this.busy = id;
        try {
            this.limits = (await setLimit({ currency, kind, minor })).limits;
            this.told = id;
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {Limit} limit */
    _limit(limit) {
        const { currency, kind, minor, later_minor, later_at_ms } = limit;
        const id = `limit-${kind}-${currency}`;
        const shown = (/** @type {number | null} */ one) =>
            one === null ? t("no limit") : showMoney({ minor: one, currency });
        return html`<form
            class="card limit"
            novalidate
            @submit=${(/** @type {SubmitEvent} */ event) => void this._submit(event, limit)}
        >
            ${field({
                id,
                label:
                    kind === "day"
                        ? t("At most in 24 hours, {currency}", { currency })
                        : t("To somebody new: waits above, {currency}", { currency }),
                help: t("Now: {amount}. Empty: no limit.", { amount: shown(minor) }),
                error: this.wrong[id],
                control: (wiring) =>
                    html`<input
                        id=${wiring.id}
                        type="text"
                        inputmode="decimal"
                        autocomplete="off"
                        aria-describedby=${wiring.describedby}
                        aria-invalid=${wiring.invalid}
                        .value=${minor === null ? "" : asDecimalText({ minor, currency })}
                    />`,
            })}
            ${
                later_at_ms
                    ? html`<p class="small">
                          ${t("From {time}: {amount}", { time: showDateTime(later_at_ms), amount: shown(later_minor) })}
                      </p>`
                    : nothing
            }
            <div class="actions">
                ${button({
                    label: t("Set"),
                    type: "submit",
                    style: "secondary",
                    is_busy: this.busy === id,
                })}
                <span class="small" role="status">${this.told === id ? t("Set.") : ""}</span>
            </div>
        </form>`;
    }

    render() {
        return this.framed(
            "limits",
            (wallet) =>
                html`<p class="secondary-text">
                        ${t("A lower limit counts at once, a higher one a day later: whoever hurries you gains nothing.")}
                    </p>
                    ${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
                    ${this.limits ? html`<div class="two">${this.limits.map((one) => this._limit(one))}</div>` : this.loading(2)}
                    <p>
                        <a href="/keys">${t("Small payments by a code, and my keys")}</a>
                    </p>
                    <section>
                        <h2>${t("If something is wrong")}</h2>
                        <p class="secondary-text">
                            ${t("Stops everything at once: what waits is cancelled, all mandates end, nothing goes out. Only your key lets it go on.")}
                        </p>
                        <veche-freeze
                            .isFrozen=${wallet.is_frozen}
                            .asked=${wallet.unfreeze}
                        ></veche-freeze>
                    </section>`,
        );
    }
}
customElements.define("veche-own-limits", VecheOwnLimits);
