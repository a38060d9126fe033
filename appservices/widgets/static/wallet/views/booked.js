/**
 * The history: what was booked, by any days, searched; the same as files. It is the statement, so it
 * adds up to the ledger.
 *
 * @typedef {import("../api.js").History} History
 * @typedef {import("../api.js").Booked} Booked
 * @typedef {import("../api.js").Days} Days
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { serverNow } from "../../cases/now.js";
import { button, field } from "../../kit/elements.js";
import { plural, showDate, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { signInHref } from "../../kit/shell.js";
import { readHistory, readStatement } from "../api.js";
import { save } from "../../kit/save.js";
import { mark } from "../../kit/marks.js";
import { showSigned } from "../parts.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

const TYPING_MS = 250;
const QUERY_CHARACTERS_MAX = 100;
const ENDINGS = /** @type {const} */ ({ csv: "csv", pdf: "pdf", camt053: "xml" });

/** @param {Date} at @returns {string} "2026-11-26", UTC, as statements count days */
function dayOf(at) {
    return at.toISOString().slice(0, 10);
}

/** @param {number} back months @returns {{first: string, last: string}} a whole month */
function monthOf(back) {
    const now = new Date(serverNow());
    const [year, month] = [now.getUTCFullYear(), now.getUTCMonth() - back];
    return {
        first: dayOf(new Date(Date.UTC(year, month, 1))),
        last: dayOf(new Date(Date.UTC(year, month + 1, 0))),
    };
}

