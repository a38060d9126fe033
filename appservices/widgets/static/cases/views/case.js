/**
 * One case: where it stands and until when, what is asked, what was issued, what happened. It
 * follows the case by itself, and keeps what is typed.
 *
 * @typedef {import("../agency.js").Case} Case
 * @typedef {import("../agency.js").Asked} Asked
 * @typedef {import("../elements/prompt.js").Port} Port
 */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { newKey } from "../../kit/api.js";
import { currentLanguage, showDate, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { session } from "../../kit/session.js";
import { signInHref } from "../../kit/shell.js";
import { answerPrompt, checkAnswers, followCase, sendFile, servicePage } from "../agency.js";
import { DraftKeeper, takeUnsaved } from "../drafts.js";
import "../elements/clock.js";
import "../elements/commands.js";
import "../elements/document.js";
import { nothingHappened } from "../elements/history.js";
import { problem } from "../elements/problem.js";
import { newChat, sent } from "../elements/notices.js";
import "../elements/prompt.js";
import { standing, stepList } from "../elements/steps.js";
import { safeHref } from "../safe.js";
import { View } from "../view.js";

const ROWS = 5;
const FORM = "form";
const MORE = "more";
const WITHDRAW = "withdraw";
/** One object: another one would fill a form anew. */
const NO_ANSWERS = {};
/** @type {import("../agency.js").AskedField} */
const ANY_FILE = { id: "", kind: "file", label: "" };

/**
 * What a desk asks for without a form: some words.
 * @param {string} label
 * @returns {import("../agency.js").AskedField}
 */
const wordsField = (label) => ({ id: "text", kind: "long_text", label, required: true });

/** @param {Case} one @returns {Record<string, unknown>} files that were sent in the chat, by field */
function outside({ form, draft }) {
    const ids = (form?.fields ?? []).filter((one) => one.by_page === false).map(({ id }) => id);
    return Object.fromEntries(ids.map((id) => [id, draft[id] ?? ""]));
}

/** @param {Case} one @returns {string} how its state looks */
function tone({ state, is_open, waits_for_you }) {
    if (state === "decided_no") return "critical";
    if (waits_for_you) return "info";
    return is_open || state === "served" ? "accent" : "neutral";
}

class VecheCase extends View {
    static properties = {
        case: { state: true },
        steps: { state: true },
        initial: { state: true },
        draftVersion: { state: true },
        isSent: { state: true },
    };

    constructor() {
        super();
        this.case = /** @type {Case | undefined} */ (undefined);
        this.steps = /** @type {{kind: string, text: string}[]} */ ([]);
        /** What the form is filled with; a new object fills it anew. */
        this.initial = /** @type {Record<string, unknown>} */ ({});
        this.draftVersion = 0;
        this._unfollow = () => {};
        /** @type {DraftKeeper | undefined} */
        this._keeper = undefined;
        /** @type {Map<string, {content: string, key: string}>} by prompt: one key an answer */
        this._keys = new Map();
        this._isWithdrawing = false;
        this._hadFocus = false;
        this._hasSteps = false;
        /** Whether the person has sent the form here, and whether they have not seen it yet. */
        this.isSent = false;
        this._isLanding = false;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        super.willUpdate(changed);
        this._hadFocus = this.contains(document.activeElement);
    }

    updated() {
        super.updated();
        const asked = this.querySelector(/** @type {"h2"} */ ("#asked"));
        const isAsked = this.case?.prompts.some(({ topic }) => topic === WITHDRAW);
        if (this._isWithdrawing && isAsked && asked) {
            this._isWithdrawing = false;
            asked.focus();
        } else if (this._isLanding && !asked) {
            // What was pressed is gone: the page begins with what came of it.
            this._isLanding = false;
            window.scrollTo({ top: 0, behavior: "instant" });
            this.querySelector("h1")?.focus();
        } else if (this._hadFocus && document.activeElement === document.body) {
            // What had the focus is done and gone: on with what is asked next, or where it stands.
            (asked ?? this.querySelector("h1"))?.focus();
        }
    }

    get heading() {
        return this.case?.title ?? t("Case");
    }

    get _id() {
        return this.route.view === "case" ? this.route.id : "";
    }

    start() {
        if (!session()) {
            // Told as the service would tell it, without asking.
            this.error = undefined;
            return;
        }
        this._hasSteps = false; // in this language
        this._unfollow = followCase(
            this._id,
            (state) => this._take(state),
            (error) => this.fail(error),
        );
    }

    stop() {
        this._unfollow();
        this._keeper?.stop();
        this._keeper = undefined;
    }

    /** @param {Case} state */
    _take(state) {
        this.case = state;
        this.error = undefined;
        if (!this._hasSteps) void this._loadSteps(state);
        this._takeDraft(state);
    }

    /** @param {Case} state */
    async _loadSteps({ office, service }) {
        this._hasSteps = true;
        const { signal } = this._stopped;
        // A service that is not offered any more has no steps to show; the case goes on.
        const page = await servicePage(office, service, currentLanguage(), signal).catch(
            () => undefined,
        );
        if (!signal.aborted) this.steps = page?.step_list ?? [];
    }

    /** @param {Case} state */
    _takeDraft(state) {
        const isAsked = state.form && state.prompts.some((one) => one.topic === FORM);
        if (!isAsked || !state.form) {
            this._keeper?.done();
            this._keeper?.stop();
            this._keeper = undefined;
            return;
        }
        if (this._keeper) {
            if (this._keeper.incoming(state.draft)) this.initial = { ...state.draft };
            return;
        }
        const fields = state.form.fields.filter((one) => one.by_page !== false);
        this._keeper = new DraftKeeper(
            state.case,
            fields.map(({ id }) => id),
            () => (this.draftVersion += 1),
        );
        this._keeper.listen(() => this._refresh());
        this._keeper.incoming(state.draft);
        const unsaved = takeUnsaved(state.case);
        this.initial = { ...state.draft, ...unsaved };
        if (unsaved) this._keeper.typed({ ...state.draft, ...unsaved });
    }

    /** Asks for the case at once: another tab has kept something. */
    _refresh() {
        this._unfollow();
        this._unfollow = followCase(
            this._id,
            (state) => this._take(state),
            (error) => this.fail(error),
        );
    }

    /** @param {Asked} asked @returns {Port} */
    _port(asked) {
        const isForm = asked.topic === FORM;
        const { office = "", service = "" } = this.case ?? {};
        return {
            answer: async (_, { choice, data }) => {
                const answer = { prompt: asked.prompt.id, choice, data };
                const keeper = isForm && data ? this._keeper : undefined;
                keeper?.hold();
                try {
                    const { outcome } = await answerPrompt(this._id, answer, this._keyOf(answer));
                    keeper?.done();
                    if (isForm && outcome === "done") this.isSent = this._isLanding = true;
                    this._refresh();
                    return outcome === "done";
                } finally {
                    keeper?.release();
                }
            },
            upload: (field, file, how) => this._sendFile(field.id, file, how),
            check: isForm
                ? (values, fields) => checkAnswers(office, service, values, fields)
                : undefined,
        };
    }

    /** @param {string} field @param {File} file @param {import("../../kit/forms/upload.js").Sending} how */
    async _sendFile(field, file, how) {
        await sendFile(this._id, field, file, how);
        this._refresh();
    }

    /** @param {{prompt: string}} answer @returns {string} the same while the same is sent */
    _keyOf(answer) {
        const content = JSON.stringify(answer);
        const known = this._keys.get(answer.prompt);
        const key = known?.content === content ? known.key : newKey();
        this._keys.set(answer.prompt, { content, key });
        return key;
    }

    render() {
        if (!session() && !this.case) return this._signedOut();
        const one = this.case;
        if (!one) return html`${this.head()} ${this.error ? this.problem() : this.loading(ROWS)}`;
        return html`<p class="crumb"><a href="/">${icon("back")}${t("Home")}</a></p>
            ${this.head()} ${this._problem()} ${newChat()}
            ${this.isSent && !one.prompts.length ? sent(one.number) : nothing} ${this._card(one)}
            ${this._refusal(one)} ${this._prompts(one)} ${this._files(one)} ${this._documents(one)}
            ${this._question(one)} ${this._steps(one)} ${this._answers(one)}
            <veche-commands
                .case=${one}
                @veche-done=${(/** @type {CustomEvent} */ { detail }) => {
                    this._isWithdrawing = detail === WITHDRAW;
                    this._refresh();
                }}
            ></veche-commands>
            <section aria-labelledby="history">
                <h2 id="history">${t("What happened so far")}</h2>
                ${
                    one.history.length
                        ? html`<veche-history .entries=${one.history}></veche-history>`
                        : html`<p class="secondary-text">${nothingHappened()}</p>`
                }
            </section>`;
    }

    /** Once, and where the person is: what keeps a form from being kept stands beside it. */
    _problem() {
        const isBesideForm = this._keeper?.standing === "over";
        return this.error && !isBesideForm ? this.problem() : nothing;
    }

    _signedOut() {
        return html`${this.head()}
            <p class="lead">
                ${t("Sign in to see this case. It is shown only to the person it is about.")}
            </p>
            <p class="actions">
                <a class="button primary" href=${signInHref()}>${t("Sign in")}</a>
            </p>`;
    }

    /** @param {Case} one */
    _card(one) {
        const chat = safeHref(one.room);
        const pay = safeHref(one.fee?.url);
        return html`<div class="card case-card">
            <div role="status">
                <p class="case-state"><span class="badge ${tone(one)}">${one.state_text}</span></p>
                <p class="case-next">${one.next}</p>
            </div>
            ${
                pay
                    ? html`<p class="actions">
                          <a class="button primary" href=${pay}>${one.fee?.label}</a>
                      </p>`
                    : nothing
            }
            ${
                one.clock
                    ? html`<p><veche-clock .dueAtMs=${one.clock.due_at_ms}></veche-clock></p>`
                    : nothing
            }
            <dl class="facts small">
                <dt>${t("Number")}</dt>
                <dd><code>${one.number}</code></dd>
                <dt>${t("Office")}</dt>
                <dd>${one.office_name}, ${one.organisation}</dd>
                ${
                    one.clock
                        ? html`<dt>${t("By the rule")}</dt>
                              <dd>${one.clock.rule}</dd>`
                        : nothing
                }
            </dl>
            ${
                chat
                    ? html`<p>
                          <a
                              href=${chat}
                              target="_blank"
                              rel="noopener noreferrer"
                              class="with-mark"
                              >${icon("chat")}<span>${t("Open the chat")}</span></a
                          >
                      </p>`
                    : nothing
            }
        </div>`;
    }

    /** @param {Case} one */
    _refusal({ refusal }) {
        if (!refusal) return nothing;
        return html`<section aria-labelledby="refusal">
            <h2 id="refusal">${t("Refused")}</h2>
            <dl class="facts">
                <dt>${t("Reason")}</dt>
                <dd>${refusal.reason}</dd>
                <dt>${t("Law")}</dt>
                <dd>${refusal.law}</dd>
                <dt>${t("In the words of the office")}</dt>
                <dd class="lines">${refusal.text}</dd>
                <dt>${t("How to appeal")}</dt>
                <dd class="lines">${refusal.appeal}</dd>
                <dt>${t("Until")}</dt>
                <dd><strong>${showDate(refusal.appeal_until_ms)}</strong></dd>
            </dl>
        </section>`;
    }

    /** @param {Case} one */
    _prompts(one) {
        if (!one.prompts.length) return nothing;
        return html`<section aria-labelledby="asked">
            <h2 id="asked" tabindex="-1">${t("Your answer is needed")}</h2>
            ${repeat(
                one.prompts,
                ({ prompt, topic }) => (topic === FORM ? FORM : prompt.id),
                (asked) => this._prompt(one, asked),
            )}
        </section>`;
    }

    /** @param {Case} one @param {Asked} asked */
    _prompt(one, asked) {
        const isForm = asked.topic === FORM && one.form;
        const fields = isForm ? one.form?.fields : asked.prompt.form?.fields;
        const isWords = asked.topic === MORE && !fields?.length;
        return html`<veche-prompt
            class="card prompt-card"
            .asked=${isForm ? { ...asked, text: "" } : asked}
            .fields=${fields ?? (isWords ? [wordsField(t("Your answer"))] : [])}
            .initial=${isForm ? this.initial : NO_ANSWERS}
            .outside=${isForm ? outside(one) : NO_ANSWERS}
            .port=${this._port(asked)}
            .beside=${isForm ? this._kept() : nothing}
            @veche-typed=${(/** @type {CustomEvent} */ event) => {
                if (isForm) this._keeper?.typed(event.detail.answers);
            }}
        ></veche-prompt>`;
    }

    /** Whether all that is typed is kept, or what to do about it. */
    _kept() {
        const keeper = this._keeper;
        const standing = keeper?.standing ?? "idle";
        if (standing === "conflict") return this._conflict();
        if (standing === "over" && keeper?.error)
            return problem(keeper.error, { signIn: signInHref() });
        const words = {
            idle: "",
            typing: "",
            saving: t("Saving…"),
            saved: t("Saved. You can go on later, also in the chat."),
            failed: t("Not saved yet: the service can't be reached. It is tried again by itself."),
            over: "",
        }[standing];
        return html`<p role="status" class="secondary-text small kept">${words}</p>`;
    }

    _conflict() {
        return html`<div class="banner info" role="alert">
            <p class="banner-title">${t("This form was changed elsewhere")}</p>
            <p>
                ${t("It was changed in another window or in the chat. The changes you see here are not saved. Which one is right?")}
            </p>
            <p class="actions">
                <button
                    type="button"
                    class="button secondary"
                    @click=${() => this._keeper?.keepMine()}
                >
                    ${t("Keep this version")}
                </button>
                <button
                    type="button"
                    class="button secondary"
                    @click=${() => {
                        const draft = this.case?.draft ?? {};
                        this._keeper?.takeTheirs(draft);
                        this.initial = { ...draft };
                    }}
                >
                    ${t("Use the other version")}
                </button>
            </p>
        </div>`;
    }

    /** @param {Case} one */
    _files({ takes_files }) {
        if (!takes_files) return nothing;
        return html`<section aria-labelledby="files">
            <h2 id="files">${t("Add a file or a photo")}</h2>
            <veche-upload
                .field=${ANY_FILE}
                .inputId=${"any-file"}
                .send=${(/** @type {File} */ file, /** @type {any} */ how) =>
                    this._sendFile("", file, how)}
            ></veche-upload>
        </section>`;
    }

    /** @param {Case} one */
    _documents({ documents }) {
        if (!documents.length) return nothing;
        return html`<section aria-labelledby="documents">
            <h2 id="documents">${t("Documents")}</h2>
            ${repeat(
                documents,
                ({ sha256 }) => sha256,
                (issued) => html`<veche-document .issued=${issued}></veche-document>`,
            )}
        </section>`;
    }

    /** @param {Case} one */
    _question({ question }) {
        if (!question) return nothing;
        return html`<section aria-labelledby="question">
            <h2 id="question">${t("Your question to the office")}</h2>
            ${question.text ? html`<blockquote class="lines">${question.text}</blockquote>` : nothing}
            <p>
                <veche-clock .dueAtMs=${question.due_at_ms}></veche-clock>
            </p>
            <p class="secondary-text">${t("A human being answers you in the chat.")}</p>
        </section>`;
    }

    /** @param {Case} one */
    _steps(one) {
        if (!this.steps.length || !one.is_open) return nothing;
        return html`<section aria-labelledby="steps">
            <h2 id="steps">${t("The steps of your case")}</h2>
            ${stepList(standing(this.steps, one))}
        </section>`;
    }

    /** @param {Case} one */
    _answers({ answers }) {
        if (!answers.length) return nothing;
        return html`<details class="more">
            <summary>${t("What you answered")}</summary>
            <dl class="facts">
                ${answers.map(
                    ({ label, value }) =>
                        html`<dt>${label}</dt>
                            <dd class="lines">${value}</dd>`,
                )}
            </dl>
        </details>`;
    }
}
customElements.define("veche-case", VecheCase);
