/**
 * Asking for signatures under a document that no server reads: the file, who signs, what they agree
 * to, a look at what will be sent, and the link for the people.
 *
 * @typedef {import("./rows.js").Form} Form
 * @typedef {import("./rows.js").Problem} Problem
 * @typedef {import("./sending.js").Ready} Ready
 * @typedef {import("./batch.js").Step} Step
 * @typedef {import("./draft.js").Sent} Sent
 * @typedef {import("./upload.js").Upload} Upload
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { html, nothing } from "lit";
import { ApiError } from "../../kit/api.js";
import { VecheElement, banner, button, spinner } from "../../kit/elements.js";
import { plural, showNumber, showSize, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { serverName } from "../../kit/page.js";
import { save } from "../../kit/save.js";
import "../../pdf/pages.js";
import "../any_file.js";
import { conditions } from "./conditions.js";
import { Batch, askedAll } from "./batch.js";
import { draftHere, keepDraft, sentHere, wipe } from "./draft.js";
import { done, linksText } from "./done.js";
import { ownLevels } from "./levels.js";
import { readLine } from "./line.js";
import { moving } from "./moving.js";
import { people, text } from "./people.js";
import { reviewed } from "./review.js";
import { accountOf, emptyForm, fieldOf, formsOf, problemsOf, withPeople } from "./rows.js";
import { readPeople } from "./table.js";
import { fetchLetters, madeReady } from "./sending.js";
import { prepared } from "./upload.js";
import { noteWords, problemWords, whyNot } from "./words.js";

const KEEP_MS = 400;

export class VecheSignNew extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        form: { state: true },
        filename: { state: true },
        upload: { state: true },
        fault: { state: true },
        error: { state: true },
        problems: { state: true },
        own: { state: true },
        ready: { state: true },
        sent: { state: true },
        doing: { state: true },
        moved: { state: true },
        isOver: { state: true },
        isRestored: { state: true },
        copied: { state: true },
        typed: { state: true },
        unread: { state: true },
    });

    constructor() {
        super();
        this.form = emptyForm();
        this.filename = "";
        /** @type {Bytes | undefined} as it was chosen */
        this._file = undefined;
        /** @type {Upload | undefined} */
        this.upload = undefined;
        /** @type {unknown} why the file can't be signed */
        this.fault = undefined;
        /** @type {unknown} why the last press did nothing */
        this.error = undefined;
        /** @type {Problem[]} */
        this.problems = [];
        /** @type {import("./levels.js").Own[] | undefined} certificates by which people can sign here */
        this.own = undefined;
        /** @type {Ready | undefined} what will be sent, once it was asked for */
        this.ready = undefined;
        /** @type {Batch | undefined} what is being sent: a second attempt goes on where it broke off */
        this._batch = undefined;
        /** @type {Sent[]} */
        this.sent = [];
        /** @type {Sent | undefined} whose link was copied last */
        this.copied = undefined;
        /** @type {"" | "read" | Step} */
        this.doing = "";
        /** @type {number | undefined} whose box is being moved */
        this.moved = undefined;
        this.isOver = false;
        this.isRestored = false;
        this.typed = "";
        /** @type {string | null} why what was typed can't be read */
        this.unread = null;
        this._begun = 0;
        /** @type {ReturnType<typeof setTimeout> | undefined} */
        this._keeping = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        void this._restore();
        void ownLevels().then((own) => {
            this.own = own;
        });
    }

    async _restore() {
        this.sent = await sentHere();
        const draft = await draftHere();
        if (draft) {
            this.form = draft.form;
            if (draft.file) await this._take(draft.file, draft.filename);
        }
        this.isRestored = true;
    }

    /** Keeps what is here, soon. */
    _keep() {
        clearTimeout(this._keeping);
        this._keeping = setTimeout(() => void this._keepNow(), KEEP_MS);
    }

    async _keepNow() {
        clearTimeout(this._keeping);
        await keepDraft({ file: this._file, filename: this.filename, form: this.form });
    }

    /** @param {Partial<Form>} changes */
    _change(changes) {
        this.form = { ...this.form, ...changes };
        this.ready = undefined;
        this._batch = undefined;
        if (this.problems.length > 0) this._check();
        this._keep();
    }

    _check() {
        const pages = this.upload?.pages ?? 1;
        this.problems = problemsOf(this.form, pages, serverName(), pages === 0 ? [] : this.own);
    }

    /** @param {File} file of people, who act first */
    async _readTable(file) {
        this.error = undefined;
        try {
            const data = new Uint8Array(await file.arrayBuffer());
            this._change(withPeople(this.form, readPeople(data, isAccount)));
        } catch (error) {
            this.error = error;
        }
    }

    /** @param {FileList | null | undefined} files */
    async _choose(files) {
        const file = files?.[0];
        if (!file) return;
        await this._take(new Uint8Array(await file.arrayBuffer()), file.name);
        const title = file.name.replace(/(?<=.)\.[^.]*$/, "");
        if (this.upload && this.form.title === "") this._change({ title });
        await this._keepNow();
    }

    /** @param {Bytes} file @param {string} filename */
    async _take(file, filename) {
        this._begun += 1;
        const mine = this._begun;
        const none = { upload: undefined, ready: undefined, fault: undefined, _batch: undefined };
        Object.assign(this, { ...none, filename, _file: file, doing: "read", moved: undefined });
        try {
            const upload = await prepared(file, filename);
            if (mine === this._begun) this.upload = upload;
        } catch (error) {
            if (mine === this._begun) Object.assign(this, { fault: error, _file: undefined });
        } finally {
            if (mine === this._begun) this.doing = "";
        }
    }

    async _review() {
        const { upload, form } = this;
        this._check();
        this.error = undefined;
        if (!upload) return;
        if (this.problems.length > 0) {
            await this.updateComplete;
            document.getElementById(this.problems[0]?.field ?? "")?.focus();
            return;
        }
        try {
            const first = formsOf(form)[0] ?? form;
            this.ready = madeReady(upload, first, serverName(), await fetchLetters());
            this.moved = undefined;
            await this.updateComplete;
            /** @type {HTMLElement | null} */ (this.querySelector("#review"))?.focus();
        } catch (error) {
            this.error = error;
        }
    }

    async _send() {
        const { ready, form, filename, _file: file } = this;
        if (!ready || this.doing) return;
        Object.assign(this, { doing: "begin", error: undefined });
        clearTimeout(this._keeping);
        this._batch ??= new Batch({ file, filename, form }, ready, serverName(), this.sent);
        const batch = this._batch;
        try {
            await batch.send((step) => this._moved(batch, step));
        } catch (error) {
            // Who is signed in no more reads that beside the button, and no link was wrong.
            this.error = error instanceof ApiError && error.isSignInNeeded ? undefined : error;
        } finally {
            this._moved(batch, "");
        }
        if (batch.draft) return;
        this._batch = undefined;
        await this.updateComplete;
        /** @type {HTMLElement | null} */ (this.querySelector("h1"))?.focus();
    }

    /** @param {Batch} batch which got on @param {Step | ""} doing */
    _moved({ sent, draft }, doing) {
        Object.assign(this, { sent, doing });
        if (draft) this.form = draft.form;
        else Object.assign(this, { upload: undefined, ready: undefined, _file: undefined });
        if (!draft) this.form = emptyForm();
    }

    /** Asks the people of what was handed in, and was not heard of any more. */
    async _ask() {
        this.error = undefined;
        try {
            this.sent = await askedAll(this.sent, () => {});
        } catch (error) {
            this.error = error;
        }
    }

    async _anew() {
        clearTimeout(this._keeping);
        await wipe();
        Object.assign(this, {
            ...{ sent: [], upload: undefined, ready: undefined, _file: undefined },
            ...{
                _batch: undefined,
                copied: undefined,
                fault: undefined,
                error: undefined,
                problems: [],
                filename: "",
            },
            form: emptyForm(),
        });
    }

    /** @param {Sent} one @param {string} text */
    async _copy(one, text) {
        await navigator.clipboard.writeText(text).then(
            () => {
                this.copied = one;
            },
            () => {
                this.copied = undefined;
            },
        );
    }

    /** @param {string} name of a field of the document @returns {string} whose it is */
    _nameOf(name) {
        const one = this.form.people.find((_, at) => fieldOf(at) === name);
        return one?.name || one?.account || name;
    }

    // What is drawn

    _drop() {
        const over = (/** @type {boolean} */ isOver) => (/** @type {Event} */ event) => {
            event.preventDefault();
            this.isOver = isOver;
        };
        const dropped = (/** @type {DragEvent} */ event) => {
            event.preventDefault();
            this.isOver = false;
            void this._choose(event.dataTransfer?.files);
        };
        return html`<label
            class="drop ${this.isOver ? "over" : ""}"
            @dragover=${over(true)}
            @dragleave=${over(false)}
            @drop=${dropped}
        >
            <input
                id="file"
                type="file"
                @change=${(/** @type {Event} */ { target }) =>
                    void this._choose(/** @type {HTMLInputElement} */ (target).files)}
            />
            ${icon("file")}
            <span
                >${this.upload ? t("Choose another file, or drop it here") : t("Choose a PDF or any other file, or drop it here")}</span
            >
        </label>`;
    }

    _document() {
        const { upload, fault } = this;
        return html`<h2>${t("The document")}</h2>
            ${this._drop()} ${this.doing === "read" ? spinner(t("Reading the file…")) : nothing}
            ${
                fault === undefined
                    ? nothing
                    : banner("critical", html`<p>${whyNot(fault, (one) => this._nameOf(one))}</p>`)
            }
            ${upload ? this._made(upload) : nothing}`;
    }

    /** @param {Upload} upload */
    _made({ pdf, pages, notes, isKept, file }) {
        if (file) return madeContainer(file);
        const size = showSize(pdf.length);
        const count = plural("{count} page", "{count} pages", pages);
        return html`<p><bdi>${this.filename}</bdi>: ${count}, ${size}</p>
            ${
                notes.length > 0
                    ? html`<p>${t("So that everyone sees and signs the same:")}</p>
                          <ul>
                              ${notes.map((one) => html`<li>${noteWords(one)}</li>`)}
                          </ul>`
                    : nothing
            }
            ${
                isKept
                    ? html`<veche-pages
                          .bytes=${pdf}
                          .label=${t("Pages of the document")}
                      ></veche-pages>`
                    : html`<div class="two-files">
                          <section>
                              <h3>${t("As it will be signed")}</h3>
                              <veche-pages
                                  .bytes=${pdf}
                                  .label=${t("Pages as they will be signed")}
                                  .isBeside=${true}
                              ></veche-pages>
                          </section>
                          <section>
                              <h3>${t("As you chose it")}</h3>
                              <veche-pages
                                  .bytes=${this._file}
                                  .label=${t("Pages as you chose them")}
                                  .isBeside=${true}
                              ></veche-pages>
                          </section>
                      </div>`
            }`;
    }

    /** The people as they are typed in the chat, read while they are typed. */
    _inOneLine() {
        return {
            typed: this.typed,
            error: this.unread,
            type: (/** @type {string} */ typed) => {
                const read = typed.trim() === "" ? undefined : readLine(typed, this.form.people);
                this.typed = typed;
                this.unread = typeof read === "string" ? read : null;
                if (read && typeof read !== "string") this._change(read);
            },
        };
    }

    /** @param {Upload} upload */
    _form(upload) {
        const { form } = this;
        const found = new Map(this.problems.map((one) => [one.field, problemWords(one.what)]));
        const editing = {
            form,
            pages: upload.pages,
            own: upload.pages === 0 ? [] : this.own,
            problem: (/** @type {string} */ field) => found.get(field) ?? null,
            change: (/** @type {Partial<Form>} */ changes) => this._change(changes),
            table: (/** @type {File} */ file) => void this._readTable(file),
            move: (/** @type {number} */ at) => {
                this.moved = at;
            },
        };
        const set = (/** @type {string} */ title) => this._change({ title });
        return html`${text("title", t("What the document is"), form.title, editing.problem("title"), set)}
            ${people(editing, this._inOneLine())}
            ${moving(upload, form, this.moved === undefined ? undefined : form.people[this.moved], {
                place: (place) => this._place(place),
                stop: () => {
                    this.moved = undefined;
                },
            })}
            ${conditions(editing)}
            <div class="missing">${this._why()}</div>
            <p class="actions">
                ${button({ label: t("Look at what will be sent"), press: () => void this._review() })}
                ${button({
                    label: t("Start anew"),
                    style: "secondary",
                    press: () => void this._anew(),
                })}
            </p>`;
    }

    /** @param {import("../../pdf/boxes.js").Place} place of the box that is being moved */
    _place(place) {
        const { moved, form } = this;
        const one = moved === undefined ? undefined : form.people[moved];
        if (moved === undefined || !one) return;
        this._change({ people: form.people.with(moved, { ...one, place }) });
    }

    _why() {
        if (this.error === undefined) return nothing;
        const words = whyNot(this.error, (one) => this._nameOf(one));
        return banner("critical", html`<p>${words}</p>`);
    }

    get isSending() {
        return this.doing !== "" && this.doing !== "read";
    }

    /** @returns {import("./review.js").Sending} */
    _sending() {
        return { doing: this.doing, done: this.sent.length, send: () => void this._send() };
    }

    /** Some of many are out already. */
    _before() {
        const words = t(
            "Sent already: {count}. The people below are those who are left; the links stay here until all are sent.",
            { count: showNumber(this.sent.length) },
        );
        return banner("info", html`<p>${words}</p>`);
    }

    _done() {
        const { sent, error } = this;
        const saved = () => new Blob([linksText(sent)], { type: "text/plain" });
        const press = {
            copy: (/** @type {Sent} */ one, /** @type {string} */ text) =>
                void this._copy(one, text),
            // Who changes their mind in the window of the system has shared nothing.
            share: navigator.share
                ? (/** @type {string} */ text) => void navigator.share({ text }).catch(() => {})
                : undefined,
            saveAll: () => save(saved(), t("links.txt")),
            anew: () => void this._anew(),
            again: () => void this._ask(),
        };
        const words = error === undefined ? undefined : whyNot(error, (one) => this._nameOf(one));
        return done(sent, this.copied, press, words);
    }

    render() {
        if (!this.isRestored) return html`<div class="alone">${spinner()}</div>`;
        const isAll = this.sent.length > 0 && !this.upload && this.doing === "";
        if (isAll) return html`<div class="alone">${this._done()}</div>`;
        const { upload, ready } = this;
        return html`<div class="alone wide">
            <h1 tabindex="-1">${t("Ask for signatures")}</h1>
            <p>
                ${t("Privately: the document is prepared and encrypted in this browser, and only those to whom you send its link can read it.")}
            </p>
            ${this.sent.length > 0 ? this._before() : nothing}
            <div ?inert=${this.isSending}>
                ${this._document()} ${upload ? this._form(upload) : nothing}
            </div>
            ${ready ? reviewed(this.form, ready, this._sending()) : nothing}
        </div>`;
    }
}
customElements.define("veche-sign-new", VecheSignNew);

/** @param {string} typed */
function isAccount(typed) {
    return accountOf(typed, serverName()) !== "";
}

/** @param {import("../../asic/growing.js").DataFile} file */
function madeContainer(file) {
    return html`<p>
            ${t("It is no PDF, so it stays as it is, and is signed in a container (ASiC-E) with everybody's signatures. Nobody can see in it where they sign; whoever signs looks at it with a program of their own.")}
        </p>
        <veche-any-file
            .file=${file}
            .isChosen=${true}
            .label=${t("The file as you chose it")}
        ></veche-any-file>`;
}
