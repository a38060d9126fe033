/**
 * Files, photos and places, and kinds that a newer service may ask for.
 *
 * @typedef {import("./kinds.js").Kind} Kind
 * @typedef {import("./kinds.js").Control} Control
 */
import { html } from "lit";
import { t } from "../i18n.js";
import "./upload.js";
import { drawLine, openText, textAnswer } from "./texts.js";

const MICRO = 1_000_000;

/** @param {unknown} raw @returns {string} name of a file that is already there; "" if none is */
export function fileName(raw) {
    const name = /** @type {{name?: unknown} | null} */ (raw)?.name ?? raw;
    return typeof name === "string" ? name : "";
}

/**
 * In a frame of a client nothing is sent but words; the chat takes files, so that is where it goes.
 * @param {string} where
 * @returns {(control: Control) => unknown}
 */
const drawFile =
    (where) =>
    ({ field, inputId, describedBy, raw, send }) => {
        const name = fileName(raw);
        if (send)
            return html`<veche-upload
                .field=${field}
                .inputId=${inputId}
                .describedBy=${describedBy}
                .name=${name}
                .send=${send}
            ></veche-upload>`;
        return html`<p id=${inputId} class="note" tabindex="-1">
            ${
                name
                    ? html`<span>${t("Sent in the chat:")} <strong>${name}</strong></span>`
                    : html`<span>${where}</span>`
            }
        </p>`;
    };

/** @type {Kind} */
export const file = {
    isGroup: true,
    draw: (control) =>
        drawFile(t("Please send the file in the chat of this case. It is encrypted there."))(
            control,
        ),
    open: (value) => (fileName(value) ? value : undefined),
    // It was sent by itself, and is there already.
    answer: () => undefined,
};
/** @type {Kind} */
export const photo = {
    ...file,
    draw: (control) =>
        drawFile(t("Please send the photo in the chat of this case. It is encrypted there."))(
            control,
        ),
};

/** @param {unknown} value */
function openPlace(value) {
    const { latitude_microdegrees: north, longitude_microdegrees: east } =
        /** @type {Record<string, unknown>} */ (value ?? {});
    if (typeof north !== "number" || typeof east !== "number") return openText(value);
    return `${(north / MICRO).toFixed(6)}, ${(east / MICRO).toFixed(6)}`;
}

/** @type {Kind} */
export const geo = {
    draw: drawLine({ isCode: true, className: "medium" }),
    open: openPlace,
    answer: textAnswer,
    hint: () => t("Latitude and longitude, like {example}.", { example: "52.517036, 13.388860" }),
};

/** @type {Kind} */
export const unknown = {
    isGroup: true,
    draw: ({ inputId }) =>
        html`<p id=${inputId} class="note" tabindex="-1">
            ${t("This can't be answered on this page. Please answer it in the chat.")}
        </p>`,
    open: (value) => value,
    answer: (raw) => raw ?? undefined,
};
