/**
 * The file of a document as this page has it, for the person's disk, under the name that its copy
 * in the chat has too.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./paper.js").Paper} Paper
 */
import { html } from "lit";
import { button } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { save } from "../kit/save.js";
import { containerName } from "./words.js";

/** @param {View} view @param {Paper} paper @returns the button that saves it */
export function saving(view, paper) {
    const type = paper.file ? "application/octet-stream" : "application/pdf";
    const label = view.final_sha256 ? t("Save the closed file") : t("Save the file as it is now");
    return button({
        label: html`${icon("download")}<span>${label}</span>`,
        press: () => save(new Blob([paper.whole], { type }), fileName(view, paper)),
    });
}

/** @param {View} view @param {Paper} paper */
function fileName({ filename }, paper) {
    if (paper.file) return containerName(paper);
    if (!filename) return t("signed-document.pdf");
    return paper.revision === 0 ? filename : filename.replace(/(\.pdf)?$/i, t("-signed.pdf"));
}
