/**
 * Kinds that offer answers: yes or no, one of some, several of some, a country.
 *
 * @typedef {import("./kinds.js").Kind} Kind
 * @typedef {import("./kinds.js").Field} Field
 * @typedef {import("./kinds.js").Control} Control
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { currentLanguage, t } from "../i18n.js";
import { countries } from "./countries.js";
import { openText, textAnswer } from "./texts.js";

/** More than these are a list to pull down. */
const RADIOS_MAX = 7;

/**
 * @param {Control} control
 * @param {{id: string, label: string}[]} choices
 */
function radios({ field, inputId, describedBy, raw, isWrong, changed }, choices) {
    return html`<div class="options">
        ${choices.map(
            ({ id, label }, at) =>
                html`<label class="option">
                    <input
                        id=${at ? `${inputId}-${at}` : inputId}
                        type="radio"
                        name=${inputId}
                        value=${id}
                        aria-describedby=${describedBy || nothing}
                        aria-invalid=${isWrong ? "true" : nothing}
                        ?required=${field.required}
                        .checked=${live(raw === id)}
                        @change=${() => changed(id)}
                    /><span>${label}</span>
                </label>`,
        )}
    </div>`;
}

/**
 * @param {Control} control
 * @param {{id: string, label: string}[]} choices
 * @param {string} autoComplete
 */
function pulledDown({ field, inputId, describedBy, raw, isWrong, changed }, choices, autoComplete) {
    return html`<select
        id=${inputId}
        name=${field.id}
        class="medium"
        autocomplete=${autoComplete}
        aria-describedby=${describedBy || nothing}
        aria-invalid=${isWrong ? "true" : nothing}
        ?required=${field.required}
        @change=${(/** @type {Event} */ event) =>
            changed(/** @type {HTMLSelectElement} */ (event.target).value)}
    >
        <option value="" .selected=${live(!raw)}>${t("Please choose")}</option>
        ${choices.map(
            ({ id, label }) =>
                html`<option value=${id} .selected=${live(raw === id)}>${label}</option>`,
        )}
    </select>`;
}

const yesAndNo = () => [
    { id: "yes", label: t("Yes") },
    { id: "no", label: t("No") },
];

/** @type {Kind} */
export const yesNo = {
    isGroup: true,
    draw: (control) => radios(control, yesAndNo()),
    open: (value) => (typeof value === "boolean" ? (value ? "yes" : "no") : openText(value)),
    answer: (raw) => (raw === "yes" || raw === "no" ? raw === "yes" : undefined),
};

/** @param {Field} field */
export const isPulledDown = (field) =>
    field.kind === "choice" && (field.choices ?? []).length > RADIOS_MAX;

/** @type {Kind} */
export const oneChoice = {
    isGroup: true,
    draw: (control) => {
        const choices = control.field.choices ?? [];
        return isPulledDown(control.field)
            ? pulledDown(control, choices, "off")
            : radios(control, choices);
    },
    open: openText,
    answer: textAnswer,
};

/** @param {unknown} raw @returns {string[]} */
const listed = (raw) => (Array.isArray(raw) ? raw.filter((one) => typeof one === "string") : []);

/** @param {Control} control */
function checkboxes({ field, inputId, describedBy, raw, isWrong, changed }) {
    const chosen = new Set(listed(raw));
    /** @param {string} id @param {boolean} isChosen */
    const toggle = (id, isChosen) => {
        const next = new Set(chosen);
        if (isChosen) next.add(id);
        else next.delete(id);
        changed((field.choices ?? []).map((choice) => choice.id).filter((one) => next.has(one)));
    };
    return html`<div class="options">
        ${(field.choices ?? []).map(
            ({ id, label }, at) =>
                html`<label class="option">
                    <input
                        id=${at ? `${inputId}-${at}` : inputId}
                        type="checkbox"
                        name=${inputId}
                        value=${id}
                        aria-describedby=${describedBy || nothing}
                        aria-invalid=${isWrong ? "true" : nothing}
                        .checked=${live(chosen.has(id))}
                        @change=${(/** @type {Event} */ event) =>
                            toggle(id, /** @type {HTMLInputElement} */ (event.target).checked)}
                    /><span>${label}</span>
                </label>`,
        )}
    </div>`;
}

/** @type {Kind} */
export const severalChoices = {
    isGroup: true,
    draw: checkboxes,
    open: listed,
    answer: (raw) => (listed(raw).length ? listed(raw) : undefined),
    hint: () => t("Several are possible."),
    problem: (raw, { min, max }) => {
        const count = listed(raw).length;
        if (min != null && count < Number(min))
            return t("You chose {count}. Please choose at least {min}.", { count, min });
        if (max != null && count > Number(max))
            return t("You chose {count}. Please choose at most {max}.", { count, max });
        return "";
    },
};

/** @type {Kind} */
export const country = {
    draw: (control) => pulledDown(control, countries(currentLanguage()), "country"),
    open: openText,
    answer: textAnswer,
};
