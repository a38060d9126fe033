/**
 * Asking for signatures under a document that no server reads: the file, who signs, what they agree
 * to, a look at what will be sent, and the link for the people.
 *
 * @typedef {import("./rows.js").Form} Form
 * @typedef {import("./rows.js").Problem} Problem
 * @typedef {import("./sending.js").Ready} Ready
 * @typedef {import("./sending.js").Sealed} Sealed
 * @typedef {import("./draft.js").Sent} Sent
 * @typedef {import("../../pdf/normalising.js").Upload} Upload
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { html, nothing } from "lit";
import { effectWords } from "../../approve/signing_words.js";
import { VecheElement, banner, button, spinner } from "../../kit/elements.js";
import { plural, showNumber, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { serverName } from "../../kit/page.js";
import { session } from "../../kit/session.js";
import { signInHref } from "../../kit/shell.js";
import { boxAt, sizeOfPage } from "../../pdf/boxes.js";
import { SALT_BYTES, normalise } from "../../pdf/normalising.js";
import "../../pdf/pages.js";
import { openFile } from "../../pdf/signing.js";
import { pageNumber } from "../../pdf/tree.js";
import { conditions } from "./conditions.js";
import { draftHere, dropDraft, keepDraft, sentHere, wipe } from "./draft.js";
import { done } from "./done.js";
import { readLine } from "./line.js";
import { people, text } from "./people.js";
import "./placing.js";
import { accountOf, emptyForm, fieldOf, problemsOf } from "./rows.js";
import { fetchLetters, madeReady, sealed, send } from "./sending.js";
import { noteWords, problemWords, sendingWords, whyNot } from "./words.js";

const KIB = 1024;
const KEEP_MS = 400;

export class VecheSignNew extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        form: { state: true },
        filename: { state: true },
        upload: { state: true },
        fault: { state: true },
        error: { state: true },
        problems: { state: true },
        ready: { state: true },
        sent: { state: true },
        doing: { state: true },
        moved: { state: true },
        isOver: { state: true },
        isRestored: { state: true },
        isCopied: { state: true },
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
        /** @type {Ready | undefined} what will be sent, once it was asked for */
        this.ready = undefined;
        /** @type {Sealed | undefined} what is being sent: a second attempt sends the same */
        this._sealed = undefined;
        /** @type {Sent | undefined} */
        this.sent = undefined;
        /** @type {"" | "read" | "begin" | "upload" | "send"} */
        this.doing = "";
        /** @type {number | undefined} whose box is being moved */
        this.moved = undefined;
        this.isOver = false;
        this.isRestored = false;
        this.isCopied = false;
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
        this._sealed = undefined;
        if (this.problems.length > 0) this._check();
        this._keep();
    }

    _check() {
        this.problems = problemsOf(this.form, this.upload?.pages ?? 1, serverName());
    }

    /** @param {FileList | null | undefined} files */
    async _choose(files) {
        const file = files?.[0];
        if (!file) return;
        await this._take(new Uint8Array(await file.arrayBuffer()), file.name);
        const title = file.name.replace(/\.pdf$/i, "");
        if (this.upload && this.form.title === "") this._change({ title });
        await this._keepNow();
    }

    /** @param {Bytes} file @param {string} filename */
    async _take(file, filename) {
        this._begun += 1;
        const mine = this._begun;
        const none = { upload: undefined, ready: undefined, fault: undefined, _sealed: undefined };
        Object.assign(this, { ...none, filename, _file: file, doing: "read", moved: undefined });
        try {
            const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
            const upload = await normalise(file, salt);
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
            this.ready = madeReady(upload, form, serverName(), await fetchLetters());
            this.moved = undefined;
            await this.updateComplete;
            /** @type {HTMLElement | null} */ (this.querySelector("#review"))?.focus();
        } catch (error) {
            this.error = error;
        }
    }

    async _send() {
        const { ready, form, filename } = this;
        if (!ready || this.doing) return;
        Object.assign(this, { doing: "begin", error: undefined });
        try {
            this._sealed ??= await sealed(ready, form, filename, serverName());
            const sent = await send(this._sealed, form, serverName(), (step) => {
                this.doing = step;
            });
            clearTimeout(this._keeping);
            await dropDraft();
            Object.assign(this, { sent, upload: undefined, ready: undefined, _file: undefined });
            this._sealed = undefined;
            this.form = emptyForm();
            await this.updateComplete;
            /** @type {HTMLElement | null} */ (this.querySelector("h1"))?.focus();
        } catch (error) {
            this.error = error;
        } finally {
            this.doing = "";
        }
    }

    async _anew() {
        clearTimeout(this._keeping);
        await wipe();
        Object.assign(this, {
            ...{ sent: undefined, upload: undefined, ready: undefined, _file: undefined },
            ...{ fault: undefined, error: undefined, problems: [], filename: "" },
            form: emptyForm(),
        });
    }

    /** @param {Event} event */
    async _copy({ currentTarget }) {
        const pressed = /** @type {HTMLElement} */ (currentTarget);
        this.isCopied = await navigator.clipboard.writeText(this.sent?.link ?? "").then(
            () => true,
            () => false,
        );
        pressed.focus();
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
                accept="application/pdf,.pdf"
                @change=${(/** @type {Event} */ { target }) =>
                    void this._choose(/** @type {HTMLInputElement} */ (target).files)}
            />
            ${icon("file")}
            <span
                >${this.upload ? t("Choose another PDF, or drop it here") : t("Choose a PDF, or drop it here")}</span
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
    _made({ pdf, pages, notes, isKept }) {
        const size = t("{size} KiB", { size: showNumber(Math.ceil(pdf.length / KIB)) });
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

    /**
     * @param {Upload} upload
     * @param {import("../../pdf/boxes.js").Place} place
     * @returns the page, and where a box on it is
     */
    _spot(upload, place) {
        try {
            const { document } = openFile(upload.pdf);
            const size = sizeOfPage(document, pageNumber(document, place.page - 1));
            const sizes = Array.from({ length: place.page }, () => size);
            const [left, bottom] = boxAt("box", place, sizes, []).corners;
            const at = /** @type {[number, number]} */ ([left - size.left, bottom - size.bottom]);
            return { size, at: place.at ?? at };
        } catch {
            return undefined;
        }
    }

    _move() {
        const { moved, upload, form } = this;
        const one = moved === undefined ? undefined : form.people[moved];
        if (moved === undefined || !upload || !one?.place) return nothing;
        const { place } = one;
        const spot = this._spot(upload, place);
        if (!spot) return banner("critical", html`<p>${t("There is no such page.")}</p>`);
        const { size, at } = spot;
        return html`<section class="card">
            <h3>
                ${t("Box of {name} on page {page}", { name: one.name || one.account, page: place.page })}
            </h3>
            <veche-placing
                .bytes=${upload.pdf}
                .page=${place.page}
                .size=${size}
                .at=${at}
                .name=${one.name || one.account}
                @veche-placed=${(/** @type {CustomEvent} */ { detail }) =>
                    this._change({
                        people: form.people.with(moved, {
                            ...one,
                            place: { ...place, at: detail },
                        }),
                    })}
            ></veche-placing>
            <p class="actions">
                ${button({
                    label: t("Done"),
                    style: "secondary",
                    press: () => {
                        this.moved = undefined;
                    },
                })}
            </p>
        </section>`;
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
            problem: (/** @type {string} */ field) => found.get(field) ?? null,
            change: (/** @type {Partial<Form>} */ changes) => this._change(changes),
            move: (/** @type {number} */ at) => {
                this.moved = at;
            },
        };
        const set = (/** @type {string} */ title) => this._change({ title });
        return html`${text("title", t("What the document is"), form.title, editing.problem("title"), set)}
            ${people(editing, this._inOneLine())} ${this._move()} ${conditions(editing)}
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

    _why() {
        if (this.error === undefined) return nothing;
        const words = whyNot(this.error, (one) => this._nameOf(one));
        return banner("critical", html`<p>${words}</p>`);
    }

    /** @param {Ready} ready */
    _reviewed(ready) {
        const { form } = this;
        const count = plural("{count} page", "{count} pages", ready.pages);
        const names = form.people.map(
            ({ account, name }) => name || accountOf(account, serverName()),
        );
        /** @type {[string, unknown][]} */
        const rows = [
            [t("Document"), html`<bdi>${form.title}</bdi>, ${count}`],
            [t("Who signs"), html`<bdi>${names.join(", ")}</bdi>`],
            [t("It counts"), effectWords(form.effect)],
            [t("Days to sign"), showNumber(form.days)],
        ];
        return html`<h2 id="review" tabindex="-1">${t("This will be sent")}</h2>
            <dl class="facts card">
                ${rows.map(
                    ([name, value]) =>
                        html`<dt>${name}</dt>
                            <dd>${value}</dd>`,
                )}
            </dl>
            <veche-pages
                .bytes=${ready.pdf}
                .label=${t("Pages of {title}", { title: form.title })}
                .isBeside=${true}
            ></veche-pages>
            <p>
                ${t("It is encrypted in this browser. The service gets no title, no text and no key; it learns who signs, when, and how long the document is.")}
            </p>
            ${this._sending()}`;
    }

    _sending() {
        const isBusy = this.doing !== "" && this.doing !== "read";
        if (!session())
            return banner(
                "info",
                html`<p>
                        ${t("Sign in from your encrypted chat to send it. What you have prepared stays here.")}
                    </p>
                    <p><a class="button primary" href=${signInHref()}>${t("Sign in")}</a></p>`,
            );
        return html`<div class="missing">
                ${isBusy ? spinner(sendingWords(/** @type {"begin"} */ (this.doing))) : nothing}
            </div>
            <p class="actions">
                ${button({
                    label: html`${icon("lock")}<span>${t("Encrypt and send")}</span>`,
                    is_busy: isBusy,
                    press: () => void this._send(),
                })}
            </p>`;
    }

    render() {
        if (!this.isRestored) return html`<div class="alone">${spinner()}</div>`;
        if (this.sent)
            return html`<div class="alone">
                ${done(
                    this.sent,
                    this.isCopied,
                    (event) => void this._copy(event),
                    () => void this._anew(),
                )}
            </div>`;
        const { upload, ready } = this;
        return html`<div class="alone wide">
            <h1 tabindex="-1">${t("Ask for signatures")}</h1>
            <p>
                ${t("Privately: the document is prepared and encrypted in this browser, and only those to whom you send its link can read it.")}
            </p>
            ${this._document()} ${upload ? this._form(upload) : nothing}
            ${ready ? this._reviewed(ready) : nothing}
        </div>`;
    }
}
customElements.define("veche-sign-new", VecheSignNew);
