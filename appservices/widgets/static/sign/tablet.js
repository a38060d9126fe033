/**
 * A tablet of the office, on which somebody without a phone reads a document and agrees to it by
 * hand. It has no key and no account: it comes in by a link, once, and forgets all when it is done
 * or closed. What is written here counts once the registrar has signed as the witness of it.
 *
 * @typedef {import("./types.d.ts").Meeting} Meeting
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Tablet} Tablet
 * @typedef {import("./paper.js").Paper} Paper
 */
import { html } from "lit";
import { ApiError, download } from "../kit/api.js";
import { base64 } from "../kit/approval.js";
import { VecheElement, banner, button, field, openDialog, spinner } from "../kit/elements.js";
import { plural, showNumber, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { sha256 } from "../verify/bytes.js";
import "../pdf/pages.js";
import { DECLINE, declineDialog } from "./dialogs.js";
import { Guard } from "./guard.js";
import { readMeetingLink } from "./link.js";
import { act, look, path } from "./meeting.js";
import { openPaper } from "./paper.js";
import { consent, parties, problem, signedBefore } from "./parts.js";
import { isWritten } from "./pen.js";
import { answered } from "./signing.js";
import { explained } from "./words.js";

const OVER = new Set(["refused", "replaced", "identified", "written"]);
const MEETING_OVER = "ORG.VECHE.MEETING_OVER";

/** @param {string} one @returns {string} as names are compared: case and spaces make no difference */
function folded(one) {
    return one.trim().split(/\s+/).join(" ").toLocaleLowerCase();
}

export class VecheSignTablet extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        meeting: { state: true },
        tablet: { state: true },
        paper: { state: true },
        fault: { state: true },
        error: { state: true },
        seen: { state: true },
        isBroken: { state: true },
        answers: { state: true },
        strokes: { state: true },
        name: { state: true },
        isAgreed: { state: true },
        doing: { state: true },
        done: { state: true },
    });

    constructor() {
        super();
        /** @type {Meeting | undefined} */
        this.meeting = undefined;
        /** @type {Tablet | undefined} none before this tablet came in */
        this.tablet = undefined;
        /** @type {Paper | undefined} */
        this.paper = undefined;
        /** @type {unknown} why there is nothing to be seen */
        this.fault = undefined;
        /** @type {unknown} why the last press did nothing */
        this.error = undefined;
        this.seen = 0;
        this.isBroken = false;
        /** @type {Map<string, boolean>} to clauses, by their ids */
        this.answers = new Map();
        /** @type {import("./pen.js").Strokes} */
        this.strokes = [];
        this.name = "";
        this.isAgreed = false;
        /** @type {"open" | "agree" | "decline" | ""} what is being done */
        this.doing = "";
        /** @type {{what: "agree" | "decline", code: string, registrar: string} | undefined} */
        this.done = undefined;
        this._link = readMeetingLink(location.hash);
        /** Shows that it is the tablet that came in; nowhere but here. */
        this._secret = crypto.getRandomValues(new Uint8Array(32));
        this._guard = new Guard();
        this._again = () => this._beginAnew();
    }

    connectedCallback() {
        super.connectedCallback();
        this._guard.watch();
        window.addEventListener("hashchange", this._again);
        void this._look();
    }

    /** Another link was opened in the same window: for the next one who sits here. */
    _beginAnew() {
        this._forget();
        Object.assign(this, { fault: undefined, done: undefined, doing: "", isBroken: false });
        this._secret = crypto.getRandomValues(new Uint8Array(32));
        this._link = readMeetingLink(location.hash);
        void this._look();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._guard.stop();
        window.removeEventListener("hashchange", this._again);
        this._forget();
    }

    /** All that was read and written here. */
    _forget() {
        Object.assign(this, {
            ...{ tablet: undefined, paper: undefined, meeting: undefined, error: undefined },
            ...{ answers: new Map(), strokes: [], name: "", isAgreed: false, seen: 0 },
        });
        this._link = undefined;
        this._secret = new Uint8Array(32);
    }

    async _look() {
        if (!this._link?.key) return;
        try {
            this.meeting = await look(this._link, "");
            this.fault = undefined;
        } catch (error) {
            this.fault = error;
        }
    }

    get _headers() {
        return { "Veche-Tablet": base64(this._secret) };
    }

    async _come() {
        const link = this._link;
        if (!link?.key || this.doing) return;
        Object.assign(this, { doing: "open", fault: undefined });
        try {
            const secret_sha256 = base64(await sha256(this._secret));
            /** @type {Tablet} */
            const tablet = await act(link, "/tablet", { secret_sha256 });
            this.tablet = tablet;
            const { blob } = tablet.view.document;
            const headers = { "Veche-Meeting": link.token, ...this._headers };
            const file = await download(`${path(link)}/blobs/${blob}`, { headers });
            const cipher = new Uint8Array(await file.arrayBuffer());
            this.paper = await openPaper(tablet.view, cipher, link.key);
        } catch (error) {
            this.fault = error;
        }
        this.doing = "";
    }

    /** What has to be done before the press; empty: nothing. */
    get missing() {
        const { tablet, paper, answers } = this;
        if (!tablet || !paper) return t("The document is being opened.");
        const { clauses, document } = tablet.view;
        if (this.isBroken)
            return t("The pages can't be shown on this tablet, so nothing can be signed on it.");
        const left = document.pages - this.seen;
        if (left > 0)
            return plural(
                "{count} page was not on the screen yet.",
                "{count} pages were not on the screen yet.",
                left,
            );
        const open = clauses.find(
            ({ id, kind }) =>
                (kind === "unfair" && !answers.get(id)) ||
                (kind === "optional" && !answers.has(id)),
        );
        if (open) return t("Your answer to “{clause}” is missing.", { clause: open.title });
        if (folded(this.name) !== folded(tablet.name))
            return t("Type your name as the document has it: {name}", { name: tablet.name });
        if (!isWritten(this.strokes)) return t("Write your name on the sheet.");
        return this.isAgreed ? "" : t("Tick that you agree.");
    }

    willUpdate() {
        this._guard.set(this.missing === "" && this.doing === "");
    }

    async _agree() {
        const { tablet } = this;
        if (!this._guard.isReady || !tablet) return;
        await this._say("agree", "/hand", {
            name: this.name.trim(),
            drawing: { strokes: this.strokes },
            read: "all_pages",
            agrees: true,
            clauses: answered(tablet.view, (id) => this.answers.get(id) === true),
        });
    }

    /** @param {CustomEvent} event */
    async _decline({ detail }) {
        await this._say("decline", "/refusal", { reason_code: detail.code, reason: detail.reason });
    }

    /** @param {"agree" | "decline"} what @param {string} where @param {Record<string, unknown>} body */
    async _say(what, where, body) {
        const { tablet, _link: link } = this;
        if (!tablet || !link || this.doing) return;
        Object.assign(this, { doing: what, error: undefined });
        try {
            await act(link, where, body, this._headers);
            const { code, registrar } = tablet;
            this._forget();
            this.done = { what, code, registrar };
            // Whoever goes back in this browser finds nothing of it.
            history.replaceState(null, "", location.pathname);
            await this.updateComplete;
            /** @type {HTMLElement | null} */ (this.querySelector("h1"))?.focus();
        } catch (error) {
            this.error = error;
        }
        this.doing = "";
    }

    /** @param {string} code */
    _code(code) {
        return html`<div class="document-code card">
            <p class="code-digits">
                <span aria-hidden="true">${code}</span
                ><span class="hidden-text">${t("Code {code}", { code: [...code].join(" ") })}</span>
            </p>
        </div>`;
    }

    /** @param {Meeting} meeting */
    _begin({ name, registrar }) {
        return html`<p>
                ${t("{name}: {registrar} asks you to read a document here, on this tablet, and to sign it by hand if you agree.", { name, registrar })}
            </p>
            <p class="secondary-text">
                ${t("You have no key of your own here. {registrar} watches you write, looks at your identity document, and signs with their key that they saw it. Without that, what you write counts for nothing.", { registrar })}
            </p>
            <div class="actions">
                ${button({
                    label: html`${icon("document")}<span>${t("Read the document")}</span>`,
                    is_busy: this.doing === "open",
                    press: () => void this._come(),
                })}
            </div>`;
    }

    _typed() {
        return field({
            id: "typed-name",
            label: t("Your name, typed"),
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    type="text"
                    autocomplete="off"
                    autocapitalize="words"
                    spellcheck="false"
                    maxlength="200"
                    .value=${this.name}
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    @input=${(/** @type {Event} */ { target }) => {
                        this.name = /** @type {HTMLInputElement} */ (target).value;
                    }}
                />`,
        });
    }

    /** @param {Tablet} tablet */
    _write(tablet) {
        const { missing, doing } = this;
        const isOff = doing !== "";
        return html`<p class="secondary-text" role="status">
                ${t("{seen} of {count} pages were on the screen.", {
                    seen: showNumber(this.seen),
                    count: showNumber(tablet.view.document.pages),
                })}
            </p>
            ${consent(tablet.view.clauses, this.answers, (id, isAccepted) => {
                this.answers = new Map(this.answers).set(id, isAccepted);
            })}
            <h2>${t("Sign by hand")}</h2>
            ${this._typed()}
            <p class="pen-label" aria-hidden="true">${t("Write your name here:")}</p>
            <veche-pen
                .label=${t("Sheet to write your name on")}
                .isOff=${isOff}
                @veche-written=${(/** @type {CustomEvent} */ { detail }) => {
                    this.strokes = detail.strokes;
                }}
            ></veche-pen>
            <label class="tick">
                <input
                    type="checkbox"
                    .checked=${this.isAgreed}
                    @change=${(/** @type {Event} */ { target }) => {
                        this.isAgreed = /** @type {HTMLInputElement} */ (target).checked;
                    }}
                />
                <span
                    >${t("I have read this document and agree to it. I have written my name here myself. I know that I have no key, and that {registrar} signs as the witness.", { registrar: tablet.registrar })}</span
                >
            </label>
            <div class="missing">
                ${problem(this.error)}
                <p id="missing" class="secondary-text">${missing}</p>
            </div>
            <div class="actions">
                ${button({
                    label: t("I agree"),
                    is_busy: doing === "agree",
                    is_off: missing !== "" || (isOff && doing !== "agree"),
                    press: () => void this._agree(),
                })}
                ${button({
                    label: t("Decline"),
                    style: "secondary",
                    is_busy: doing === "decline",
                    is_off: isOff && doing !== "decline",
                    press: () => openDialog(DECLINE),
                })}
            </div>
            ${declineDialog((event) => void this._decline(event))}`;
    }

    /** @param {Tablet} tablet */
    _reading(tablet) {
        const { paper } = this;
        const { view } = tablet;
        return html`<p>
                ${t("The digits of this tablet. {registrar} has to have the same:", { registrar: tablet.registrar })}
            </p>
            ${this._code(tablet.code)}
            <p class="secondary-text">${t("Code of the document: {code}", { code: view.code })}</p>
            ${parties(view)}
            <h2>${t("The document")}</h2>
            ${signedBefore(paper)}
            ${
                paper
                    ? html`<veche-pages
                              .bytes=${paper.whole}
                              .label=${t("Pages of {title}", { title: view.title })}
                              @veche-page-seen=${(/** @type {CustomEvent} */ { detail }) => {
                                  this.seen = Math.min(detail.seen, view.document.pages);
                              }}
                              @veche-pages-failed=${() => {
                                  this.isBroken = true;
                              }}
                          ></veche-pages>
                          ${this._write(tablet)}`
                    : spinner(t("Opening the document…"))
            }`;
    }

    /** @param {{what: "agree" | "decline", code: string, registrar: string}} done */
    _done({ what, code, registrar }) {
        const words =
            what === "agree"
                ? t(
                      "Give the tablet back to {registrar} and show your identity document. Your signature counts once they have signed as the witness.",
                      { registrar },
                  )
                : t(
                      "Give the tablet back to {registrar} and tell them that you don't sign. It is final once they have confirmed it.",
                      { registrar },
                  );
        return html`${banner("success", html`<p>${words}</p>`)}
            <p>
                ${t("The digits of this tablet. {registrar} has to have the same:", { registrar })}
            </p>
            ${this._code(code)}
            <p class="secondary-text">
                ${t("This tablet has forgotten the document and what you wrote.")}
            </p>`;
    }

    _content() {
        const { meeting, tablet, fault, done } = this;
        if (done) return this._done(done);
        if (!this._link?.key)
            return html`<p>${t("This link was cut off: open it once more from the chat.")}</p>`;
        if (fault instanceof ApiError && fault.errcode === MEETING_OVER) return this._over();
        if (fault !== undefined)
            return html`${banner("critical", html`<p>${explained(fault)}</p>`)}
                <p class="actions">
                    ${button({
                        label: t("Try again"),
                        press: () => void (tablet ? this._come() : this._look()),
                    })}
                </p>`;
        if (!meeting) return spinner();
        if (tablet) return this._reading(tablet);
        const isLate = meeting.now_ms >= meeting.expires_at_ms;
        if (OVER.has(meeting.state) || meeting.state === "claimed" || isLate) return this._over();
        return this._begin(meeting);
    }

    _over() {
        return html`${banner("info", html`<p>${t("This link was used before, or it is too old.")}</p>`)}
            <p>
                ${t("If this tablet was closed meanwhile, nothing of what was written on it counts. Get a new code in the chat, and open that.")}
            </p>`;
    }

    render() {
        const title = this.tablet?.view.title;
        return html`<div class="alone wide">
            <h1 tabindex="-1">
                ${title === undefined ? t("Sign by hand") : html`<bdi>${title}</bdi>`}
            </h1>
            ${this._content()}
        </div>`;
    }
}
customElements.define("veche-sign-tablet", VecheSignTablet);
