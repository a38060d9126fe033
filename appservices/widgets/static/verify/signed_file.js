/**
 * Verifying a signed file: a PDF, or a container of any files. The file is read and judged in this browser, by a worker that is stopped
 * when it takes too long, and goes nowhere; of our server only the certificate of its authority is asked, which says nothing of the file.
 */
import { html, nothing } from "lit";
import { BEFORE_BYTES_MAX, bytesBefore } from "../asic/container.js";
import { fromBase64 } from "../kit/approval.js";
import { VecheElement, banner, button, field, spinner } from "../kit/elements.js";
import { showDateTime, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { save } from "../kit/save.js";
import { idOf } from "../signatures/algorithms.js";
import { readCertificate } from "../signatures/certificate.js";
import { isApart, isArchive } from "../signatures/other_forms.js";
import { hex, sha256 } from "./bytes.js";
import { JUDGING_S_MAX, PATIENT_S_MAX, UnjudgedError, judgeApart } from "./judging.js";
import { headline, knownWords, reasonWords, shownReport, stoppedWords } from "./signed_words.js";

/**
 * @typedef {import("../signatures/judging.js").Report} Report
 */

const ROOT = "/_veche/signing/v1/ca/root.cer";
const AUTHORITIES = "/_veche/signing/v1/authorities";
const CERTIFICATE_BYTES_MAX = 65_536;
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;
/** @type {Map<string, "success" | "info">} of verdicts; the others are critical */
const STYLES = new Map([
    ["sealed", "success"],
    ["signed", "info"],
    ["unproven", "info"],
    ["unreadable", "info"],
]);
const PDF = "%PDF-";
/** How far into a file readers look for that. */
const HEADER_BYTES_MAX = 1024;
/** Such as of a receipt that names a PDF. */
const JSON_BEGINNING = /^[ \t\r\n\v\f]*[[{]/;

/** @param {Blob} file @returns {Promise<boolean>} whether it is of a kind that has signatures */
export async function isSignable(file) {
    const first = new Uint8Array(await file.slice(0, BEFORE_BYTES_MAX).arrayBuffer());
    const beginning = String.fromCharCode(...first.subarray(0, HEADER_BYTES_MAX));
    const isPdf = beginning.includes(PDF) && !JSON_BEGINNING.test(beginning);
    return isPdf || isArchive(first) || bytesBefore(first) > 0 || isApart(first);
}

/** @param {import("../signatures/judging.js").Signed} one */
function signedWords({ level, clause, hand, isProven }) {
    if (hand && isProven)
        return t("{name} agreed by hand, without a key; witnessed with a key by", { name: hand });
    if (hand)
        return t("{name} is said to have agreed by hand, without a key, before", { name: hand });
    if (clause) return t("Clause {clause} signed by itself by", { clause });
    return level === "seal" ? t("Sealed by") : t("Signed by");
}

export class VecheSignedFile extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        file: { attribute: false },
        report: { state: true },
        stopped: { state: true },
        rootError: { state: true },
        shown: { state: true },
    });

    constructor() {
        super();
        /** @type {File | undefined} */
        this.file = undefined;
        /** @type {Report | undefined} none while it is judged */
        this.report = undefined;
        /** @type {"" | "late" | "failed" | "cancelled"} why it was not judged */
        this.stopped = "";
        this.rootError = "";
        /** @type {Uint8Array<ArrayBuffer> | undefined} what is shown page by page */
        this.shown = undefined;
        /** @type {Uint8Array<ArrayBuffer>} */
        this.bytes = new Uint8Array();
        /** Of the whole file, hexadecimal. */
        this.fileSha256 = "";
        /** @type {Uint8Array<ArrayBuffer>[]} certificates that the person chose */
        this.chosen = [];
        /** @type {import("./signed_words.js").Named[]} authorities that the operator has named */
        this.named = [];
        /** Ends the judgement that goes on: an older one shows nothing. */
        this.judging = new AbortController();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.judging.abort();
    }

    /** @param {Map<string, unknown>} changed */
    willUpdate(changed) {
        if (!changed.has("file")) return;
        this.report = undefined;
        this.shown = undefined;
        void this._judge();
    }

    /** @param {number} [secondsMax] */
    async _judge(secondsMax = JUDGING_S_MAX) {
        this.judging.abort();
        const { signal } = (this.judging = new AbortController());
        const { file } = this;
        this.stopped = "";
        if (!file) return;
        try {
            const task = { file, ...(await this._roots()), nowMs: Date.now() };
            const { report, ...judged } = await judgeApart(task, secondsMax, signal);
            Object.assign(this, { report: shownReport(report), ...judged });
        } catch (error) {
            if (signal.aborted) return;
            if (!(error instanceof UnjudgedError)) throw error;
            Object.assign(this, { report: undefined, stopped: error.why });
        }
    }

    _cancel() {
        this.judging.abort();
        this.stopped = "cancelled";
    }

    /**
     * @returns {Promise<{trusted: Uint8Array<ArrayBuffer>[], stampers: Uint8Array<ArrayBuffer>[]}>}
     *   certificates of our server's authority, of those that its operator has named, also for time
     *   stamps alone, and those that were chosen
     */
    async _roots() {
        const [ours, { authorities: others, stampers }] = await Promise.all([
            fetch(ROOT)
                .then(async (answer) =>
                    answer.ok ? [new Uint8Array(await answer.arrayBuffer())] : [],
                )
                .catch(() => []),
            namedAuthorities(),
        ]);
        this.named = others.map(({ named }) => named);
        const known = others.map(({ certificate }) => certificate);
        return { trusted: [...ours, ...known, ...this.chosen], stampers };
    }

    /** @param {Event} event */
    async _chooseRoot({ target }) {
        const file = /** @type {HTMLInputElement} */ (target).files?.[0];
        this.rootError = "";
        this.chosen = [];
        try {
            if (file) this.chosen = await certificatesIn(file);
        } catch {
            this.rootError = t("This file is not a certificate.");
        }
        await this._judge();
    }

    /** @param {Report} report */
    _signers({ signers, documentSha256, closedAtMs, files }) {
        if (signers.length === 0) return nothing;
        return html`<dl class="facts card">
            ${signers.map(
                (one) =>
                    html`<dt>${signedWords(one)}</dt>
                        <dd>
                            <bdi>${one.name}</bdi>${
                                one.account
                                    ? html` <bdi class="help">${one.account}</bdi>`
                                    : nothing
                            }
                            <div class="help">
                                ${
                                    one.isProven
                                        ? knownWords(one, this.named)
                                        : t("not proven who that is")
                                },
                                ${
                                    one.atMs === undefined
                                        ? t("at a time that is not proven")
                                        : showDateTime(one.atMs)
                                }
                            </div>
                            ${
                                one.issuer
                                    ? html`<div class="help">
                                          ${t("Certificate issued by {issuer}", { issuer: one.issuer })}
                                      </div>`
                                    : nothing
                            }
                        </dd>`,
            )}
            ${
                files.length > 0
                    ? html`<dt>${t("Files")}</dt>
                          <dd>${files.map((name) => html`<div><bdi>${name}</bdi></div>`)}</dd>`
                    : nothing
            }
            ${
                closedAtMs === undefined
                    ? nothing
                    : html`<dt>${t("Closed")}</dt>
                          <dd>${showDateTime(closedAtMs)}</dd>`
            }
            <dt>SHA-256</dt>
            <dd>
                <div class="help">${t("of this file")}</div>
                <code>${this.fileSha256}</code>
                ${
                    documentSha256
                        ? html`<div class="help">
                                  ${files.length > 0 ? t("of what was signed in it") : t("of the document before anybody signed it")}
                              </div>
                              <code>${documentSha256}</code>`
                        : nothing
                }
            </dd>
        </dl>`;
    }

    /** @param {Report} report */
    _reasons({ findings, verdict }) {
        const said = new Set(findings.map(({ reason }) => reasonWords(reason)));
        if (said.size === 0 || verdict === "unsigned") return nothing;
        return html`<ul class="checks">
            ${[...said].map(
                (words) =>
                    html`<li class="with-mark ${verdict === "invalid" ? "bad" : "open"}">
                        ${icon(verdict === "invalid" ? "error" : "circle")}<span>${words}</span>
                    </li>`,
            )}
        </ul>`;
    }

    /** What was signed, without what came after: for who wants to see exactly that. */
    _original() {
        const { bytes, report, shown } = this;
        const end = report?.documentEnd;
        if (!end) return nothing;
        const ends = [end, ...report.signers.map(({ field: name }) => report.ends?.[name])];
        const labels = [
            t("As it was before anybody signed"),
            ...report.signers.map(({ name, clause }) =>
                clause
                    ? t("As {name} signed clause {clause} of it", { name, clause })
                    : t("As {name} signed it", { name }),
            ),
        ];
        return html`<p class="help">
                ${t("The document as it was before anybody signed it, without anything that came later:")}
            </p>
            ${button({
                label: t("Save exactly what was signed"),
                style: "secondary",
                press: () =>
                    save(
                        new Blob([bytes.slice(0, end)], { type: "application/pdf" }),
                        t("signed-document.pdf"),
                    ),
            })}
            ${field({
                id: "shown",
                label: t("Show exactly what was signed"),
                help: t("Only the part of the file up to there is drawn, without what came later."),
                control: ({ id, describedby }) =>
                    html`<select
                        id=${id}
                        aria-describedby=${describedby}
                        @change=${(/** @type {Event} */ { target }) => {
                            const at = Number(/** @type {HTMLSelectElement} */ (target).value);
                            void this._show(ends[at]);
                        }}
                    >
                        <option value="-1">${t("Nothing")}</option>
                        ${labels.map((label, at) => html`<option value=${at}>${label}</option>`)}
                    </select>`,
            })}
            ${
                shown
                    ? html`<veche-pages
                          .bytes=${shown}
                          .label=${t("Pages of the document")}
                      ></veche-pages>`
                    : nothing
            }`;
    }

    /** @param {number | undefined} end of the part that is shown; none: nothing is */
    async _show(end) {
        await import("../pdf/pages.js");
        this.shown = end ? this.bytes.slice(0, end) : undefined;
    }

    _root() {
        return html`<details>
            <summary>${t("A document of another authority")}</summary>
            ${field({
                id: "root",
                label: t("Certificate of that authority"),
                help: t(
                    "Its root, as that authority publishes it: a file that ends in .pem, .cer or .crt.",
                ),
                error: this.rootError,
                is_required: false,
                control: ({ id, describedby, invalid }) =>
                    html`<input
                        type="file"
                        class="file"
                        id=${id}
                        accept=".pem,.cer,.crt"
                        aria-describedby=${describedby}
                        aria-invalid=${invalid}
                        @change=${this._chooseRoot}
                    />`,
            })}
        </details>`;
    }

    _waiting() {
        return html`${spinner(t("The file is checked…"))}
        ${button({ label: t("Cancel"), style: "secondary", press: () => this._cancel() })}`;
    }

    _unjudged() {
        return html`${banner("info", html`<p>${stoppedWords(this.stopped)}</p>`)}
        ${
            this.stopped === "cancelled"
                ? nothing
                : html`<p>
                      ${t("Ask whoever gave you the file for it once more, or check it on a computer by this command, which tells more:")}
                      <code>veche verify FILE</code>
                  </p>`
        }
        ${button({
            label:
                this.stopped === "late"
                    ? t("Check again, for two minutes at most")
                    : t("Check again"),
            style: "secondary",
            press: () => void this._judge(this.stopped === "late" ? PATIENT_S_MAX : undefined),
        })}`;
    }

    render() {
        const { report } = this;
        if (!this.file) return nothing;
        if (this.stopped) return this._unjudged();
        if (!report) return this._waiting();
        const style = STYLES.get(report.verdict) ?? "critical";
        return html`${banner(style, html`<p>${headline(report)}</p>`)} ${this._reasons(report)}
        ${this._signers(report)} ${this._original()} ${this._root()}`;
    }
}
customElements.define("veche-signed-file", VecheSignedFile);

