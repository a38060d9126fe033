/**
 * What a receipt of delivery proves. It is checked in this page and goes nowhere; our server is asked
 * for the keys of the organisation's log alone.
 */
import { html, nothing } from "lit";
import { VecheElement, banner, spinner } from "../kit/elements.js";
import { showDateTime, t } from "../kit/i18n.js";
import { keysOf } from "./acts_view.js";
import { DeliveryError, readDelivery, verifyDelivery } from "./delivery.js";
import { keyField } from "./key_field.js";
import { readKeys } from "./notes.js";
import { signersOf } from "./signed_json.js";

const FILE_BYTES_MAX = 65_536;

/** @typedef {import("./delivery.js").Fault | "no_ed25519"} Fault */
/** @typedef {{fault: Fault} | {delivered: import("./delivery.js").Delivered}} Verdict */

/** @param {File} file @returns {Promise<boolean>} whether it is a receipt of delivery */
export async function isDeliveryFile(file) {
    if (file.size > FILE_BYTES_MAX) return false;
    try {
        return readDelivery(new Uint8Array(await file.arrayBuffer())) !== undefined;
    } catch (error) {
        return error instanceof DeliveryError;
    }
}

/**
 * @param {Record<string, any>} value
 * @param {import("./notes.js").Key[]} keys
 * @returns {Promise<Verdict>}
 */
async function judged(value, keys) {
    try {
        return { delivered: await verifyDelivery(value, keys) };
    } catch (error) {
        if (error instanceof DeliveryError) return { fault: error.fault };
        if (error instanceof DOMException) return { fault: "no_ed25519" };
        throw error;
    }
}

class VecheDeliveryFile extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        file: { attribute: false },
        verdict: { state: true },
        keyError: { state: true },
        signers: { state: true },
    });

    constructor() {
        super();
        /** @type {File | undefined} */
        this.file = undefined;
        /** @type {Verdict | undefined} */
        this.verdict = undefined;
        /** @type {string[]} in whose names the file says that it is signed */
        this.signers = [];
        this.keyError = "";
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (changed.has("file")) void this._check();
    }

    async _check() {
        const { file } = this;
        Object.assign(this, { verdict: undefined, keyError: "" });
        if (!file) return;
        const found = await this._verdict(file);
        if (file === this.file) Object.assign(this, found);
    }

    /** @param {File} file @returns {Promise<Partial<VecheDeliveryFile>>} what is to be shown */
    async _verdict(file) {
        /** @type {Record<string, any>} */
        let value;
        try {
            value = readDelivery(new Uint8Array(await file.arrayBuffer())) ?? {};
        } catch {
            return { verdict: { fault: "not_delivery" }, signers: [] };
        }
        const signers = signersOf(value);
        const typed = /** @type {HTMLInputElement | null} */ (this.querySelector("#delivery-key"));
        const text = typed?.value.trim();
        const organisation = signers[0]?.split("/").at(-1) ?? "";
        const keys = text
            ? await readKeys(text).catch(() => undefined)
            : await keysOf(organisation).catch(() => []);
        if (!keys) return { signers, keyError: t("This is not a key. Copy all of it.") };
        return { signers, verdict: await judged(value, keys) };
    }

    render() {
        if (!this.file) return nothing;
        const { verdict } = this;
        return html`${verdict ? this._said(verdict) : this.keyError ? nothing : spinner()}
            <details>
                <summary>${t("A receipt of an organisation on another server")}</summary>
                ${keyField({
                    id: "delivery-key",
                    label: t("Key of its log of acts"),
                    error: this.keyError,
                    check: () => void this._check(),
                })}
            </details>`;
    }

    /** @param {Verdict} verdict */
    _said(verdict) {
        if ("fault" in verdict) {
            const isOpen = verdict.fault === "unknown_signer" || verdict.fault === "no_ed25519";
            return banner(
                isOpen ? "info" : "critical",
                html`<p>${deliveryFaultWords(verdict.fault)}</p>`,
            );
        }
        const { receipt, origin, served } = verdict.delivered;
        const { rule } = receipt;
        const isDeemed = served?.stage === "deemed";
        /** @type {[string, string][]} */
        const facts = [
            [t("Sent by"), `${receipt.organisation} (${receipt.sender})`],
            [t("Sent to"), receipt.recipient],
            [t("Case"), receipt.case],
            [t("SHA-256 of the message"), receipt.sha256],
            ...receipt.stages.map((/** @type {import("./delivery.js").Fact} */ fact) => [
                factWords(fact.how),
                showDateTime(fact.at_ms),
            ]),
            [t("Rule"), rule && isDeemed ? rule.law : ""],
            [t("Signed by"), origin],
        ];
        const said = served
            ? t("This message is served, the organisation says.")
            : t("This receipt is genuine. The message is not served yet.");
        return html`${banner("success", html`<p>${said}</p>`)}
            <dl class="facts card">
                ${facts
                    .filter(([, value]) => value)
                    .map(
                        ([name, value]) =>
                            html`<dt>${name}</dt>
                                <dd><bdi>${value}</bdi></dd>`,
                    )}
            </dl>
            <p class="help">
                ${t("Compare it with the message that you have: for a decision it is the SHA-256 of its text, for a document that of the file.")}
                ${receipt.evidence === "absent" ? t("Nobody watched whether the other server got it.") : nothing}
            </p>`;
    }
}
customElements.define("veche-delivery-file", VecheDeliveryFile);

/** @param {Fault} fault @returns {string} */
function deliveryFaultWords(fault) {
    switch (fault) {
        case "not_delivery":
            return t("This file is no receipt of delivery, or it was damaged.");
        case "unknown_signer":
            return t("Nobody can tell here: the key of the organisation's log is not known.");
        case "wrong_signature":
            return t("This file is false: it was changed, or the organisation never signed it.");
        case "other_signer":
            return t("This file is false: another one signed it than the organisation in it.");
        case "no_ed25519":
            return t("This browser can't check signatures. Please use a newer one.");
    }
}

/** @param {string} how @returns {string} what a fact is */
function factWords(how) {
    switch (how) {
        case "outbox":
            return t("Accepted by the organisation's server");
        case "acknowledged":
            return t("Acknowledged by the person's server");
        case "stored":
            return t("Stored on the server, which is the person's too");
        case "answer":
            return t("Answered by the person");
        case "read_receipt":
            return t("Seen, by a read receipt that may count");
        case "rule":
            return t("Served by the rule");
        default:
            return t("Never sent");
    }
}
