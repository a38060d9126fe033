/**
 * The report on how a document was signed, for whoever has its page: the service keeps ciphertext.
 *
 * @typedef {import("./types.d.ts").View} View
 */
import { html, nothing } from "lit";
import { button } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { save } from "../kit/save.js";
import { DOCUMENT, decrypt } from "./cipher.js";
import { PaperError } from "./paper_error.js";

/** @param {View} view @param {boolean} isBusy @param {() => void} press */
export function reportButton({ report }, isBusy, press) {
    if (!report) return nothing;
    return html`<p class="actions">
        ${button({
            label: t("Save the report on who signed what, when and how"),
            style: "secondary",
            is_busy: isBusy,
            press,
        })}
    </p>`;
}

/**
 * @param {import("./opening.js").Opened} opened
 * @throws {PaperError} it is none that the document's key opens
 */
export async function saveReport({ view, paper, session }) {
    if (!view.report) return;
    const pdf = await decrypt(paper.secret, await session.blob(view.report), DOCUMENT);
    if (!pdf) throw new PaperError("key");
    const name = view.filename?.replace(/(\.pdf)?$/i, t("-evidence.pdf"));
    save(new Blob([pdf], { type: "application/pdf" }), name ?? t("evidence.pdf"));
}