/** @param {File} file PEM or DER @returns {Promise<Uint8Array<ArrayBuffer>[]>} */
async function certificatesIn(file) {
    if (file.size > CERTIFICATE_BYTES_MAX) throw new Error("too large");
    const written = [...(await file.text()).matchAll(PEM)].map(([, text]) =>
        Uint8Array.from(atob((text ?? "").replaceAll(/\s/g, "")), (one) => one.charCodeAt(0)),
    );
    const found = written.length > 0 ? written : [new Uint8Array(await file.arrayBuffer())];
    for (const one of found) readCertificate(one);
    return found;
}

/**
 * @returns {Promise<{
 *     authorities: {certificate: Uint8Array<ArrayBuffer>, named: import("./signed_words.js").Named}[],
 *     stampers: Uint8Array<ArrayBuffer>[]}>} who is trusted, and who for time stamps alone
 */
async function namedAuthorities() {
    /** @type {{authorities?: import("../sign/types.d.ts").Authority[], stampers?: string[]}} */
    const { authorities = [], stampers = [] } = await fetch(AUTHORITIES)
        .then((answer) => (answer.ok ? answer.json() : {}))
        .catch(() => ({}));
    const named = await Promise.all(
        authorities.map(async ({ name, level, certificate, policies = [] }) => {
            const encoded = fromBase64(certificate);
            const root = hex(await sha256(encoded));
            const isQualified = level === "S4";
            return {
                certificate: encoded,
                named: { name, isQualified, root, policies: policies.map(idOf) },
            };
        }),
    );
    return { authorities: named, stampers: stampers.map(fromBase64) };
}
