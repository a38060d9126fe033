/**
 * Kinds that are typed as text: lines, names, addresses, e-mail, phone, IBAN.
 *
 * @typedef {import("./kinds.js").Kind} Kind
 * @typedef {import("./kinds.js").Control} Control
 * @typedef {import("./kinds.js").Field} Field
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { t } from "../i18n.js";

/** What `veche.protocol.forms` takes at most, in characters. */
const LENGTHS_MAX = {
    text: 500,
    long_text: 10_000,
    address: 1_607,
    person_name: 200,
    email: 254,
};
const LONG_TEXT_ROWS = 6;
const ADDRESS_ROWS = 4;
const IBAN_GROUP = 4;

/** @param {unknown} raw */
export const trimmed = (raw) => (typeof raw === "string" ? raw.trim() : "");

/** @param {unknown} raw @returns {unknown} */
export const textAnswer = (raw) => trimmed(raw) || undefined;

/** @param {unknown} value */
export const openText = (value) => (typeof value === "string" ? value : "");

/**
 * @typedef {object} Line how a one-line input helps the person
 * @property {string} [type]
 * @property {string} [inputMode]
 * @property {(field: Field) => string} [autoComplete]
 * @property {boolean} [isCode] no spelling, no capitals of the keyboard's own
 * @property {string} [className]
 */

/**
 * @param {Line} line
 * @returns {(control: Control) => unknown}
 */
export function drawLine(line) {
    return ({ field, inputId, describedBy, raw, isWrong, changed }) =>
        html`<input
            id=${inputId}
            name=${field.id}
            class=${line.className ?? nothing}
            type=${line.type ?? "text"}
            inputmode=${line.inputMode ?? nothing}
            autocomplete=${line.autoComplete?.(field) ?? "off"}
            autocapitalize=${line.isCode ? "none" : nothing}
            spellcheck=${line.isCode ? "false" : nothing}
            aria-describedby=${describedBy || nothing}
            aria-invalid=${isWrong ? "true" : nothing}
            ?required=${field.required}
            .value=${live(openText(raw))}
            @input=${(/** @type {InputEvent} */ event) =>
                changed(/** @type {HTMLInputElement} */ (event.target).value)}
        />`;
}

/**
 * @param {number} rows
 * @param {string} autoComplete
 * @returns {(control: Control) => unknown}
 */
function drawLines(rows, autoComplete) {
    return ({ field, inputId, describedBy, raw, isWrong, changed }) =>
        html`<textarea
            id=${inputId}
            name=${field.id}
            rows=${rows}
            autocomplete=${autoComplete}
            aria-describedby=${describedBy || nothing}
            aria-invalid=${isWrong ? "true" : nothing}
            ?required=${field.required}
            .value=${live(openText(raw))}
            @input=${(/** @type {InputEvent} */ event) =>
                changed(/** @type {HTMLTextAreaElement} */ (event.target).value)}
        ></textarea>`;
}

/** @param {unknown} raw @param {Field} field */
function tooLong(raw, field) {
    const most =
        field.max_length ?? LENGTHS_MAX[/** @type {keyof typeof LENGTHS_MAX} */ (field.kind)];
    // As the service counts: characters, not the halves of which JavaScript makes some of them.
    const count = [...trimmed(raw)].length;
    return count > most
        ? t("This has {count} characters. Please use at most {max}.", { count, max: most })
        : "";
}

/** Whose name it is only its author knows: only where it surely is the person's own. */
const OWN_NAME = /^(own_|my_|full_|applicant_)?name$/;

/** @type {Kind} */
export const text = {
    draw: drawLine({}),
    open: openText,
    answer: textAnswer,
    problem: tooLong,
};
/** @type {Kind} */
export const longText = { ...text, draw: drawLines(LONG_TEXT_ROWS, "off") };
/** @type {Kind} */
export const personName = {
    ...text,
    draw: drawLine({ autoComplete: ({ id }) => (OWN_NAME.test(id) ? "name" : "off") }),
};
/** @type {Kind} */
export const addresses = {
    ...text,
    draw: drawLines(ADDRESS_ROWS, "street-address"),
    hint: () => t("Street and number, postal code and town."),
};
/** @type {Kind} */
export const email = {
    ...text,
    draw: drawLine({
        type: "email",
        inputMode: "email",
        autoComplete: () => "email",
        isCode: true,
    }),
    problem: (raw, field) =>
        /^[^\s@]+@[^\s@]+$/.test(trimmed(raw))
            ? tooLong(raw, field)
            : t("This is not an e-mail address. Write it like {example}.", {
                  example: "name@example.org",
              }),
};
/** @type {Kind} */
export const phone = {
    draw: drawLine({
        type: "tel",
        inputMode: "tel",
        autoComplete: () => "tel",
        className: "medium",
    }),
    open: openText,
    answer: textAnswer,
    hint: () => t("With its country code, like {example}.", { example: "+49 30 901820" }),
};

/** @param {string} typed */
const grouped = (typed) =>
    typed
        .replace(/\s/g, "")
        .toUpperCase()
        .replace(new RegExp(`(.{${IBAN_GROUP}})(?=.)`, "g"), "$1 ");

/** @type {Kind} */
export const iban = {
    draw: drawLine({ isCode: true, className: "code" }),
    open: (value) => grouped(openText(value)),
    answer: textAnswer,
};
