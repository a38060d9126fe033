/**
 * One escrow: the money in it, who takes part and what each has decided, and what is this person's
 * to do. It tells `veche-trusted` with everything that the view shows, as it is afterwards.
 *
 * @typedef {import("../api.js").Escrow} Escrow
 * @typedef {import("../api.js").Trust} Trust
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { ApiError } from "../../kit/api.js";
import { VecheElement, button, field } from "../../kit/elements.js";
import { showDateTime, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { signInHref } from "../../kit/shell.js";
import { mark } from "../../kit/marks.js";
import { askInEscrow, chooseInEscrow } from "../deals_api.js";
import { factList } from "../parts.js";
import "./approve.js";

const AMOUNT_CHARACTERS_MAX = 40;

/** @param {Escrow} escrow @returns {[string, string]} words and kind of the badge */
function badge({ state }) {
    switch (state) {
        case "proposed":
            return [t("not all agreed yet"), "info"];
        case "agreed":
            return [t("not put aside yet"), "info"];
        case "cooling":
        case "guarded":
            return [t("waits"), "info"];
        case "funding":
            return [t("is being set aside"), "info"];
        case "funded":
            return [t("put aside"), "accent"];
        case "ending":
            return [t("the money is on its way"), "neutral"];
        default:
            return [t("over"), "neutral"];
    }
}

/** @param {string} role */
function roleWords(role) {
    if (role === "buyer") return t("buys");
    return role === "seller" ? t("sells") : t("decides with them");
}

export class VecheEscrow extends VecheElement {
    static properties = {
        escrow: { attribute: false },
        busy: { state: true },
        failure: { state: true },
        wrong: { state: true },
        isSharing: { state: true },
    };

    constructor() {
        super();
        /** @type {Escrow | undefined} */
        this.escrow = undefined;
        this.busy = "";
        /** @type {unknown} */
        this.failure = undefined;
        /** What is wrong with the part. */
        this.wrong = "";
        this.isSharing = false;
    }

