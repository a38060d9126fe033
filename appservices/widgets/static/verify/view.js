/**
 * Verifying a receipt, a signed document or acts. The file is read and checked in this page and goes nowhere; only who asks for
 * the published head tells our server the number of the receipt.
 */
import { html, nothing } from "lit";
import { ApiError, call } from "../kit/api.js";
import { VecheElement, banner, button, field, spinner } from "../kit/elements.js";
import { plural, showDateTime, showMoney, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { isActsFile } from "./acts_view.js";
import { isDeliveryFile } from "./delivery_view.js";
import { keyField } from "./key_field.js";
import { readKey, readKeys } from "./notes.js";
import { ReceiptError, readReceipt, verifyReceipt } from "./receipt.js";
import { signersOf } from "./signed_json.js";
import { isSignable } from "./signed_file.js";
import { witnessWords } from "./witnesses.js";
import { faultWords, stepStates, stepWords } from "./words.js";

const WELL_KNOWN = "/.well-known/veche/payments";
const FILE_BYTES_MAX = 65_536;
const NOT_FOUND = 404;
const ICONS = /** @type {const} */ ({ good: "done", bad: "error", open: "circle" });

export class VecheVerify extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        receipt: { state: true },
        verified: { state: true },
        fault: { state: true },
        signedFile: { state: true },
        actsFile: { state: true },
        deliveryFile: { state: true },
        keyError: { state: true },
        headError: { state: true },
        isBusy: { state: true },
        isAsking: { state: true },
    });

    constructor() {
        super();
        /** @type {File | undefined} the one that is shown */
        this.file = undefined;
        /** @type {Record<string, any> | undefined} as it was read; nothing of it is checked */
        this.receipt = undefined;
        /** @type {import("./receipt.js").Verified | undefined} */
        this.verified = undefined;
        /** @type {import("./words.js").Fault | undefined} */
        this.fault = undefined;
        /** @type {File | undefined} the chosen one, if it is of a kind that may be signed */
        this.signedFile = undefined;
        /** @type {File | undefined} the chosen one, if it has acts of an organisation */
        this.actsFile = undefined;
        /** @type {File | undefined} the chosen one, if it is a receipt of delivery */
        this.deliveryFile = undefined;
        this.keyError = "";
        this.headError = "";
        this.isBusy = false;
        this.isAsking = false;
        /** @type {import("./notes.js").Key[] | undefined} those of our server, once they were asked for */
        this.ours = undefined;
        /** How often a check has begun: an older one that ends later shows nothing. */
        this.begun = 0;
    }

    /** @param {Event} event */
    async _choose({ target }) {
        const file = /** @type {HTMLInputElement} */ (target).files?.[0];
        const isSigned = file !== undefined && (await isSignable(file));
        const isActs = file !== undefined && !isSigned && (await isActsFile(file));
        this.signedFile = isSigned ? file : undefined;
        const isDelivery =
            file !== undefined && !isSigned && !isActs && (await isDeliveryFile(file));
        this.actsFile = isActs ? file : undefined;
        this.deliveryFile = isDelivery ? file : undefined;
        this.file = isSigned || isActs || isDelivery ? undefined : file;
        await this._check();
    }

    /** @param {unknown} [published] the proof that was fetched */
    async _check(published) {
        this.begun += 1;
        const mine = this.begun;
        const { file } = this;
        Object.assign(this, { fault: undefined, keyError: "", headError: "", isBusy: true });
        if (!published) Object.assign(this, { receipt: undefined, verified: undefined });
        const found = await this._verdict(file, published);
        if (mine === this.begun) Object.assign(this, { isBusy: false, ...found });
    }

    /**
     * @param {File | undefined} file
     * @param {unknown} published
     * @returns {Promise<Partial<VecheVerify>>} what is to be shown
     */
    async _verdict(file, published) {
        if (!file) return {};
        if (file.size === 0) return { fault: "empty" };
        /** @type {Record<string, any> | undefined} */
        let receipt;
        try {
            const isLarge = file.size > FILE_BYTES_MAX;
            receipt = readReceipt(
                isLarge ? new Uint8Array(1) : new Uint8Array(await file.arrayBuffer()),
            );
            const keys = await this._keys();
            if (!keys) return { receipt, keyError: t("This is not a key. Copy all of it.") };
            return { receipt, verified: await verifyReceipt(receipt, keys, published) };
        } catch (error) {
            const verified = undefined;
            if (error instanceof ReceiptError) return { receipt, verified, fault: error.fault };
            if (error instanceof DOMException) return { receipt, verified, fault: "no_ed25519" };
            throw error;
        }
    }

    /** @returns {Promise<import("./notes.js").Key[] | undefined>} none if what was typed is no key */
    async _keys() {
        const input = /** @type {HTMLInputElement | null} */ (this.querySelector("#key"));
        const typed = input?.value.trim();
        if (typed) return readKeys(typed).catch(() => undefined);
        this.ours ??= await call("GET", WELL_KNOWN)
            .then(({ keys, witnesses = [] }) => Promise.all([...keys, ...witnesses].map(readKey)))
            .catch(() => undefined);
        return this.ours ?? [];
    }

    async _ask() {
        if (this.isAsking || !this.verified) return;
        const mine = this.begun;
        Object.assign(this, { isAsking: true, headError: "" });
        const { id } = this.verified.receipt;
        try {
            const { api } = await call("GET", WELL_KNOWN);
            const proof = await call("GET", `${api}/proof/${id}`);
            if (mine === this.begun) await this._check(proof);
        } catch (error) {
            const isUnknown = error instanceof ApiError && error.status === NOT_FOUND;
            this.headError = isUnknown
                ? t("This server does not know the receipt: it is of another one.")
                : t("The published ledger can't be asked now. Please try again in 10 seconds.");
        } finally {
            this.isAsking = false;
        }
    }

    _form() {
        return html`<form @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
            ${field({
                id: "receipt",
                label: t("The receipt or the document"),
                help: t("It is checked in your browser and sent nowhere."),
                control: ({ id, describedby, invalid }) =>
                    html`<input
                        type="file"
                        class="file"
                        id=${id}
                        accept=".json,application/json,.pdf,application/pdf,.asice,application/vnd.etsi.asic-e+zip,.asics,.p7s,.p7m"
                        aria-describedby=${describedby}
                        aria-invalid=${invalid}
                        @change=${this._choose}
                    />`,
            })}
            <details ?hidden=${Boolean(this.signedFile ?? this.actsFile ?? this.deliveryFile)}>
                <summary>${t("A receipt of another server")}</summary>
                ${keyField({
                    id: "key",
                    label: t("Key of its ledger"),
                    error: this.keyError,
                    check: () => void this._check(),
                })}
            </details>
        </form>`;
    }

    _result() {
        const { verified, fault } = this;
        if (this.isBusy && !verified) return spinner();
        if (verified)
            return html`${banner("success", html`<p>${t("This receipt is genuine.")}</p>`)}
            ${this._facts(verified)} ${this._steps(undefined)} ${this._head(verified)}`;
        if (!fault) return nothing;
        const isOpen = fault === "unknown_signer" || fault === "no_ed25519";
        return html`${banner(
            isOpen ? "info" : "critical",
            html`<p>${faultWords(fault)}</p>
                ${fault === "unknown_signer" ? this._signer() : nothing}`,
        )}
        ${fault === "not_a_receipt" || fault === "empty" ? nothing : this._steps(fault)}`;
    }

    _signer() {
        const names = signersOf(this.receipt ?? {});
        if (!names.length) return nothing;
        return html`<p>
            ${t("It says that it is signed by {signer}. Open the page of that server, or enter its key.", { signer: names })}
        </p>`;
    }

    /** @param {import("./receipt.js").Verified} verified */
    _facts({ receipt, origin }) {
        const { between } = receipt;
        /** @type {[string, string][]} */
        const facts = [
            [t("Paid to"), receipt.payee],
            [t("Amount"), showMoney(receipt.amount)],
            [t("For"), receipt.reference],
            [t("When"), showDateTime(receipt.at_ms)],
            [t("Gives back"), receipt.refund_of ?? ""],
            [t("Institutions"), between ? `${between.payer} → ${between.payee}` : ""],
            [t("Number"), receipt.id],
            [t("Signed by"), origin],
        ];
        const shown = facts.filter(([, value]) => value);
        return html`<dl class="facts card">
            ${shown.map(
                ([name, value]) =>
                    html`<dt>${name}</dt>
                        <dd><bdi>${value}</bdi></dd>`,
            )}
        </dl>`;
    }

    /** @param {typeof this.fault} fault */
    _steps(fault) {
        const states = stepStates(fault, this.verified?.published !== undefined);
        const words = { good: t("checked"), bad: t("wrong"), open: t("not checked") };
        return html`<h2>${t("What was checked")}</h2>
            <ul class="checks">
                ${stepWords().map((step, number) => {
                    const state = states[number] ?? "open";
                    return html`<li class="with-mark ${state}">
                        ${icon(ICONS[state])}<span>${step}: ${words[state]}</span>
                    </li>`;
                })}
            </ul>`;
    }

    /** @param {import("./receipt.js").Verified} verified */
    _head({ published }) {
        return html`${
                published
                    ? html`<p>
                              ${plural(
                                  "The published ledger had {count} block then, and this payment is in one of them.",
                                  "The published ledger had {count} blocks then, and this payment is in one of them.",
                                  published.size,
                              )}
                          </p>
                          <p>${t("Witnesses of the ledger")}: ${witnessWords(published)}</p>`
                    : nothing
            }
            <p class="help">
                ${t("Only this asks the server: it learns the number of the receipt, nothing else.")}
            </p>
            ${button({
                label: t("Look into the published ledger"),
                style: "secondary",
                is_busy: this.isAsking,
                press: () => void this._ask(),
            })}
            <p class="error-text" role="alert">${this.headError}</p>`;
    }

    render() {
        return html`<div class="alone">
            <h1>${t("Verify a receipt or a document")}</h1>
            <p>
                ${t("Anybody can check that a payment was made, and who signed a document: the one who has it, an office, a court.")}
                ${t("Exports of cases, receipts of delivery, and acts that somebody saved, are verified here too.")}
            </p>
            ${this._form()}
            <div aria-live="polite">
                ${this._result()}<veche-signed-file .file=${this.signedFile}></veche-signed-file
                ><veche-acts-file .file=${this.actsFile}></veche-acts-file
                ><veche-delivery-file .file=${this.deliveryFile}></veche-delivery-file>
            </div>
        </div>`;
    }
}
customElements.define("veche-verify", VecheVerify);
