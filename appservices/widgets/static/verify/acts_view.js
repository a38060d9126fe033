/**
 * What a file of acts proves. It is checked in this page and goes nowhere; our server is asked for the
 * keys of the log alone.
 */
import { html, nothing } from "lit";
import { call } from "../kit/api.js";
import { VecheElement, banner, spinner } from "../kit/elements.js";
import { plural, t } from "../kit/i18n.js";
import { ACTS_FILE_BYTES_MAX, ActsError, logsOf, readActs, verifyActs } from "./acts.js";
import { actsList } from "./acts_list.js";
import { actsFaultWords } from "./acts_words.js";
import { keyField } from "./key_field.js";
import { readKey, readKeys } from "./notes.js";
import { witnessWords } from "./witnesses.js";

const WELL_KNOWN = "/.well-known/veche/acts";

/** @typedef {{fault: import("./acts.js").Fault | "no_ed25519"} | {proven: import("./acts.js").ProvenActs}} Verdict */

/** @param {string} organisation @returns {Promise<import("./notes.js").Key[]>} of its log, as our server says */
export async function keysOf(organisation) {
    const { keys, witnesses = [] } = await call("GET", WELL_KNOWN, { query: { organisation } });
    return Promise.all([...keys, ...witnesses].map(readKey));
}

/**
 * @param {Record<string, any>} value
 * @param {import("./notes.js").Key[]} keys
 * @returns {Promise<Verdict>}
 */
export async function judged(value, keys) {
    try {
        return { proven: await verifyActs(value, keys) };
    } catch (error) {
        if (error instanceof ActsError) return { fault: error.fault };
        if (error instanceof DOMException) return { fault: "no_ed25519" };
        throw error;
    }
}

/** @param {File} file @returns {Promise<boolean>} whether it is a file of acts */
export async function isActsFile(file) {
    if (file.size > ACTS_FILE_BYTES_MAX) return false;
    try {
        return readActs(new Uint8Array(await file.arrayBuffer())) !== undefined;
    } catch (error) {
        return error instanceof ActsError;
    }
}

class VecheActsFile extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        file: { attribute: false },
        verdict: { state: true },
        keyError: { state: true },
        logs: { state: true },
    });

    constructor() {
        super();
        /** @type {File | undefined} */
        this.file = undefined;
        /** @type {Verdict | undefined} */
        this.verdict = undefined;
        /** @type {string[]} the logs in whose names the file says that it is signed */
        this.logs = [];
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

    /** @param {File} file @returns {Promise<Partial<VecheActsFile>>} what is to be shown */
    async _verdict(file) {
        /** @type {Record<string, any>} */
        let value;
        try {
            value = readActs(new Uint8Array(await file.arrayBuffer())) ?? {};
        } catch {
            return { verdict: { fault: "not_acts" }, logs: [] };
        }
        const logs = logsOf(value);
        const typed = /** @type {HTMLInputElement | null} */ (this.querySelector("#acts-key"));
        const text = typed?.value.trim();
        if (!text) {
            const organisation = logs[0]?.split("/").at(-1) ?? "";
            const ours = await keysOf(organisation).catch(() => []);
            return { logs, verdict: await judged(value, ours) };
        }
        const keys = await readKeys(text).catch(() => undefined);
        if (!keys) return { logs, keyError: t("This is not a key. Copy all of it.") };
        return { logs, verdict: await judged(value, keys) };
    }

    render() {
        if (!this.file) return nothing;
        const { verdict } = this;
        return html`${verdict ? this._said(verdict) : this.keyError ? nothing : spinner()}
            <details>
                <summary>${t("Acts of an organisation on another server")}</summary>
                ${keyField({
                    id: "acts-key",
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
            const names = isOpen && this.logs.length ? this.logs.join(", ") : "";
            return banner(
                isOpen ? "info" : "critical",
                html`<p>${actsFaultWords(verdict.fault)}</p>
                    ${
                        names
                            ? html`<p>
                                  ${t("It says that it is signed by {signer}. Open the page of that server, or enter its key.", { signer: names })}
                              </p>`
                            : nothing
                    }`,
            );
        }
        const { acts, cosigned, head, organisation } = verdict.proven;
        return html`${banner("success", html`<p>${t("These acts are proven.")}</p>`)}
            <dl class="facts card">
                <dt>${t("Acts of")}</dt>
                <dd><bdi>${organisation}</bdi></dd>
                <dt>${t("Signed by")}</dt>
                <dd><bdi>${head.origin}</bdi></dd>
                <dt>${t("Signed head")}</dt>
                <dd>${plural("of {count} act", "of {count} acts", head.size)}</dd>
                <dt>${t("Witnesses")}</dt>
                <dd>${witnessWords(cosigned)}</dd>
            </dl>
            ${actsList(acts)}`;
    }
}
customElements.define("veche-acts-file", VecheActsFile);