    /** @param {string} what @param {() => Promise<Trust>} work */
    async _do(what, work) {
        if (this.busy) return;
        Object.assign(this, { busy: what, failure: undefined, wrong: "" });
        try {
            const trust = await work();
            this.isSharing = false;
            this.dispatchEvent(new CustomEvent("veche-trusted", { detail: trust, bubbles: true }));
        } catch (error) {
            if (error instanceof ApiError && error.field && error.status === 409)
                this.wrong = error.message;
            else this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {Escrow} escrow @param {string} choice @param {string} label @param {"primary" | "secondary" | "danger"} style */
    _choice({ id, number }, choice, label, style) {
        return button({
            label: html`${label}<span class="hidden-text"> ${number}</span>`,
            style,
            is_busy: this.busy === choice,
            press: () => void this._do(choice, () => chooseInEscrow(id, choice)),
        });
    }

    /** @param {Escrow} escrow @param {SubmitEvent} event */
    _share({ id }, event) {
        event.preventDefault();
        const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const part = String(form.get("part") ?? "").trim();
        if (part) void this._do("share", () => askInEscrow(id, part));
        else this.wrong = t("Write how much.");
    }

    /** @param {Escrow} escrow */
    _sharing(escrow) {
        const { id, amount, parties } = escrow;
        const seller = parties.find(({ role }) => role === "seller");
        return html`<form
            class="order"
            novalidate
            @submit=${(/** @type {SubmitEvent} */ event) => this._share(escrow, event)}
        >
            ${field({
                id: `part-${id}`,
                label: t("How much does {name} get?", { name: seller?.name ?? "" }),
                help: t("At most {amount}; the rest goes back. You decide once.", {
                    amount: showMoney(amount),
                }),
                error: this.wrong,
                control: (wiring) =>
                    html`<input
                        id=${wiring.id}
                        name="part"
                        type="text"
                        inputmode="decimal"
                        autocomplete="off"
                        maxlength=${AMOUNT_CHARACTERS_MAX}
                        aria-describedby=${wiring.describedby}
                        aria-invalid=${wiring.invalid}
                    />`,
            })}
            <div class="actions">
                ${button({ label: t("Go on"), type: "submit", is_busy: this.busy === "share" })}
                ${button({ label: t("Back"), style: "secondary", press: () => (this.isSharing = false) })}
            </div>
        </form>`;
    }

    /** @param {Escrow} escrow */
    _actions(escrow) {
        const { id, asks, can, state } = escrow;
        if (this.isSharing && (can.includes("share") || this.busy)) return this._sharing(escrow);
        if (!asks.length && !can.length) return nothing;
        return html`${
                asks.length && state === "funded"
                    ? html`<p class="secondary-text">${t("You decide once, with your key:")}</p>`
                    : nothing
            }
            <div class="actions approve-actions">
                ${asks.map(
                    ({ asked, label }) =>
                        html`<veche-approve .asked=${asked} .label=${label}></veche-approve>`,
                )}
                ${
                    can.includes("ask")
                        ? button({
                              label:
                                  state === "funded" ? t("Decide") : t("Ask me for my key again"),
                              is_busy: this.busy === "ask",
                              press: () => void this._do("ask", () => askInEscrow(id, null)),
                          })
                        : nothing
                }
                ${can.includes("join") ? this._choice(escrow, "join", t("Take part"), "primary") : nothing}
                ${
                    can.includes("share")
                        ? button({
                              label: t("Share it…"),
                              style: "secondary",
                              press: () => Object.assign(this, { isSharing: true, wrong: "" }),
                          })
                        : nothing
                }
                ${can.includes("decline") ? this._choice(escrow, "decline", t("Do not take part"), "secondary") : nothing}
                ${can.includes("stop") ? this._choice(escrow, "stop", t("Stop it"), "danger") : nothing}
            </div>`;
    }

    /** @param {Escrow} escrow */
    _parties({ parties, state, k }) {
        return html`<ul class="plain parties">
                ${parties.map((one) => {
                    const { name, address, role, has_agreed, decision } = one;
                    const undecided = state === "funded" ? t("has not decided yet") : "";
                    const waits = state === "proposed" && !has_agreed ? t("is asked") : undecided;
                    return html`<li>
                        ${mark(one)}
                        <p>
                            <strong><bdi>${name}</bdi></strong>
                            <span class="secondary-text">${roleWords(role)}</span>
                            <code class="address"><bdi>${address}</bdi></code>
                            ${decision ? html`<span>${decision}</span>` : nothing}
                            ${!decision && waits ? html`<span class="secondary-text">${waits}</span>` : nothing}
                        </p>
                    </li>`;
                })}
            </ul>
            <p class="small secondary-text">
                ${t("{k} of {n} have to say the same.", { k, n: parties.length })}
            </p>`;
    }

    /** @param {Escrow} escrow */
    _facts({ held, ends_at_ms, silence, number, is_over }) {
        /** @type {[string, unknown][]} */
        const facts = [
            [t("In it"), held ? showMoney(held) : t("nothing")],
            [t("Until"), showDateTime(ends_at_ms)],
            [t("If nobody has decided then"), is_over ? "" : silence],
            [t("Number"), html`<code>${number}</code>`],
        ];
        return factList(facts);
    }

    render() {
        const { escrow } = this;
        if (!escrow) return nothing;
        const { number, amount, reference, words, stuck } = escrow;
        const [state, kind] = badge(escrow);
        return html`<article class="card escrow" aria-label=${t("Escrow {number}", { number })}>
            <div class="question-who">
                <p>
                    <strong>${showMoney(amount)}</strong>
                    <bdi>${reference}</bdi>
                </p>
                <span class="badge ${kind}">${state}</span>
            </div>
            <p aria-live="polite">${words}</p>
            ${stuck ? html`<p class="banner">${icon("info")}<span>${stuck}</span></p>` : nothing}
            ${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
            ${this._parties(escrow)} ${this._actions(escrow)} ${this._facts(escrow)}
        </article>`;
    }
}
customElements.define("veche-escrow", VecheEscrow);
