/**
 * How much a person lets themselves pay a day by a short code in the chat. Lower counts at once;
 * higher has to be approved with a key, and waits.
 *
 * @typedef {object} Limit
 * @property {string} currency
 * @property {number} minor
 * @property {number} spent_minor within the last 24 hours
 * @property {number | null} next_minor
 * @property {number | null} next_from_ms
 * @property {number} max_minor
 */
import { html, nothing } from "lit";
import { ApprovalsHeard, approveHref, openApproval } from "../cases/approving.js";
import { ApiError, call } from "../kit/api.js";
import { banner, button, textField } from "../kit/elements.js";
import { showDateTime, showMoney, t } from "../kit/i18n.js";
import { asDecimalText, parseAmount } from "../kit/money.js";
import { API, Section } from "./section.js";

export class VecheLimits extends Section {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...Section.properties,
        wrong: { state: true },
        asked: { state: true },
        told: { state: true },
        isBlocked: { state: true },
    });

    constructor() {
        super();
        /** What is wrong with what was typed, by currency. */
        this.wrong = /** @type {Record<string, string>} */ ({});
        /** @type {Record<string, unknown> | undefined} an approval that a raise needs */
        this.asked = undefined;
        this.told = "";
        this.isBlocked = false;
        this._approvals = new ApprovalsHeard(this, (nonce) => {
            if (nonce !== this.asked?.nonce) return;
            this.asked = undefined;
            void this.refresh();
        });
    }

    async load() {
        /** @type {Limit[]} */
        const limits = (await call("GET", `${API}/limits`)).limits;
        return limits;
    }

    /** @param {SubmitEvent} event @param {Limit} limit */
    async _set(event, limit) {
        event.preventDefault();
        const { currency, max_minor } = limit;
        const input = /** @type {HTMLInputElement} */ (this.querySelector(`#limit-${currency}`));
        const minor = parseAmount(input.value, currency);
        Object.assign(this, { wrong: {}, asked: undefined, told: "" });
        if (minor === undefined || minor > max_minor) {
            const most = showMoney({ minor: max_minor, currency });
            this.wrong = {
                [currency]:
                    minor === undefined
                        ? t("Write an amount like {example}.", { example: "50" })
                        : t("At most {amount} can be set here.", { amount: most }),
            };
            await this.updateComplete;
            input.focus();
            return;
        }
        const isDone = await this.act(currency, async () => {
            const answer = await call("POST", `${API}/limits`, { body: { currency, minor } });
            this.asked = answer.asked ?? undefined;
        });
        if (!isDone) return;
        if (!this.asked) this.told = t("The limit is set. It counts at once.");
        await this.refresh();
    }

    _approve() {
        if (this.asked) this.isBlocked = !openApproval(this.asked);
    }

    _raise() {
        if (!this.asked) return nothing;
        return banner(
            "info",
            html`<p>
                    ${t("A higher limit needs your key. Nothing has changed yet: approve it, and it counts 24 hours later.")}
                </p>
                <p>
                    ${
                        this.isBlocked
                            ? html`<a class="button primary" href=${approveHref(this.asked)}
                                  >${t("Open the page for approving")}</a
                              >`
                            : button({
                                  label: t("Approve with my key"),
                                  press: () => this._approve(),
                              })
                    }
                </p>`,
        );
    }

    /** @param {Limit} limit */
    _limit(limit) {
        const { currency, minor, spent_minor, next_minor, next_from_ms } = limit;
        return html`<form
            class="card limit"
            novalidate
            @submit=${(/** @type {SubmitEvent} */ event) => void this._set(event, limit)}
        >
            <p>
                ${
                    minor
                        ? t("Up to {amount} a day; {spent} of it used.", {
                              amount: showMoney({ minor, currency }),
                              spent: showMoney({ minor: spent_minor, currency }),
                          })
                        : t("Off: every payment in {currency} needs your key.", { currency })
                }
            </p>
            ${
                next_minor === null || next_from_ms === null
                    ? nothing
                    : html`<p>
                          ${t("Up to {amount} a day from {time} on.", {
                              amount: showMoney({ minor: next_minor, currency }),
                              time: showDateTime(next_from_ms),
                          })}
                      </p>`
            }
            ${textField({
                id: `limit-${currency}`,
                label: t("Limit a day, in {currency}", { currency }),
                help: t("0 turns it off."),
                error: this.wrong[currency],
                kind: "short",
                inputmode: "decimal",
                value: asDecimalText({ minor: next_minor ?? minor, currency }),
            })}
            ${button({ label: t("Set"), type: "submit", style: "secondary", is_busy: this.busy === currency })}
        </form>`;
    }

    render() {
        const isOff = this.error instanceof ApiError && this.error.status === 404;
        /** @type {Limit[]} */
        const limits = this.data ?? [];
        if (isOff || (this.data && !limits.length)) return nothing;
        return html`<h2>${t("Small payments by code")}</h2>
            <p class="secondary-text">
                ${t("If you allow it, a small payment can be approved by replying four digits from one of your verified devices, without a key.")}
            </p>
            <p role="status" class="note">${this.told}</p>
            ${this.trouble()} ${this._raise()}
            ${this.data ? limits.map((limit) => this._limit(limit)) : this.waiting()}`;
    }
}
customElements.define("veche-limits", VecheLimits);
