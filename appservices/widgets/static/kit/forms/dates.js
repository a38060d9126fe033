/**
 * Days, and moments in the time zone of this browser.
 *
 * @typedef {import("./kinds.js").Kind} Kind
 * @typedef {import("./kinds.js").Field} Field
 * @typedef {import("./kinds.js").Control} Control
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { showDate, t } from "../i18n.js";
import { openText, textAnswer, trimmed } from "./texts.js";

const TODAY = "today";
const YEAR_MIN = "1000-01-01";
const YEAR_MAX = "2999-12-31";
const MINUTES = 16;

/** @param {number} count */
const two = (count) => String(count).padStart(2, "0");

/**
 * @param {number} atMs
 * @returns {string} the day here, "2026-12-24"
 */
export function localDay(atMs) {
    const at = new Date(atMs);
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** @param {string} day "2026-12-24" @returns {number} a moment of that day here */
const noonOf = (day) => new Date(`${day}T12:00`).getTime();

/** @param {string | number | null | undefined} bound @param {number} nowMs */
const dayOf = (bound, nowMs) => (bound === TODAY ? localDay(nowMs) : String(bound ?? ""));

/**
 * @param {"date" | "datetime-local"} type
 * @param {string} fromTime
 * @param {string} toTime
 * @returns {(control: Control) => unknown}
 */
function draw(type, fromTime, toTime) {
    return ({ field, inputId, describedBy, raw, isWrong, changed, nowMs }) =>
        html`<input
            id=${inputId}
            name=${field.id}
            class="medium"
            type=${type}
            autocomplete="off"
            min=${(dayOf(field.min, nowMs) || YEAR_MIN) + fromTime}
            max=${(dayOf(field.max, nowMs) || YEAR_MAX) + toTime}
            aria-describedby=${describedBy || nothing}
            aria-invalid=${isWrong ? "true" : nothing}
            ?required=${field.required}
            .value=${live(openText(raw))}
            @input=${(/** @type {InputEvent} */ event) =>
                changed(/** @type {HTMLInputElement} */ (event.target).value)}
        />`;
}

/** @param {string} day @param {Field} field @param {number} nowMs */
function outside(day, field, nowMs) {
    const first = dayOf(field.min, nowMs);
    const last = dayOf(field.max, nowMs);
    // ISO days compare as text.
    if (first && day < first)
        return t("This is too early. The first possible day is {min}.", {
            min: showDate(noonOf(first)),
        });
    if (last && day > last)
        return t("This is too late. The last possible day is {max}.", {
            max: showDate(noonOf(last)),
        });
    return "";
}

/** @type {Kind} */
export const date = {
    draw: draw("date", "", ""),
    open: openText,
    answer: textAnswer,
    problem: (raw, field, nowMs) => outside(trimmed(raw), field, nowMs),
};

/** @param {unknown} value */
function openMoment(value) {
    const atMs = /** @type {{at_ms?: unknown} | null} */ (value)?.at_ms;
    if (typeof atMs !== "number") return openText(value).slice(0, MINUTES);
    const at = new Date(atMs);
    return `${localDay(atMs)}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** @type {Kind} */
export const dateTime = {
    draw: draw("datetime-local", "T00:00", "T23:59"),
    open: openMoment,
    answer: (raw) => {
        const typed = trimmed(raw);
        if (!typed) return undefined;
        // Without an offset it is read in the time zone of this browser.
        const atMs = new Date(typed).getTime();
        if (Number.isNaN(atMs)) return typed;
        return { at_ms: atMs, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
    },
    hint: () =>
        t("In the time zone {zone}.", {
            zone: Intl.DateTimeFormat().resolvedOptions().timeZone.replaceAll("_", " "),
        }),
    problem: (raw, field, nowMs) => {
        const typed = trimmed(raw);
        // The hour that the clocks skip becomes another one.
        if (openMoment({ at_ms: new Date(typed).getTime() }) !== typed.slice(0, MINUTES))
            return t(
                "This time does not exist: the clocks go forward then. Please write a later or earlier one.",
            );
        return outside(typed.slice(0, 10), field, nowMs);
    },
};
