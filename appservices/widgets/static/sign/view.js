/**
 * Signing a document: what it is, who signs it, its very pages, what is agreed to, and the press.
 * The file is opened, signed and judged in this page; the service keeps ciphertext.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./paper.js").Paper} Paper
 * @typedef {import("./signing.js").Step} Step
 * @typedef {"sign" | "decline" | "delegate" | "delete" | "remind" | "extend" | "cancel" | "report"} Doing
 */
import { html, nothing } from "lit";
import { VecheElement, banner, button, openDialog, spinner } from "../kit/elements.js";
import { plural, showNumber, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import "../pdf/pages.js";
import "./any_file.js";
import { signInHref } from "../kit/shell.js";
import { closePaper } from "./closing.js";
import { DELEGATE, delegateDialog, delegatePaper, mayDelegate, takeBack } from "./delegating.js";
import { deletePaper, deletion } from "./deleting.js";
import { DECLINE, declineDialog, refuseDialog } from "./dialogs.js";
import { Following } from "./following.js";
import { Guard } from "./guard.js";
import { readLink, readOwnedLink, readPrivateLink } from "./link.js";
import { OwnSigning, approveOwn, isOwn } from "./own.js";
import { KeyNeeded, SignInNeeded, openLink, overMeanwhile, refreshed } from "./opening.js";
import { actAsAsker, owning } from "./owning.js";
import { PaperError } from "./paper_error.js";
import {
    code,
    consent,
    facts,
    mode,
    noLink,
    parties,
    pasting,
    problem,
    progress,
    signedBefore,
    signingIn,
} from "./parts.js";
import { keepSeen, seenSoFar } from "./reading.js";
import { reportButton, saveReport } from "./report.js";
import { saving } from "./saving.js";
import { answered, declinePaper, isBlind, levelOf, signPaper } from "./signing.js";
import { standing } from "./standing.js";
import { witnessing } from "./witnessing.js";
import { boxRole, boxWords, explained, missingParts } from "./words.js";

const HEAD = "h1";

/** @returns {import("./link.js").Link | import("./link.js").PrivateLink | import("./link.js").OwnedLink | undefined} */
function linkHere() {
    const { hash } = location;
    return readLink(hash) ?? readPrivateLink(hash) ?? readOwnedLink(hash);
}

export class VecheSign extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        view: { state: true },
        paper: { state: true },
        fault: { state: true },
        error: { state: true },
        steps: { state: true },
        seen: { state: true },
        isElsewhere: { state: true },
        parts: { state: true },
        isOther: { state: true },
        isBroken: { state: true },
        isShown: { state: true },
        answers: { state: true },
        doing: { state: true },
        isClosing: { state: true },
        said: { state: true },
    });

    constructor() {
        super();
        /** @type {View | undefined} */
        this.view = undefined;
        /** @type {Paper | undefined} none while it is opened */
        this.paper = undefined;
        /** @type {unknown} why there is nothing to be seen */
        this.fault = undefined;
        /** @type {unknown} why the last press did nothing */
        this.error = undefined;
        /** @type {Step[]} of the signature that is being made */
        this.steps = [];
        this.seen = 0;
        this.isElsewhere = false;
        /** How many parts a file has that is no PDF; 0: it is not known, or it can't be shown. */
        this.parts = 0;
        /** Whether the copy that was compared is another file. */
        this.isOther = false;
        this.isBroken = false;
        /** Whether what was signed is shown, once it is signed. */
        this.isShown = false;
        /** Whether the closing stamp is being put in. */
        this.isClosing = false;
        /** @type {Map<string, boolean>} to clauses, by their ids */
        this.answers = new Map();
        /** @type {"sign" | "provider" | Doing | ""} what is being done */
        this.doing = "";
        /** What came of reminding. */
        this.said = "";
        this._link = linkHere();
        /** @type {import("./api.js").Session | undefined} */
        this._session = undefined;
        this._guard = new Guard();
        this._following = new Following(() => this._refresh());
        this._again = () => {
            this._link = linkHere();
            void this._open();
        };
        this._own = new OwnSigning(this);
        /** How often it was opened: an older answer that comes later shows nothing. */
        this._begun = 0;
    }

    connectedCallback() {
        super.connectedCallback();
        this._guard.watch();
        window.addEventListener("hashchange", this._again);
        this._own.watch();
        void this._open();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._guard.stop();
        this._following.stop();
        this._own.stop();
        window.removeEventListener("hashchange", this._again);
    }

    async _open() {
        this._begun += 1;
        const [mine, link] = [this._begun, this._link];
        Object.assign(this, {
            ...{ view: undefined, paper: undefined, fault: undefined, error: undefined },
            ...{ steps: [], seen: 0, isElsewhere: false, isBroken: false },
            ...{ parts: 0, isOther: false, answers: new Map() },
        });
        if (!link) return;
        try {
            const opened = await openLink(link, (view) => {
                if (mine === this._begun) this.view = view;
            });
            if (mine !== this._begun) return;
            this._show(opened);
            if (opened.view.you.can_act) await opened.session.viewed().catch(() => {});
            await this._close();
        } catch (error) {
            if (mine === this._begun) this.fault = error;
        }
    }

    /** @param {import("./opening.js").Opened} opened */
    _show({ session, view, paper }) {
        Object.assign(this, { view, paper, _session: session });
    }

    /** The same document as it is now. */
    async _refresh() {
        const { view, paper, _session: session, _begun: begun } = this;
        if (!view || !paper || !session) return;
        const now = await refreshed({ session, view, paper });
        if (begun === this._begun) this._show(now);
    }

    /** Puts the closing stamp in if no service can, and nobody has done it yet. */
    async _close() {
        const { view, paper, _session: session } = this;
        if (!view || !paper || !session || !(view.is_to_close || view.is_to_renew)) return;
        this.steps = [...this.steps, "close"];
        this.isClosing = true;
        try {
            const closed = await closePaper({ session, view, paper });
            this.paper = closed.paper;
            this._show(await refreshed({ session, ...closed }));
        } catch (error) {
            this.error = error;
        } finally {
            this.isClosing = false;
        }
    }

    /** How many pages or parts have to be on the screen; a file of a kind that is not shown: one. */
    get count() {
        const { view, paper } = this;
        return paper?.file ? this.parts || 1 : (view?.document.pages ?? 0);
    }

    /** What has to be done before the press; empty: nothing. */
    get missing() {
        const { view, paper, answers } = this;
        if (!view || !paper) return t("The document is being opened.");
        if (view.you.sees && !view.you.written)
            return t("The handwritten signature counts no more. Get a new code in your chat.");
        if (isOwn(view) && !view.you.own) return t("Your certificate was not told yet.");
        if (this.isOther)
            return t("The copy that you compared is another file. Look at the one that you sign.");
        const left = this.count - this.seen;
        if (paper.file && left > 0 && !this.isElsewhere)
            return missingParts(paper.file, this.isBroken);
        if (this.isBroken && !this.isElsewhere)
            return t("The pages could not be shown. Sign only if you have read them elsewhere.");
        if (left > 0 && !this.isElsewhere)
            return plural(
                "{count} page was not on the screen yet.",
                "{count} pages were not on the screen yet.",
                left,
            );
        const open = view.clauses.find(
            ({ id, kind }) =>
                (kind === "unfair" && !answers.get(id)) ||
                (kind === "optional" && !answers.has(id)),
        );
        return open ? t("Your answer to “{clause}” is missing.", { clause: open.title }) : "";
    }

    willUpdate() {
        const isUsable = this.missing === "" && this.doing === "" && this.view?.you.can_act;
        this._guard.set(isUsable === true);
        this._following.set(this.view?.state === "sealing" && !this.isClosing && !this.doing);
    }

    async _sign() {
        const { view, paper, answers, _session: session } = this;
        if (!this._guard.isReady || !view || !paper || !session || this.doing) return;
        const isRead = this.seen >= this.count;
        const task = {
            session,
            view,
            paper,
            choices: {
                read: /** @type {"all_pages" | "elsewhere"} */ (isRead ? "all_pages" : "elsewhere"),
                clauses: answered(view, (id) => answers.get(id) === true),
            },
            words: { role: boxRole(view), level: boxWords(levelOf(view)) },
            tell: (/** @type {Step} */ step) => {
                this.steps = [...this.steps, step];
            },
        };
        await this._do("sign", async () => {
            if (isOwn(view)) {
                const { you } = await approveOwn(task);
                this.view = { ...view, you };
                return;
            }
            const signed = await signPaper(task);
            this._show(await refreshed({ session, view, paper: signed }));
            await this._close();
        });
    }

    /** @param {CustomEvent} event */
    _decline({ detail }) {
        const { code: why, reason } = detail;
        return this._doAndLook("decline", (opened) => declinePaper(opened, why, reason));
    }

    /** @param {string} [to] whom they let act; none: they act themselves again */
    _delegate(to) {
        return this._doAndLook("delegate", (opened) => delegatePaper(opened, to));
    }

    async _delete() {
        const { view, paper, _session: session } = this;
        if (!view || !paper || !session) return;
        await this._do("delete", async () => {
            if (await deletePaper(view)) this.fault = new PaperError("deleted");
            else this._show(await refreshed({ session, view, paper }));
        });
    }

    /**
     * @param {Doing} doing
     * @param {(opened: import("./opening.js").Opened) => Promise<unknown>} work what it gives is said
     */
    async _doAndLook(doing, work) {
        const { view, paper, _session: session } = this;
        if (!view || !paper || !session) return;
        this.said = "";
        await this._do(doing, async () => {
            const said = await work({ session, view, paper });
            this._show(await refreshed({ session, view, paper }));
            this.said = typeof said === "string" ? said : "";
        });
    }

    async _report() {
        const { view, paper, _session: session } = this;
        if (!view || !paper || !session) return;
        await this._do("report", () => saveReport({ view, paper, session }));
    }

    /** @param {Doing} doing @param {() => Promise<void>} work */
    async _do(doing, work) {
        Object.assign(this, { doing, error: undefined, steps: [] });
        try {
            await work();
            this.doing = "";
            await this.updateComplete;
            /** @type {HTMLElement | null} */ (this.querySelector(HEAD))?.focus();
        } catch (error) {
            const { view, paper, _session: session } = this;
            const over = view && paper && session && { view, paper, session };
            const now = over && (await overMeanwhile(over, error));
            if (now) this._show(now);
            Object.assign(this, { doing: "", error: now ? undefined : error });
        }
    }

    _failed() {
        const { fault, _link: link } = this;
        if (fault instanceof SignInNeeded) return signingIn(signInHref());
        if (fault instanceof KeyNeeded)
            return pasting(fault.view, link && "party" in link ? link : undefined);
        return html`<h1 tabindex="-1">${t("The document can't be shown")}</h1>
            ${banner("critical", html`<p>${explained(this.fault)}</p>`)}
            <p class="actions">
                ${button({ label: t("Try again"), press: () => void this._open() })}
            </p>`;
    }

    /** @param {View} view */
    _pages({ document, title }) {
        const { paper } = this;
        if (!paper) return spinner(t("Opening the document…"));
        if (paper.file) return this._anyFile(paper.file, title);
        return html`<veche-pages
            .known=${seenSoFar(document.sha256)}
            .bytes=${paper.whole}
            .label=${t("Pages of {title}", { title })}
            @veche-page-seen=${(/** @type {CustomEvent} */ { detail }) => {
                this.seen = Math.min(detail.seen, document.pages);
                keepSeen(document.sha256, detail.parts);
            }}
            @veche-pages-failed=${() => {
                this.isBroken = true;
            }}
        ></veche-pages>`;
    }

    /** @param {import("../asic/growing.js").DataFile} file @param {string} title */
    _anyFile(file, title) {
        const { sha256 = "" } = this.view?.document ?? {};
        return html`<veche-any-file
            .known=${seenSoFar(sha256)}
            .file=${file}
            .label=${t("What is in {title}", { title })}
            @veche-page-seen=${(/** @type {CustomEvent} */ { detail }) => {
                this.parts = detail.count;
                this.seen = detail.seen;
                keepSeen(sha256, detail.parts);
            }}
            @veche-pages-failed=${() => {
                this.isBroken = true;
            }}
            @veche-compared=${(/** @type {CustomEvent} */ { detail }) => {
                this.isOther = !detail.isSame;
            }}
        ></veche-any-file>`;
    }

    /** How much was on the screen. */
    _seenWords() {
        const { paper, seen, count } = this;
        const values = { seen: showNumber(seen), count: showNumber(count) };
        if (!paper?.file) return t("{seen} of {count} pages were on the screen.", values);
        if (this.parts === 0) return "";
        return t("{seen} of {count} parts were on the screen.", values);
    }

    _read() {
        return html`<p class="secondary-text" role="status">${this._seenWords()}</p>
            <label class="tick">
                <input
                    type="checkbox"
                    .checked=${this.isElsewhere}
                    @change=${(/** @type {Event} */ { target }) => {
                        this.isElsewhere = /** @type {HTMLInputElement} */ (target).checked;
                    }}
                />
                <span
                    >${
                        this.paper?.file
                            ? t(
                                  "I have looked at it with a program of my own. This is written down with the signature.",
                              )
                            : t(
                                  "I have read it elsewhere. This is written down with the signature.",
                              )
                    }</span
                >
            </label>`;
    }

    /** @param {View} view */
    _act(view) {
        const [missing, doing] = [this.missing, this.paper ? this.doing : "open"];
        const isToApprove = isOwn(view);
        const isAtProvider = isToApprove && view.you.own?.is_approved && view.you.own.provider;
        return html`${this._read()}
            ${consent(view.clauses, this.answers, (id, isAccepted) => {
                this.answers = new Map(this.answers).set(id, isAccepted);
            })}
            ${this._own.part()}
            <div class="missing">
                ${problem(this.error)}
                ${doing === "sign" || doing === "provider" ? progress(this.steps, this.doing !== "") : nothing}
                <p id="missing" class="secondary-text">${isAtProvider ? "" : missing}</p>
            </div>
            <div class="actions">
                ${
                    isAtProvider
                        ? nothing
                        : button({
                              label: html`${icon("key")}<span
                                      >${isToApprove ? t("Approve this certificate") : view.you.sees ? t("Sign as the witness") : t("Sign")}</span
                                  >`,
                              is_busy: doing === "sign",
                              is_off:
                                  missing !== "" ||
                                  (doing !== "" && doing !== "sign") ||
                                  (isToApprove && view.you.own?.is_approved === true),
                              press: () => void this._sign(),
                          })
                }
                ${button({
                    label: view.you.sees ? t("Refuse") : t("Decline"),
                    style: "secondary",
                    is_busy: doing === "decline",
                    is_off: doing !== "" && doing !== "decline",
                    press: () => openDialog(DECLINE),
                })}
                ${
                    mayDelegate(view)
                        ? button({
                              label: t("Let somebody else act"),
                              style: "secondary",
                              is_busy: doing === "delegate",
                              is_off: doing !== "" && doing !== "delegate",
                              press: () => openDialog(DELEGATE),
                          })
                        : nothing
                }
            </div>
            ${mayDelegate(view) ? delegateDialog(({ detail }) => void this._delegate(detail.to)) : nothing}
            ${view.you.sees ? refuseDialog((event) => void this._decline(event)) : declineDialog((event) => void this._decline(event), !isBlind(view))}`;
    }

    /** @param {View} view what one may do with a document that needs nothing of them */
    _file(view) {
        const { paper } = this;
        if (!paper) return nothing;
        const isPdf = paper.file === undefined;
        return html`${problem(this.error)}${this.isClosing ? progress(this.steps, this.doing !== "") : nothing}
            ${takeBack(view, this.doing === "delegate", () => void this._delegate())}
            <div class="actions">
                ${saving(view, paper)}
                ${button({
                    label: this.isShown
                        ? isPdf
                            ? t("Hide the pages")
                            : t("Hide the file")
                        : t("Show exactly what was signed"),
                    style: "secondary",
                    press: () => {
                        this.isShown = !this.isShown;
                    },
                })}
            </div>
            ${this.isShown ? this._pages(view) : nothing}
            ${reportButton(view, this.doing === "report", () => void this._report())}
            ${deletion(view, this.doing === "delete", () => void this._delete())}`;
    }

    render() {
        const isCut = this._link && !this._link.key && !(this.fault instanceof KeyNeeded);
        if (!this._link || (isCut && this.fault))
            return html`<div class="alone">${noLink(this._link !== undefined)}</div>`;
        if (this.fault !== undefined) return html`<div class="alone">${this._failed()}</div>`;
        const { view } = this;
        if (!view)
            return html`<div class="alone">
                <h1 tabindex="-1">${t("Sign a document")}</h1>
                ${spinner(t("Fetching the document…"))}
            </div>`;
        return html`<div class="alone wide">
            <h1 tabindex="-1"><bdi>${view.title}</bdi></h1>
            ${standing(view)} ${mode(view)} ${facts(view)} ${code(view)} ${parties(view)}
            ${owning(view, this.paper ? this.doing : "open", this.said, (act, until_ms) => void this._doAndLook(act, ({ view: one }) => actAsAsker(one, act, until_ms)))}
            <h2>${t("The document")}</h2>
            ${signedBefore(this.paper)}
            ${view.you.can_act ? html`${this._pages(view)}${witnessing(view)}${this._act(view)}` : this._file(view)}
        </div>`;
    }
}
customElements.define("veche-sign", VecheSign);
