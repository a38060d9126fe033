/**
 * A document that was issued: what it is, what it can be checked by, and the file.
 *
 * @typedef {import("../agency.js").Issued} Issued
 */
import { html, nothing } from "lit";
import { VecheElement, button } from "../../kit/elements.js";
import { showDate, showNumber, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { save } from "../../kit/save.js";
import { signInHref } from "../../kit/shell.js";
import { fetchDocument } from "../agency.js";
import { problem } from "./problem.js";

const KIB = 1024;
const HEX_GROUP = /.{1,8}/g;

/** @param {Blob} file @returns {Promise<string>} hexadecimal */
async function sha256Of(file) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class VecheDocument extends VecheElement {
    static properties = {
        issued: { attribute: false },
        isBusy: { state: true },
        error: { state: true },
        outcome: { state: true },
    };

    constructor() {
        super();
        this.issued = /** @type {Issued | undefined} */ (undefined);
        this.isBusy = false;
        /** @type {unknown} */
        this.error = undefined;
        /** @type {"" | "same" | "differs"} */
        this.outcome = "";
    }

    async _download() {
        if (!this.issued || this.isBusy) return;
        Object.assign(this, { isBusy: true, error: undefined, outcome: "" });
        try {
            const file = await fetchDocument(this.issued);
            const isSame = (await sha256Of(file)) === this.issued.sha256.toLowerCase();
            this.outcome = isSame ? "same" : "differs";
            if (isSame) save(file, this.issued.filename);
        } catch (error) {
            this.error = error;
        } finally {
            this.isBusy = false;
        }
    }

    _outcome() {
        if (this.outcome === "same")
            return html`<p class="quiet-success">
                ${icon("check")}<span>${t("Downloaded. It is exactly what was issued.")}</span>
            </p>`;
        if (this.outcome === "differs")
            return html`<p class="error-text">
                ${t("The file differs from what was issued, so it was not saved. Ask in the chat.")}
            </p>`;
        return nothing;
    }

    render() {
        const issued = this.issued;
        if (!issued) return nothing;
        const size = t("{size} KB", { size: showNumber(Math.ceil(issued.size_bytes / KIB)) });
        const until = issued.valid_until_ms
            ? ` · ${t("valid until {date}", { date: showDate(issued.valid_until_ms) })}`
            : "";
        return html`<div class="document">
            <span class="document-icon">${icon("document")}</span>
            <div class="document-facts">
                <h3>${issued.title}</h3>
                <p class="secondary-text small">
                    PDF · ${size} ·
                    ${t("issued on {date}", { date: showDate(issued.issued_at_ms) })}${until}
                </p>
                <p class="sha256">
                    <span class="secondary-text">SHA-256</span>
                    <code>${(issued.sha256.match(HEX_GROUP) ?? []).join(" ")}</code>
                </p>
                <div role="status">${this._outcome()}</div>
                ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
            </div>
            ${button({
                label: html`${icon("download")}<span>${t("Download")}</span
                    ><span class="hidden-text"> ${issued.title}</span>`,
                style: "secondary",
                is_busy: this.isBusy,
                press: () => this._download(),
            })}
        </div>`;
    }
}
customElements.define("veche-document", VecheDocument);
