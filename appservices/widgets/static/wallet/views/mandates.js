/**
 * Mandates: who may debit one by itself, within which caps; ended in one tap.
 *
 * @typedef {import("../api.js").Mandate} Mandate
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { button } from "../../kit/elements.js";
import { plural, showDate, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { mark } from "../../kit/marks.js";
import { signInHref } from "../../kit/shell.js";
import { changeMandate } from "../api.js";
import "../elements/approve.js";
import { capWords } from "../parts.js";
import { WalletView } from "../view.js";

/** @typedef {"pause" | "resume" | "revoke" | "decline"} Choice */

export class VecheMandates extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        busy: { state: true },
        failure: { state: true },
    });

    constructor() {
        super();
        /** Id of the mandate that is being changed, and how. */
        this.busy = "";
        /** @type {unknown} */
        this.failure = undefined;
    }

    get heading() {
        return t("Mandates");
    }

    /** @param {Mandate} mandate @param {Choice} choice */
    async _change({ id }, choice) {
        if (this.busy) return;
        Object.assign(this, { busy: `${id} ${choice}`, failure: undefined });
        try {
            await changeMandate(id, choice);
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {Mandate} mandate @param {Choice} choice @param {string} words @param {"secondary" | "danger"} style */
    _button(mandate, choice, words, style) {
        return button({
            label: html`${words}<span class="hidden-text"> ${mandate.payee.name}</span>`,
            style,
            is_busy: this.busy === `${mandate.id} ${choice}`,
            press: () => void this._change(mandate, choice),
        });
    }

    /** @param {Mandate} mandate */
    _actions(mandate) {
        switch (mandate.state) {
            case "proposed":
                return html`<veche-approve
                        .asked=${mandate.asked}
                        .label=${t("Give this mandate")}
                    ></veche-approve>
                    ${this._button(mandate, "decline", t("Do not give it"), "secondary")}`;
            case "paused":
                return html`${this._button(mandate, "resume", t("Let it go on"), "secondary")}
                ${this._button(mandate, "revoke", t("End it for ever"), "danger")}`;
            default:
                return html`${this._button(mandate, "pause", t("Pause it"), "secondary")}
                ${this._button(mandate, "revoke", t("End it for ever"), "danger")}`;
        }
    }

    /** @param {Mandate} mandate */
    _badge({ state }) {
        if (state === "active") return html`<span class="badge accent">${t("active")}</span>`;
        if (state === "paused") return html`<span class="badge neutral">${t("paused")}</span>`;
        return html`<span class="badge info">${t("not given yet")}</span>`;
    }

    /** @param {Mandate} mandate */
    _mandate(mandate) {
        const { payee, purpose, each_max, starts_at_ms, ends_at_ms, notice } = mandate;
        const { count, count_max } = mandate;
        /** @type {[string, string][]} */
        const facts = [
            [t("At once"), showMoney(each_max)],
            [t("In all"), capWords(mandate)],
            [t("From"), showDate(starts_at_ms)],
            [t("Until"), showDate(ends_at_ms)],
            [t("Notice"), notice],
            [
                t("Debited so far"),
                plural("{count} time", "{count} times", count) +
                    (count_max ? ` / ${count_max}` : ""),
            ],
        ];
        return html`<li>
            <article
                class="card mandate"
                aria-label=${t("Mandate of {name}", { name: payee.name })}
            >
                <div class="question-who">
                    ${mark(payee)}
                    <p>
                        <strong><bdi>${payee.name}</bdi></strong>
                        <span class="secondary-text"><bdi>${purpose}</bdi></span>
                    </p>
                    ${this._badge(mandate)}
                </div>
                <dl class="facts">
                    ${facts.map(
                        ([name, value]) =>
                            html`<dt>${name}</dt>
                                <dd>${value}</dd>`,
                    )}
                </dl>
                <div class="actions approve-actions">${this._actions(mandate)}</div>
            </article>
        </li>`;
    }

    render() {
        return this.framed(
            "mandates",
            ({ mandates }) =>
                html`<p class="secondary-text">
                        ${t("A mandate lets an organisation debit you by itself, within its caps. You are told before, and can end it at any time: that counts at once.")}
                    </p>
                    ${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
                    ${
                        mandates.length
                            ? html`<ul class="cards">
                                  ${mandates.map((one) => this._mandate(one))}
                              </ul>`
                            : html`<div class="empty">
                                  ${icon("hand")}
                                  <p>${t("Nobody may debit you.")}</p>
                              </div>`
                    }`,
        );
    }
}
customElements.define("veche-mandates", VecheMandates);
