/**
 * The form of an escrow: with whom, how much, what for; who else decides, and how.
 *
 * @typedef {import("../deals_api.js").NewEscrow} NewEscrow
 */
import { html, nothing } from "lit";
import { problem } from "../../cases/elements/problem.js";
import { button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { openEscrow } from "../deals_api.js";
import { amountFields } from "./amount.js";
import { MoneyForm } from "./money_form.js";

const FIELDS = /** @type {const} */ ([
    "payee",
    "amount",
    "currency",
    "reference",
    "arbiters",
    "k",
    "until",
    "on_silence",
]);
const TYPED_CHARACTERS_MAX = 255;
const REFERENCE_CHARACTERS_MAX = 70;
const ARBITERS_CHARACTERS_MAX = 900;
const VOTERS_MAX = 9;
const DAYS_MAX = 76;
const DAY_MS = 86_400_000;

/** @typedef {Record<(typeof FIELDS)[number], string>} Filled */

/** @extends {MoneyForm<Filled>} */
export class VecheEscrowForm extends MoneyForm {
    /** @override */
    get fields() {
        return FIELDS;
    }

    /** @override @param {Filled} filled @returns {Promise<any>} */
    send({ payee, amount, currency, reference, arbiters, k, until, on_silence }) {
        return openEscrow({
            payee,
            amount,
            currency,
            reference,
            arbiters: arbiters.split(/[\s,;]+/u).filter(Boolean),
            k: k ? Number(k) : null,
            until: until || null,
            on_silence: on_silence === "release" ? "release" : "return",
        });
    }

    /** @override @param {Filled} order */
    missing({ payee, amount }) {
        return {
            ...(!payee && { payee: t("Write with whom.") }),
            ...(!amount && { amount: t("Write how much.") }),
        };
    }

    /**
     * @param {"payee" | "reference" | "arbiters"} name
     * @param {{label: string, help?: string, most: number, is_required?: boolean}} parts
     */
    _text(name, { label, help, most, is_required = true }) {
        return field({
            id: name,
            label,
            help,
            error: this.wrong[name],
            is_required,
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    name=${name}
                    type="text"
                    autocapitalize="none"
                    autocomplete="off"
                    spellcheck="false"
                    list=${name === "payee" ? "payees" : nothing}
                    maxlength=${most}
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    .value=${this.order[name] ?? ""}
                />`,
        });
    }

    _rules() {
        const today = Date.now();
        const day = (/** @type {number} */ days) =>
            new Date(today + days * DAY_MS).toISOString().slice(0, 10);
        return html`${this._text("arbiters", {
            label: t("Who else decides"),
            help: t(
                "Names with spaces between them, such as carol; they are asked whether they take part",
            ),
            most: ARBITERS_CHARACTERS_MAX,
            is_required: false,
        })}
        ${field({
            id: "k",
            label: t("How many have to say the same"),
            help: t("You and the seller count too. If you leave it out: more than half"),
            error: this.wrong.k,
            is_required: false,
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    name="k"
                    type="number"
                    min="2"
                    max=${VOTERS_MAX}
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    .value=${this.order.k ?? ""}
                />`,
        })}
        ${field({
            id: "until",
            label: t("Until"),
            help: t("The last day; at most {days} days. If you leave it out: two weeks", {
                days: DAYS_MAX,
            }),
            error: this.wrong.until,
            is_required: false,
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    name="until"
                    type="date"
                    min=${day(0)}
                    max=${day(DAYS_MAX)}
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    .value=${this.order.until ?? ""}
                />`,
        })}
        ${field({
            id: "on_silence",
            label: t("If nobody has decided then"),
            control: ({ id, describedby }) =>
                html`<select id=${id} name="on_silence" aria-describedby=${describedby}>
                    <option value="return">${t("all comes back to me")}</option>
                    <option value="release" ?selected=${this.order.on_silence === "release"}>
                        ${t("all goes to the seller")}
                    </option>
                </select>`,
        })}`;
    }

    render() {
        const { order, wrong, wallet } = this;
        const payees = wallet?.payees ?? [];
        return html`<form class="order" novalidate @submit=${this._submit}>
            ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
            ${this._text("payee", {
                label: t("With whom"),
                help: t("The seller: a name like bob, or an address like @bob:example.org"),
                most: TYPED_CHARACTERS_MAX,
            })}
            <datalist id="payees">
                ${payees.map(({ address, name }) => html`<option value=${address}>${name}</option>`)}
            </datalist>
            ${amountFields({
                amount: order.amount ?? "",
                currency: order.currency,
                currencies: wallet?.currencies ?? [],
                error: wrong.amount,
            })}
            ${this._text("reference", { label: t("What for"), most: REFERENCE_CHARACTERS_MAX, is_required: false })}
            ${this._rules()}
            <p class="actions">
                ${button({ label: t("Propose it"), type: "submit", is_busy: this.isBusy })}
            </p>
            <p class="small secondary-text">
                ${t("All who are to take part are asked first. Nothing is put aside before your key approves that.")}
            </p>
        </form>`;
    }
}
customElements.define("veche-escrow-form", VecheEscrowForm);
