/** A receipt, verified in this page: the checks of the page for that, which anybody can open. */
import { html } from "lit";
import { VecheElement, spinner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { call } from "../../kit/api.js";

const WELL_KNOWN = "/.well-known/veche/payments";

export class VecheVerdict extends VecheElement {
    static properties = { file: { attribute: false }, verdict: { state: true } };

    constructor() {
        super();
        /** @type {Blob | undefined} */
        this.file = undefined;
        /** @type {{isGood: boolean, lines: string[], fault: string} | undefined} */
        this.verdict = undefined;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (changed.has("file") && this.file) void this._verify(this.file);
    }

    /** @param {Blob} file */
    async _verify(file) {
        this.verdict = undefined;
        const [receipts, notes, words] = await Promise.all([
            import("../../verify/receipt.js"),
            import("../../verify/notes.js"),
            import("../../verify/words.js"),
        ]);
        try {
            const receipt = receipts.readReceipt(new Uint8Array(await file.arrayBuffer()));
            const { keys } = await call("GET", WELL_KNOWN);
            const known = await Promise.all(keys.map(notes.readKey));
            const verified = await receipts.verifyReceipt(receipt, known);
            const states = words.stepStates(undefined, verified.published !== undefined);
            const lines = words.stepWords().filter((_, number) => states[number] === "good");
            this.verdict = { isGood: true, lines, fault: "" };
        } catch (error) {
            const fault = error instanceof receipts.ReceiptError ? error.fault : "unknown_signer";
            this.verdict = { isGood: false, lines: [], fault: words.faultWords(fault) };
        }
    }

    render() {
        const { verdict } = this;
        if (!verdict) return spinner();
        return html`<div
            class="banner ${verdict.isGood ? "success" : "critical"}"
            role=${verdict.isGood ? "status" : "alert"}
        >
            ${icon(verdict.isGood ? "done" : "error")}
            <div>
                <p class="banner-title">
                    ${verdict.isGood ? t("This receipt is genuine.") : verdict.fault}
                </p>
                <ul class="plain-list">
                    ${verdict.lines.map((line) => html`<li>${line}: ${t("checked")}</li>`)}
                </ul>
                <p><a href="/verify" target="_blank">${t("How anybody can verify it")}</a></p>
            </div>
        </div>`;
    }
}
customElements.define("veche-verdict", VecheVerdict);
