/**
 * One dispute: how it stands, what both say and sent, and what is this person's to do about it.
 * It tells `veche-disputes` with all disputes as they are afterwards.
 *
 * @typedef {import("../deals_api.js").Dispute} Dispute
 * @typedef {import("../deals_api.js").Disputes} Disputes
 * @typedef {import("../deals_api.js").Evidence} Evidence
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { ApiError } from "../../kit/api.js";
import { VecheElement, button, field } from "../../kit/elements.js";
import { showDateTime, showMoney, showNumber, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { save } from "../../kit/save.js";
import { mark } from "../../kit/marks.js";
import { signInHref } from "../../kit/shell.js";
import { chooseInDispute, decideDispute, readEvidence, sendEvidence } from "../deals_api.js";
import { factList } from "../parts.js";
import { paymentHref } from "../route.js";
import "./approve.js";

const WORDS_CHARACTERS_MAX = 500;
const AMOUNT_CHARACTERS_MAX = 40;
const FILE_BYTES_MAX = 10 * 1024 * 1024;
const KILOBYTE = 1000;

/** @param {string} state @returns {[string, string]} words and kind of the badge */
function badge(state) {
    switch (state) {
        case "asked":
            return [t("not approved yet"), "info"];
        case "freezing":
            return [t("is being set aside"), "info"];
        case "open":
            return [t("waits for an answer"), "info"];
        case "at_desk":
            return [t("is being decided"), "info"];
        case "decided":
            return [t("decided, can be appealed"), "info"];
        case "appealed":
            return [t("appealed"), "info"];
        case "ending":
            return [t("the money is on its way"), "neutral"];
        default:
            return [t("over"), "neutral"];
    }
}

/** @param {number} bytes */
function size(bytes) {
    const kilobytes = Math.max(1, Math.round(bytes / KILOBYTE));
    if (kilobytes < KILOBYTE) return t("{count} kB", { count: showNumber(kilobytes) });
    return t("{count} MB", { count: showNumber(Math.round(kilobytes / 100) / 10) });
}

export class VecheDispute extends VecheElement {
    static properties = {
        dispute: { attribute: false },
        busy: { state: true },
        failure: { state: true },
        wrong: { state: true },
        asking: { state: true },
    };

    constructor() {
        super();
        /** @type {Dispute | undefined} */
        this.dispute = undefined;
        this.busy = "";
        /** @type {unknown} */
        this.failure = undefined;
        /** @type {Record<string, string>} what is wrong, by field */
        this.wrong = {};
        /** @type {"" | "contest" | "appeal" | "withdraw" | "decide"} which form stands open */
        this.asking = "";
    }

