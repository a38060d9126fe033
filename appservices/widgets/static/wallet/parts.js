/**
 * What the views of the wallet share: how a payment is called, codes as pictures, files.
 *
 * @typedef {import("./api.js").Entry} Entry
 */
import { html, nothing } from "lit";
import { showMoney, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { mark } from "../kit/marks.js";

/** @param {string} state of a payment @returns {string} */
export function stateWords(state) {
    switch (state) {
        case "asked":
            return t("waits for you");
        case "cooling":
            return t("waits for its time");
        case "guarded":
            return t("waits for your guardians");
        case "paying":
        case "holding":
            return t("is being paid");
        case "held":
            return t("set aside");
        case "paid":
            return t("paid");
        case "returned":
            return t("came back");
        case "refused":
            return t("not paid");
        case "expired":
            return t("over");
        default:
            return t("not paid");
    }
}

/** @param {Entry} entry @returns {string} what it is, where nobody wrote what it is for */
export function kindWords({ kind, is_out }) {
    switch (kind) {
        case "invoice":
            return t("Invoice");
        case "refund":
            return t("Money back");
        case "mandate":
            return t("By mandate");
        case "payout":
            return t("Payout to a bank");
        case "issue":
            return t("Money to begin with");
        default:
            return is_out ? t("Payment") : t("You were paid");
    }
}

/** @param {Entry} entry @returns {string} "−12.50 EUR" */
export function signedMoney({ is_out, amount, fee }) {
    const minor = amount.minor + fee.minor;
    return showSigned({ minor: is_out ? -minor : minor, currency: amount.currency });
}

/** @param {import("./api.js").Money} money @returns {string} with its sign */
export function showSigned({ minor, currency }) {
    const shown = showMoney({ minor: Math.abs(minor), currency });
    return `${minor < 0 ? "−" : "+"}${shown}`;
}

/**
 * The cap of a period, of a mandate or an allowance.
 * @param {{period: "day" | "week" | "month" | "year", period_max: import("./api.js").Money}} terms
 */
export function capWords({ period, period_max }) {
    const amount = showMoney(period_max);
    switch (period) {
        case "day":
            return t("at most {amount} a day", { amount });
        case "week":
            return t("at most {amount} a week", { amount });
        case "month":
            return t("at most {amount} a month", { amount });
        default:
            return t("at most {amount} a year", { amount });
    }
}

/**
 * Facts by their names, in their order; those that have no value are left out.
 *
 * @param {[string, unknown][]} facts
 */
export function factList(facts) {
    return html`<dl class="facts">
        ${facts
            .filter(([, value]) => value)
            .map(
                ([name, value]) =>
                    html`<dt>${name}</dt>
                        <dd>${value}</dd>`,
            )}
    </dl>`;
}

/**
 * A code to scan: black on white in every theme, so that cameras read it.
 * @param {string} svg of our service
 * @param {string} words what it is, for who cannot see it
 */
export function codeImage(svg, words) {
    return html`<img
        class="code-image"
        src="data:image/svg+xml,${encodeURIComponent(svg)}"
        alt=${words}
        width="240"
        height="240"
    />`;
}

/** @param {string} text @returns {Promise<boolean>} whether it lies in the clipboard now */
export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return false; // not allowed here: the text stands on the page to be marked by hand
    }
}

/**
 * A row of a list of payments.
 * @param {Entry} entry
 * @param {string} href
 * @param {string} when
 */
export function paymentRow(entry, href, when) {
    const isOver = ["paid", "returned"].includes(entry.state);
    return html`<li>
        <a class="row payment ${entry.state === "asked" ? "waits" : ""}" href=${href}>
            ${mark(entry.other)}
            <span class="row-main">
                <span class="row-title"><bdi>${entry.other.name}</bdi></span>
                <span class="row-meta"
                    ><bdi>${entry.reference || kindWords(entry)}</bdi> · ${when}</span
                >
            </span>
            <span class="row-amount">
                <span class="amount ${entry.is_out ? "" : "in"}">${signedMoney(entry)}</span>
                ${isOver ? nothing : html`<span class="row-meta">${stateWords(entry.state)}</span>`}
            </span>
            ${icon("next")}
        </a>
    </li>`;
}
