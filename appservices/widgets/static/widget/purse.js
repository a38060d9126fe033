/** The wallet's widget: what is asked, a line to pay by, and the latest receipts of the room. */
import { html, nothing } from "lit";
import { button, field } from "../kit/elements.js";
import { showDate, showMoney, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { VecheMatter } from "./matter.js";

/** @typedef {import("../kit/matter.js").Matter} Matter */

const RECEIPTS_MAX = 5;
const TEXT_CHARACTERS_MAX = 200;
const WALLET = "/wallet";

/** @param {unknown} text @returns {string} one line, without what would make another command of it */
export function oneLine(text) {
    return String(text ?? "")
        .replace(/\s+/gu, " ")
        .trim();
}

export class VechePurse extends VecheMatter {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...VecheMatter.properties,
        wrong: { state: true },
        told: { state: true },
        isBusy: { state: true },
    });

    constructor() {
        super();
        this.wrong = "";
        this.told = "";
        this.isBusy = false;
    }

    get heading() {
        return t("Wallet");
    }

    /** @param {string} text a command, as the person would type it */
    async _say(text) {
        if (this.isBusy || !this.link) return;
        Object.assign(this, { isBusy: true, wrong: "", told: "" });
        try {
            await this.link.say(text);
            this.told = t("Sent. The bot answers in the messages below.");
        } catch (error) {
            this.error = error;
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {SubmitEvent} event */
    async _pay(event) {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const data = new FormData(form);
        const payee = oneLine(data.get("payee"));
        const amount = oneLine(data.get("amount"));
        if (!payee || payee.includes(" ") || !amount) {
            this.wrong = t("Write to whom, in one word, and how much.");
            return;
        }
        await this._say(oneLine(`pay ${payee} ${amount} ${oneLine(data.get("reference"))}`));
        if (this.told) form.reset();
    }

    /** @param {string} id @param {string} label @param {string} [help] */
    _text(id, label, help) {
        return field({
            id,
            label,
            help,
            control: (wiring) =>
                html`<input
                    id=${wiring.id}
                    name=${id}
                    type="text"
                    autocomplete="off"
                    autocapitalize="none"
                    maxlength=${TEXT_CHARACTERS_MAX}
                    aria-describedby=${wiring.describedby}
                    aria-invalid=${wiring.invalid}
                />`,
        });
    }

    _line() {
        return html`<section aria-labelledby="pay">
            <h2 id="pay">${t("Pay somebody")}</h2>
            <form class="purse-line" novalidate @submit=${this._pay}>
                ${this._text("payee", t("To whom"))}
                ${this._text("amount", t("How much"), t("For example {example}", { example: "12.50 EUR" }))}
                ${this._text("reference", t("What for"))}
                <div class="actions">
                    ${button({ label: t("Pay"), type: "submit", is_busy: this.isBusy })}
                </div>
            </form>
            <p class="error-text" role="alert">${this.wrong}</p>
            <p class="small secondary-text" role="status">${this.told}</p>
            <div class="actions">
                ${this._command("balance", t("Balance"))} ${this._command("history", t("History"))}
                ${this._command("mandates", t("Mandates"))} ${this._command("escrow", t("Escrows"))}
                ${this._command("dispute", t("Disputes"))}
            </div>
        </section>`;
    }

    /** @param {string} word of the bot @param {string} label */
    _command(word, label) {
        return button({
            label,
            style: "secondary",
            is_busy: this.isBusy,
            press: () => void this._say(word),
        });
    }

    /** @param {Matter} matter */
    _receipts({ receipts }) {
        const known = receipts.filter(isShowable).slice(-RECEIPTS_MAX).toReversed();
        if (!known.length) return nothing;
        return html`<section aria-labelledby="receipts">
            <h2 id="receipts">${t("Latest receipts")}</h2>
            <ul class="rows">
                ${known.map(
                    (one) =>
                        html`<li class="row payment">
                            <span class="row-main">
                                <span class="row-title"><bdi>${one.payee}</bdi></span>
                                <span class="row-meta"
                                    ><bdi>${one.reference}</bdi> ${showDate(one.at_ms)}</span
                                >
                            </span>
                            <span class="amount">${showMoney(one.amount)}</span>
                        </li>`,
                )}
            </ul>
        </section>`;
    }

    _face() {
        const { matter } = this;
        if (this.error || !matter) return super._face();
        // First what is asked: a client shows little more of us at once.
        return html`${this._prompts(matter)}
            <p class="with-mark">
                ${icon("home")}${this._out(WALLET, t("Open my wallet in the browser"))}
            </p>
            ${this._line()} ${this._receipts(matter)}`;
    }
}
customElements.define("veche-purse", VechePurse);

/** @param {Record<string, any>} receipt @returns {boolean} whether it has what is shown of it */
function isShowable({ payee, amount, at_ms, reference }) {
    return (
        typeof payee === "string" &&
        typeof reference === "string" &&
        Number.isSafeInteger(at_ms) &&
        Number.isSafeInteger(amount?.minor) &&
        /^[A-Z]{3}$/.test(String(amount?.currency))
    );
}
