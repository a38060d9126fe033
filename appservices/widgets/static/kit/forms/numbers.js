/**
 * Kinds that are numbers: typed as people write them, read by the service. Never `type=number`: it
 * refuses decimal commas in half the browsers, and a wheel turned over it changes an amount.
 *
 * @typedef {import("./kinds.js").Kind} Kind
 * @typedef {import("./kinds.js").Field} Field
 */
import { html } from "lit";
import { currentLanguage, t } from "../i18n.js";
import { asDecimalText } from "../money.js";
import { drawLine, openText, textAnswer, trimmed } from "./texts.js";

const DECIMAL = /^-?\d+(\.\d+)?$/;

/**
 * @param {string} decimal "1234.5", as the service keeps numbers
 * @returns {string} "1234,5" where that is how one writes
 */
export function asWritten(decimal) {
    return DECIMAL.test(decimal) && currentLanguage() !== "en"
        ? decimal.replace(".", ",")
        : decimal;
}

/** @param {unknown} value @param {Field} field */
function openMoney(value, field) {
    if (typeof value !== "object" || value === null) return openText(value);
    const { minor, currency } = /** @type {{minor: unknown, currency: unknown}} */ (value);
    if (typeof minor !== "number" || typeof currency !== "string") return "";
    const amount = asWritten(asDecimalText({ minor, currency }));
    return field.currency === currency ? amount : `${amount} ${currency}`;
}

/** @type {Kind} */
export const number = {
    draw: drawLine({ inputMode: "decimal", className: "short" }),
    // An exact number of the service's, or a text of the person's, which is left as it is.
    open: (value) => {
        const exact = /** @type {{decimal?: unknown} | null} */ (value)?.decimal;
        return typeof exact === "string" ? asWritten(exact) : openText(value);
    },
    answer: textAnswer,
    problem: (raw) =>
        /\d/.test(trimmed(raw))
            ? ""
            : t("This is not a number. Write it with digits, like {example}.", {
                  example: asWritten("12.5"),
              }),
};

/** @type {Kind} */
export const integer = {
    draw: drawLine({ inputMode: "numeric", className: "short" }),
    open: (value) => (typeof value === "number" ? String(value) : openText(value)),
    answer: textAnswer,
    problem: (raw) =>
        /\d/.test(trimmed(raw))
            ? ""
            : t("This is not a whole number. Write it with digits, like {example}.", {
                  example: "42",
              }),
};

const drawAmount = drawLine({ inputMode: "decimal", className: "short" });

/** @type {Kind} */
export const money = {
    draw: (control) =>
        control.field.currency
            ? html`<div class="with-unit">
                  ${drawAmount(control)}<span class="unit">${control.field.currency}</span>
              </div>`
            : drawAmount(control),
    open: openMoney,
    answer: textAnswer,
    hint: ({ currency }) =>
        currency
            ? t("An amount in {currency}, like {example}.", {
                  currency,
                  example: asWritten("12.50"),
              })
            : t("An amount with its currency, like {example}.", {
                  example: `${asWritten("12.50")} EUR`,
              }),
};
