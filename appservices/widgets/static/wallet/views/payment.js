/**
 * One payment: asked, with what becomes of it; while it waits; then its receipt, verified here.
 *
 * @typedef {import("../api.js").Payment} Payment
 */
import { html, nothing } from "lit";
import { button, spinner } from "../../kit/elements.js";
import { showDateTime, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { signInHref } from "../../kit/shell.js";
import { problem } from "../../cases/elements/problem.js";
import {
    act,
    choose,
    followPayment,
    readInvoiceFile,
    readReceipt,
    readReceiptPdf,
} from "../api.js";
import "../elements/approve.js";
import { invoiceCard } from "../elements/invoice.js";
import "../elements/verdict.js";
import { save } from "../../kit/save.js";
import { mark } from "../../kit/marks.js";
import { factList, kindWords, stateWords } from "../parts.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

const NUMBER_CHARACTERS = 8;

/** Amount and fee. @param {Payment} payment */
const inAll = ({ amount, fee }) => ({
    minor: amount.minor + fee.minor,
    currency: amount.currency,
});

export class VechePayment extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        payment: { state: true },
        busy: { state: true },
        failure: { state: true },
        receipt: { state: true },
    });

    constructor() {
        super();
        /** @type {Payment | undefined} */
        this.payment = undefined;
        this.busy = "";
        /** @type {unknown} what the last press came to */
        this.failure = undefined;
        /** @type {Blob | undefined} the receipt, once it was asked for */
        this.receipt = undefined;
    }

    get id() {
        return this.route.view === "payment" ? this.route.id : "";
    }

    get heading() {
        const { payment } = this;
        if (!payment) return t("Payment");
        if (payment.state === "asked") return t("Do you want to pay this?");
        return kindWords(payment);
    }

    get isRefund() {
        return this.payment?.kind === "refund";
    }

    // What it shows is followed itself: not all of it changes what is seen of the wallet.
    follow() {
        this.payment = undefined;
        return followPayment(
            this.id,
            (payment) => {
                this.error = undefined;
                // Paid from the account of another it goes on as a payment of its own.
                if (payment.instead) this.go(paymentHref(payment.instead));
                else this.payment = payment;
            },
            (error) => this.fail(error),
        );
    }

    /** @param {"stop" | "object"} what */
    async _act(what) {
        if (this.busy) return;
        Object.assign(this, { busy: what, failure: undefined });
        try {
            this.payment = await act(this.id, what);
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {{choice: string} | {tip: string} | {place: string}} chosen @param {string} what */
    async _choose(chosen, what) {
        if (this.busy) return;
        Object.assign(this, { busy: what, failure: undefined });
        try {
            this.payment = await choose(this.id, chosen);
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {SubmitEvent} event @param {"tip" | "place"} field */
    _typed(event, field) {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const typed = String(new FormData(form).get(field) ?? "");
        const chosen = field === "tip" ? { tip: typed } : { place: typed };
        void this._choose(chosen, field);
    }

    /** @param {"tip" | "place"} field @param {string} label @param {string} words */
    _field(field, label, words) {
        return html`<form
            class="extra"
            @submit=${(/** @type {SubmitEvent} */ event) => this._typed(event, field)}
        >
            <label for=${field}>${label}</label>
            <input id=${field} name=${field} autocomplete="off" required />
            <button class="button secondary" type="submit" ?disabled=${this.busy === field}>
                ${words}
            </button>
        </form>`;
    }

    /** What the invoice asks before it can be approved. @param {Payment} payment */
    _extras({ extras }) {
        if (!extras) return nothing;
        const { choices, takes_tip, takes_place, is_asked } = extras;
        return html`<section class="extras" aria-label=${t("Before you pay")}>
            ${is_asked ? spinner(t("Whom you pay is asked what it costs in all.")) : nothing}
            ${
                choices.length
                    ? html`<div class="actions">
                          ${choices.map(({ id, label }) =>
                              button({
                                  label,
                                  style: "secondary",
                                  is_busy: this.busy === id,
                                  press: () => void this._choose({ choice: id }, id),
                              }),
                          )}
                      </div>`
                    : nothing
            }
            ${takes_tip ? this._field("tip", t("Another tip"), t("Add it")) : nothing}
            ${takes_place ? this._field("place", t("Where shall it be brought?"), t("Ask what it costs")) : nothing}
        </section>`;
    }

    /** @param {"save" | "verify" | "pdf" | "invoice"} what */
    async _receipt(what) {
        if (this.busy) return;
        Object.assign(this, { busy: what, failure: undefined });
        try {
            const number = this.id.slice(-NUMBER_CHARACTERS);
            if (what === "pdf") save(await readReceiptPdf(this.id), `receipt-${number}.pdf`);
            else if (what === "invoice")
                save(
                    await readInvoiceFile(this.id),
                    `${this.isRefund ? "credit-note" : "invoice"}-${number}.xml`,
                );
            else {
                const file = await readReceipt(this.id);
                if (what === "save") save(file, `receipt-${number}.json`);
                else this.receipt = file;
            }
        } catch (error) {
            this.failure = error;
        } finally {
            this.busy = "";
        }
    }

    /** @param {Payment} payment */
    _facts(payment) {
        const { other, amount, fee, reference, is_out, number, state } = payment;
        const isAsked = state === "asked"; // then it stands above, and has not happened yet
        /** @type {[string, unknown][]} */
        const chosen = payment.chosen.map(({ name, value }) => [name, html`<bdi>${value}</bdi>`]);
        /** @type {[string, unknown][]} */
        const facts = [
            [
                is_out ? t("To") : t("From"),
                !isAsked &&
                    html`<bdi>${other.name}</bdi>
                        <code class="address"><bdi>${other.address}</bdi></code>`,
            ],
            [t("What for"), reference ? html`<bdi>${reference}</bdi>` : ""],
            ...chosen,
            [t("Amount"), showMoney(amount)],
            [t("Fee"), is_out ? showMoney(fee) : ""],
            [t("Together"), fee.minor ? showMoney(inAll(payment)) : ""],
            [t("When"), isAsked ? "" : showDateTime(payment.at_ms)],
            [t("Number"), html`<code>${number}</code>`],
        ];
        return factList(facts);
    }

    /** @param {Payment} payment */
    _foreseen({ foreseen, due_at_ms, note, is_warning }) {
        const parts = [];
        if (foreseen?.verdict === "wait" && foreseen.until_ms)
            parts.push(
                html`<div class="banner" role="note">
                    ${icon("time")}
                    <div>
                        <p class="banner-title">
                            ${t("Approved now, it waits until {time}", { time: showDateTime(foreseen.until_ms) })}
                        </p>
                        <p>${foreseen.words}</p>
                        <p>${t("You can stop it until then.")}</p>
                    </div>
                </div>`,
            );
        if (foreseen?.verdict === "guard")
            parts.push(html`<div class="banner" role="note"><p>${foreseen.words}</p></div>`);
        if (foreseen?.verdict === "refuse")
            parts.push(
                html`<div class="banner critical" role="alert">
                    ${icon("warning")}
                    <div>
                        <p class="banner-title">${t("This can't be paid now")}</p>
                        <p>${foreseen.words}</p>
                    </div>
                </div>`,
            );
        if (note)
            parts.push(
                html`<div
                    class=${is_warning ? "banner critical" : "banner"}
                    role=${is_warning ? "alert" : "note"}
                >
                    ${icon(is_warning ? "warning" : "info")}
                    <div><p>${note}</p></div>
                </div>`,
            );
        if (due_at_ms)
            parts.push(
                html`<p class="small secondary-text">
                    ${t("This question ends by itself on {time}.", { time: showDateTime(due_at_ms) })}
                </p>`,
            );
        return parts;
    }

    /** @param {Payment} payment */
    _asked(payment) {
        return html`${payment.invoice ? invoiceCard(payment.invoice) : this._summary(payment)}
            ${this._whole(payment)} ${this._extras(payment)} ${this._foreseen(payment)}
            <div class="actions approve-actions">
                ${payment.asked || !payment.extras ? html`<veche-approve .asked=${payment.asked}></veche-approve>` : nothing}
                ${payment.purses.map(({ label, asked }) => html`<veche-approve .asked=${asked} .label=${label}></veche-approve>`)}
                ${this._stop(payment, t("Do not pay"))}
                ${
                    payment.can_object
                        ? button({
                              label: t("Object"),
                              style: "secondary",
                              is_busy: this.busy === "object",
                              press: () => void this._act("object"),
                          })
                        : nothing
                }
            </div>
            <p class="small secondary-text">
                ${t("The same question stands in your chat with the bank. Whichever you answer first counts.")}
            </p>`;
    }

    /** What is approved, where it is more than the invoice. @param {Payment} payment */
    _whole(payment) {
        const total = inAll(payment);
        if (!payment.invoice || payment.invoice.total.minor === total.minor) return nothing;
        return html`<article class="card question" aria-label=${t("Payment")}>
            <p class="secondary-text">${t("Payment")}</p>
            <p class="big-amount">${showMoney(total)}</p>
            ${this._facts(payment)}
        </article>`;
    }

    /** @param {Payment} payment */
    _summary(payment) {
        const { other } = payment;
        const total = inAll(payment);
        return html`<article class="card question">
            <div class="question-who">
                ${mark(other)}
                <p>
                    <span class="secondary-text">${t("To")}</span>
                    <strong><bdi>${other.name}</bdi></strong>
                    <code class="address"><bdi>${other.address}</bdi></code>
                </p>
            </div>
            <p class="big-amount">${showMoney(total)}</p>
            ${this._facts(payment)}
        </article>`;
    }

    /** @param {Payment} payment @param {string} words */
    _stop(payment, words) {
        if (!payment.can_stop) return nothing;
        return button({
            label: words,
            style: payment.state === "asked" ? "secondary" : "danger",
            is_busy: this.busy === "stop",
            press: () => void this._act("stop"),
        });
    }

    /** @param {Payment} payment */
    _face(payment) {
        switch (payment.state) {
            case "paid":
            case "returned":
                return html`<div class="outcome good">${icon("done")}</div>`;
            case "paying":
            case "holding":
                return spinner(t("The bank is paying…"));
            case "cooling":
            case "guarded":
            case "held":
                return html`<div class="outcome">${icon("time")}</div>`;
            default:
                return html`<div class="outcome bad">${icon("error")}</div>`;
        }
    }

    /** What becomes of it by itself, and how that is stopped. @param {string} kind @param {number} at */
    _ahead(kind, at) {
        const time = showDateTime(at);
        if (kind !== "mandate") return t("It is paid on {time}, unless you stop it.", { time });
        return html`${t("You are debited on {time}, unless you pause or end the mandate before.", { time })}
            <a href="/wallet/mandates">${t("Mandates")}</a>`;
    }

    /** @param {Payment} payment */
    _over(payment) {
        return html`<article class="card receipt">
                <div aria-live="polite" class="receipt-head">
                    ${this._face(payment)}
                    <p class="big-amount">${showMoney(inAll(payment))}</p>
                    <p class="state-words">${stateWords(payment.state)}</p>
                    ${payment.why ? html`<p class="error-text">${payment.why}</p>` : nothing}
                    ${
                        payment.state === "cooling" && payment.due_at_ms
                            ? html`<p>${this._ahead(payment.kind, payment.due_at_ms)}</p>`
                            : nothing
                    }
                </div>
                ${this._facts(payment)}
                <div class="actions">${this._stop(payment, t("Stop it"))}</div>
            </article>
            ${this._dispute(payment)} ${payment.has_receipt ? this._proof(payment) : nothing}
            ${
                payment.invoice
                    ? html`<h2>${t("Invoice")}</h2>
                          ${invoiceCard(payment.invoice)}`
                    : nothing
            }`;
    }

    /** Was something wrong with it? @param {Payment} payment */
    _dispute({ id, dispute, can_dispute }) {
        if (dispute)
            return html`<p class="banner">
                ${icon("info")}
                <span
                    >${t("This payment is, or was, disputed.")}
                    <a href="/wallet/disputes">${t("See how that stands")}</a></span
                >
            </p>`;
        if (!can_dispute) return nothing;
        return html`<p class="actions">
            <a class="button secondary" href=${`${paymentHref(id)}/dispute`}>${t("Dispute…")}</a>
        </p>`;
    }

    /** @param {Payment} payment */
    _proof(payment) {
        return html`<section>
            <h2>${t("Receipt")}</h2>
            <p class="secondary-text">
                ${t("It proves this payment to anybody, without asking us.")}
            </p>
            <div class="actions">
                ${button({
                    label: html`${icon("check")}<span>${t("Verify it here")}</span>`,
                    is_busy: this.busy === "verify",
                    press: () => void this._receipt("verify"),
                })}
                ${button({
                    label: html`${icon("download")}<span>${t("Download")}</span>`,
                    style: "secondary",
                    is_busy: this.busy === "save",
                    press: () => void this._receipt("save"),
                })}
                ${button({
                    label: html`${icon("download")}<span>${t("As a PDF")}</span>`,
                    style: "secondary",
                    is_busy: this.busy === "pdf",
                    press: () => void this._receipt("pdf"),
                })}
                ${
                    payment.has_tax_invoice
                        ? button({
                              label: html`${icon("download")}<span
                                      >${this.isRefund ? t("Credit note") : t("Tax invoice")}</span
                                  >`,
                              style: "secondary",
                              is_busy: this.busy === "invoice",
                              press: () => void this._receipt("invoice"),
                          })
                        : nothing
                }
            </div>
            ${this.receipt ? html`<veche-verdict .file=${this.receipt}></veche-verdict>` : nothing}
        </section>`;
    }

    _crumb() {
        return html`<p class="crumb">
            <a href="/wallet">${icon("back")}<span>${t("To my wallet")}</span></a>
        </p>`;
    }

    render() {
        const { payment } = this;
        return html`${this._crumb()}
        ${this.inFrame(
            "payment",
            payment &&
                html`${this.failure ? problem(this.failure, { signIn: signInHref() }) : nothing}
                ${payment.state === "asked" ? this._asked(payment) : this._over(payment)}`,
        )}`;
    }
}
customElements.define("veche-payment", VechePayment);