    /** @param {string} what @param {() => Promise<Disputes | void>} work */
    async _do(what, work) {
        if (this.busy) return;
        Object.assign(this, { busy: what, failure: undefined, wrong: {} });
        try {
            const disputes = await work();
            if (!disputes) return;
            this.asking = "";
            this.dispatchEvent(
                new CustomEvent("veche-disputes", { detail: disputes, bubbles: true }),
            );
        } catch (error) {
            if (error instanceof ApiError && error.field && error.status === 409) {
                this.wrong = { [error.field]: error.message };
            } else this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {Dispute} dispute @param {string} choice @param {string} [words] */
    _choose({ id }, choice, words) {
        void this._do(choice, () => chooseInDispute(id, choice, words));
    }

    /** @param {Dispute} dispute @param {Event} event */
    _send({ id }, event) {
        const input = /** @type {HTMLInputElement} */ (event.target);
        const [file] = input.files ?? [];
        input.value = "";
        if (!file) return;
        if (file.size > FILE_BYTES_MAX) {
            this.wrong = {
                file: t("A file has at most {size} MB. Make it smaller.", { size: 10 }),
            };
            return;
        }
        void this._do("send", () => sendEvidence(id, file));
    }

    /** @param {Dispute} dispute @param {Evidence} file */
    _save({ id }, { n, name }) {
        void this._do(`file ${n}`, async () => save(await readEvidence(id, n), name));
    }

    /** @param {Dispute} dispute */
    _facts(dispute) {
        const { is_own, payment, number, due_at_ms } = dispute;
        /** @type {[string, unknown][]} */
        const facts = [
            [t("Paid by"), html`<bdi>${dispute.payer.name}</bdi>`],
            [t("Paid to"), html`<bdi>${dispute.payee.name}</bdi>`],
            [t("Disputed"), showMoney(dispute.amount)],
            [t("Set aside"), dispute.held ? showMoney(dispute.held) : ""],
            [t("Goes back"), dispute.given ? showMoney(dispute.given) : ""],
            [t("Until"), due_at_ms && dispute.state === "asked" ? showDateTime(due_at_ms) : ""],
            [t("What for"), dispute.reference && html`<bdi>${dispute.reference}</bdi>`],
            [t("What was wrong"), html`<bdi>${dispute.reason}</bdi>`],
            [t("Answer"), dispute.answer && html`<bdi>${dispute.answer}</bdi>`],
            [t("Decision"), dispute.decision && html`<bdi>${dispute.decision}</bdi>`],
            [t("Appeal"), dispute.appeal && html`<bdi>${dispute.appeal}</bdi>`],
            [
                t("Payment"),
                is_own
                    ? html`<a href=${paymentHref(payment)}><code>${number}</code></a>`
                    : html`<code>${number}</code>`,
            ],
        ];
        return factList(facts);
    }

    /** @param {Dispute} dispute */
    _evidence(dispute) {
        const { evidence, can } = dispute;
        if (!evidence.length && !can.includes("send")) return nothing;
        const names = { payer: dispute.payer.name, payee: dispute.payee.name };
        return html`<section>
            <h2>${t("Evidence")}</h2>
            ${
                evidence.length
                    ? html`<ul class="plain files">
                              ${evidence.map(
                                  (file) =>
                                      html`<li>
                                          <p>
                                              <strong><bdi>${file.name}</bdi></strong>
                                              <span class="secondary-text"
                                                  >${size(file.size_bytes)} ·
                                                  <bdi>${names[file.by]}</bdi> ·
                                                  ${showDateTime(file.at_ms)}</span
                                              >
                                          </p>
                                          ${button({
                                              label: html`${icon("download")}<span
                                                      >${t("Download")}<span class="hidden-text">
                                                          ${file.name}</span
                                                      ></span
                                                  >`,
                                              style: "secondary",
                                              is_busy: this.busy === `file ${file.n}`,
                                              press: () => this._save(dispute, file),
                                          })}
                                          <p class="small secondary-text">
                                              SHA-256 <code class="digest">${file.sha256}</code>
                                          </p>
                                      </li>`,
                              )}
                          </ul>
                          <p class="small secondary-text">
                              ${t("Open what others send with care, as anything from others.")}
                          </p>`
                    : html`<p class="secondary-text">${t("Nobody has sent a file yet.")}</p>`
            }
            ${can.includes("send") ? this._sending(dispute) : nothing}
        </section>`;
    }

    /** @param {Dispute} dispute */
    _sending(dispute) {
        const id = `file-${dispute.id}`;
        return field({
            id,
            label: t("Send a file"),
            help: t(
                "A photo or a letter, at most 10 MB. The other side and whoever decides see it. It is kept encrypted, and known by its SHA-256.",
            ),
            error: this.wrong.file,
            is_required: false,
            control: (wiring) =>
                html`<input
                    id=${wiring.id}
                    type="file"
                    aria-describedby=${wiring.describedby}
                    aria-invalid=${wiring.invalid}
                    aria-busy=${this.busy === "send" ? "true" : "false"}
                    ?disabled=${this.busy === "send"}
                    @change=${(/** @type {Event} */ event) => this._send(dispute, event)}
                />`,
        });
    }

    /** @param {"contest" | "appeal" | "withdraw" | "decide"} what @param {string} label @param {"secondary" | "danger"} [style] */
    _opens(what, label, style = "secondary") {
        return button({
            label,
            style,
            press: () => Object.assign(this, { asking: what, wrong: {}, failure: undefined }),
        });
    }

    /**
     * @param {string} id
     * @param {string} label
     * @param {boolean} is_required
     */
    _words(id, label, is_required) {
        return field({
            id,
            label,
            error: this.wrong.words,
            is_required,
            control: (wiring) =>
                html`<textarea
                    id=${wiring.id}
                    name="words"
                    rows="3"
                    maxlength=${WORDS_CHARACTERS_MAX}
                    aria-describedby=${wiring.describedby}
                    aria-invalid=${wiring.invalid}
                ></textarea>`,
        });
    }

    /** What was opened to be confirmed, with words where there are some. @param {Dispute} dispute */
    _form(dispute) {
        const { asking } = this;
        const id = `words-${dispute.id}`;
        const texts = {
            contest: [t("Why not? Both and the institution read it."), t("Do not give it back")],
            appeal: [t("Why should others decide again?"), t("Appeal")],
            withdraw: ["", t("Take the dispute back")],
            decide: [t("Why? Both read it."), t("Go on")],
        };
        if (!asking) return nothing;
        const [label = "", press = ""] = texts[asking];
        return html`<form
            class="order"
            novalidate
            @submit=${(/** @type {SubmitEvent} */ event) => this._submit(dispute, event)}
        >
            ${
                asking === "withdraw"
                    ? html`<p>
                          ${t("{name} has the amount again then, and you cannot dispute this payment once more.", { name: dispute.payee.name })}
                      </p>`
                    : nothing
            }
            ${asking === "contest" ? html`<p>${t("The institution decides then.")}</p>` : nothing}
            ${asking === "decide" ? this._amount(dispute) : nothing}
            ${label ? this._words(id, label, asking === "decide") : nothing}
            <div class="actions">
                ${button({
                    label: press,
                    type: "submit",
                    style: asking === "withdraw" ? "danger" : "primary",
                    is_busy: this.busy === asking,
                })}
                ${button({ label: t("Back"), style: "secondary", press: () => (this.asking = "") })}
            </div>
        </form>`;
    }

    /** @param {Dispute} dispute */
    _amount({ id, held }) {
        return field({
            id: `amount-${id}`,
            label: t("How much goes back"),
            help: held ? t("From 0 to {amount}", { amount: showMoney(held) }) : null,
            error: this.wrong.amount,
            control: (wiring) =>
                html`<input
                    id=${wiring.id}
                    name="amount"
                    type="text"
                    inputmode="decimal"
                    autocomplete="off"
                    maxlength=${AMOUNT_CHARACTERS_MAX}
                    aria-describedby=${wiring.describedby}
                    aria-invalid=${wiring.invalid}
                />`,
        });
    }

    /** @param {Dispute} dispute @param {SubmitEvent} event */
    _submit(dispute, event) {
        event.preventDefault();
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const words = String(data.get("words") ?? "").trim();
        const amount = String(data.get("amount") ?? "").trim();
        if (this.asking !== "decide") return this._choose(dispute, this.asking, words);
        void this._do("decide", () => decideDispute(dispute.id, { amount, words }));
    }

    /** @param {Dispute} dispute */
    _actions(dispute) {
        const { can, asks } = dispute;
        if (this.asking && (can.includes(this.asking) || this.busy)) return this._form(dispute);
        return html`<div class="actions approve-actions">
            ${asks.map(
                ({ asked, label }) =>
                    html`<veche-approve .asked=${asked} .label=${label}></veche-approve>`,
            )}
            ${
                can.includes("ask")
                    ? button({
                          label:
                              dispute.side === "payee"
                                  ? t("Give it back")
                                  : t("Ask me for my key again"),
                          is_busy: this.busy === "ask",
                          press: () => this._choose(dispute, "ask"),
                      })
                    : nothing
            }
            ${can.includes("decide") ? this._opens("decide", asks.length ? t("Decide otherwise") : t("Decide")) : nothing}
            ${can.includes("contest") ? this._opens("contest", t("Do not give it back")) : nothing}
            ${can.includes("appeal") ? this._opens("appeal", t("Appeal")) : nothing}
            ${
                can.includes("decline")
                    ? button({
                          label: t("Do not dispute it"),
                          style: "secondary",
                          is_busy: this.busy === "decline",
                          press: () => this._choose(dispute, "decline"),
                      })
                    : nothing
            }
            ${can.includes("withdraw") ? this._opens("withdraw", t("Take the dispute back"), "danger") : nothing}
        </div>`;
    }

    render() {
        const { dispute } = this;
        if (!dispute) return nothing;
        const { number, state, side, payer, payee, amount, words } = dispute;
        const [state_, kind] = badge(state);
        const other = side === "payer" ? payee : payer;
        const title = {
            payer: t("You dispute what you paid to {name}", { name: payee.name }),
            payee: dispute.is_own
                ? t("{name} disputes what you were paid", { name: payer.name })
                : t("{payer} disputes what {payee} was paid", {
                      payer: payer.name,
                      payee: payee.name,
                  }),
            desk: t("{payer} disputes what {payee} was paid", {
                payer: payer.name,
                payee: payee.name,
            }),
        }[side];
        return html`<article class="card dispute" aria-label=${t("Dispute {number}", { number })}>
            <div class="question-who">
                ${mark(other)}
                <p>
                    <strong>${title}</strong>
                    <span class="secondary-text">${showMoney(amount)}</span>
                </p>
                <span class="badge ${kind}">${state_}</span>
            </div>
            <p aria-live="polite">${words}</p>
            ${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
            ${this._actions(dispute)} ${this._facts(dispute)} ${this._evidence(dispute)}
        </article>`;
    }
}
customElements.define("veche-dispute", VecheDispute);