export class VecheBooked extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        first: { state: true },
        last: { state: true },
        q: { state: true },
        currency: { state: true },
        history: { state: true },
        busy: { state: true },
        failure: { state: true },
    });

    constructor() {
        super();
        const { first, last } = monthOf(0);
        this.first = first;
        this.last = last;
        this.q = "";
        this.currency = "";
        /** @type {History | undefined} */
        this.history = undefined;
        this.busy = "";
        /** @type {unknown} */
        this.failure = undefined;
        this._timer = 0;
        this._search = new AbortController();
    }

    get heading() {
        return t("History");
    }

    /** @param {import("../api.js").Wallet} wallet */
    changed({ currencies }) {
        this.currency ||= currencies[0] ?? "";
        void this._read();
    }

    stop() {
        super.stop();
        clearTimeout(this._timer);
        this._search.abort();
    }

    async _read() {
        this._search.abort();
        this._search = new AbortController();
        const { signal } = this._search;
        const { currency, first, last, q } = this;
        try {
            const found = await readHistory({ currency, first, last, q }, signal);
            if (!signal.aborted) Object.assign(this, { history: found, failure: undefined });
        } catch (error) {
            if (!signal.aborted) this.failure = error;
        }
    }

    /** @param {Partial<VecheBooked>} choice */
    _choose(choice) {
        Object.assign(this, choice);
        if (this.first > this.last) this.last = this.first;
        clearTimeout(this._timer);
        this._timer = setTimeout(() => void this._read(), "q" in choice ? TYPING_MS : 0);
    }

    /** @param {keyof typeof ENDINGS} form */
    async _save(form) {
        if (this.busy) return;
        Object.assign(this, { busy: form, failure: undefined });
        const { currency, first, last } = this;
        try {
            const file = await readStatement({ currency, first, last }, form);
            save(file, `statement-${currency}-${first}-${last}.${ENDINGS[form]}`);
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {string} words @param {Days | {first: string, last: string}} days */
    _chip(words, { first, last }) {
        const isChosen = this.first === first && this.last === last;
        return html`<button
            type="button"
            class="chip"
            aria-pressed=${isChosen ? "true" : "false"}
            @click=${() => this._choose({ first, last })}
        >
            ${words}
        </button>`;
    }

    _choices() {
        const today = dayOf(new Date(serverNow()));
        const date = (/** @type {"first" | "last"} */ name, /** @type {string} */ label) =>
            field({
                id: name,
                label,
                control: ({ id }) =>
                    html`<input
                        id=${id}
                        type="date"
                        .value=${this[name]}
                        @change=${(/** @type {Event} */ event) => {
                            const { value } = /** @type {HTMLInputElement} */ (event.target);
                            if (value) this._choose({ [name]: value });
                        }}
                    />`,
            });
        return html`<div class="chips" role="group" aria-label=${t("Which days")}>
                ${this._chip(t("Today"), { first: today, last: today })}
                ${this._chip(t("This month"), monthOf(0))}
                ${this._chip(t("Last month"), monthOf(1))}
            </div>
            <div class="days">${date("first", t("First day"))} ${date("last", t("Last day"))}</div>
            ${this._currencies()}
            ${field({
                id: "q",
                label: t("Search"),
                is_required: false,
                control: ({ id }) =>
                    html`<div class="with-icon">
                        ${icon("search")}<input
                            id=${id}
                            type="search"
                            maxlength=${QUERY_CHARACTERS_MAX}
                            autocomplete="off"
                            .value=${this.q}
                            @input=${(/** @type {Event} */ event) =>
                                this._choose({
                                    q: /** @type {HTMLInputElement} */ (event.target).value,
                                })}
                        />
                    </div>`,
            })}`;
    }

    _currencies() {
        const currencies = this.wallet?.currencies ?? [];
        if (currencies.length < 2) return nothing;
        return field({
            id: "currency",
            label: t("Currency"),
            control: ({ id }) =>
                html`<select
                    id=${id}
                    @change=${(/** @type {Event} */ event) =>
                        this._choose({
                            currency: /** @type {HTMLSelectElement} */ (event.target).value,
                        })}
                >
                    ${currencies.map((one) => html`<option ?selected=${one === this.currency}>${one}</option>`)}
                </select>`,
        });
    }

    /** @param {History} history */
    _sums({ opening_minor, credit_minor, debit_minor, closing_minor, currency }) {
        /** @type {[string, number][]} */
        const sums = [
            [t("Before"), opening_minor],
            [t("In"), credit_minor],
            [t("Out"), debit_minor],
            [t("After"), closing_minor],
        ];
        return html`<dl class="sums">
            ${sums.map(
                ([name, minor]) =>
                    html`<div>
                        <dt>${name}</dt>
                        <dd>${showMoney({ minor, currency })}</dd>
                    </div>`,
            )}
        </dl>`;
    }

    /** @param {Booked} line @param {string} currency */
    _line({ minor, address, name, text, payment, balance_minor }, currency) {
        const words = name || text || t("Booking");
        const inside = html`${mark({ address, name: words })}
            <span class="row-main">
                <span class="row-title"><bdi>${words}</bdi></span>
                ${name && text ? html`<span class="row-meta"><bdi>${text}</bdi></span>` : nothing}
            </span>
            <span class="row-amount">
                <span class="amount ${minor < 0 ? "" : "in"}"
                    >${showSigned({ minor, currency })}</span
                >
                <span class="row-meta"
                    ><span class="hidden-text">${t("Balance")} </span
                    >${showMoney({ minor: balance_minor, currency })}</span
                >
            </span>`;
        return html`<li>
            ${
                payment
                    ? html`<a class="row payment" href=${paymentHref(payment)}>${inside}</a>`
                    : html`<div class="row payment">${inside}</div>`
            }
        </li>`;
    }

    /** @param {History} history */
    _lines({ lines, currency, left_out }) {
        if (!lines.length)
            return html`<div class="empty">
                ${icon("search")}
                <p>
                    ${this.q ? t("Nothing of these days has these words.") : t("Nothing was booked on these days.")}
                </p>
            </div>`;
        /** @type {Map<string, Booked[]>} */
        const days = new Map();
        for (const line of lines) {
            const day = showDate(line.at_ms);
            days.set(day, [...(days.get(day) ?? []), line]);
        }
        return html`${[...days].map(
            ([day, ofDay]) =>
                html`<section class="day">
                    <h2>${day}</h2>
                    <ul class="rows">
                        ${ofDay.map((line) => this._line(line, currency))}
                    </ul>
                </section>`,
        )}
        ${
            left_out
                ? html`<p class="secondary-text">
                      ${plural("{count} older line is not shown: choose fewer days, or a file.", "{count} older lines are not shown: choose fewer days, or a file.", left_out)}
                  </p>`
                : nothing
        }`;
    }

    _files() {
        return html`<section>
            <h2>${t("Statement of these days")}</h2>
            <div class="actions">
                ${
                    /** @type {[keyof typeof ENDINGS, string][]} */ ([
                        ["pdf", "PDF"],
                        ["csv", "CSV"],
                        ["camt053", "camt.053"],
                    ]).map(([form, name]) =>
                        button({
                            label: html`${icon("download")}<span>${name}</span>`,
                            style: "secondary",
                            is_busy: this.busy === form,
                            press: () => void this._save(form),
                        }),
                    )
                }
            </div>
        </section>`;
    }

    render() {
        return this.framed(
            "booked",
            () =>
                html`${this._choices()}
                    ${this.failure ? problem(this.failure, { signIn: signInHref(), again: () => void this._read() }) : nothing}
                    <div aria-live="polite">
                        ${
                            this.history
                                ? html`${this._sums(this.history)} ${this._lines(this.history)}`
                                : this.loading(2)
                        }
                    </div>
                    ${this._files()}`,
        );
    }
}
customElements.define("veche-booked", VecheBooked);
