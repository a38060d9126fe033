/**
 * The field to write in: text, files, voices. What is typed is kept on this device as a draft.
 * Sends by itself; tells `app-replaced` if somebody's keys have changed and nothing was sent.
 */
import { html, nothing } from "lit";
import { VecheElement } from "../../kit/elements.js";
import { showSize, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { draftOf, keepDraft } from "../client/kept.js";
import { FILE_BYTES_MAX } from "../client/media.js";
import * as sending from "../client/sending.js";
import { ReplacedError } from "../client/trust.js";
import { Recorder } from "../client/recorder.js";
import { showLength } from "./attachment.js";
import { tool } from "./tool.js";
import { lineOf } from "./words.js";

/** @typedef {import("../client/timeline.js").Message} Message */
/** @typedef {import("../client/sending.js").Person} Person */

const DRAFT_MS = 400;
const TYPING_MS = 6_000;
const PEOPLE_SHOWN_MAX = 6;
const HEIGHT_MAX = 180;
const isTouch = () => matchMedia("(pointer: coarse)").matches;

export class AppComposer extends VecheElement {
    static properties = {
        roomId: { attribute: false },
        people: { attribute: false },
        replyTo: { attribute: false },
        editing: { attribute: false },
        isEmpty: { state: true },
        error: { state: true },
        progress: { state: true },
        found: { state: true },
        at: { state: true },
        recorder: { state: true },
        recorded_ms: { state: true },
    };

    constructor() {
        super();
        this.roomId = "";
        /** Who can be named: gives the members when it is asked. */
        this.people = /** @type {() => Person[]} */ (() => []);
        /** @type {Message | undefined} */
        this.replyTo = undefined;
        /** @type {Message | undefined} */
        this.editing = undefined;
        this.isEmpty = true;
        this.error = "";
        /** @type {number | undefined} of an upload, 0 to 1 */
        this.progress = undefined;
        /** @type {Person[]} */
        this.found = [];
        this.at = 0;
        /** @type {Recorder | undefined} */
        this.recorder = undefined;
        this.recorded_ms = 0;
        /** @type {Map<string, Person>} */
        this._named = new Map();
        this._draftTimer = 0;
        this._typedAt = 0;
    }

    get _field() {
        return /** @type {HTMLTextAreaElement | null} */ (this.querySelector("textarea"));
    }

    async firstUpdated() {
        const field = this._field;
        const draft = await draftOf(this.roomId);
        if (!field || field.value) return;
        field.value = draft;
        this._fit();
        if (!isTouch()) field.focus({ preventScroll: true });
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._keepDraft();
        this.recorder?.cancel();
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    updated(changed) {
        const field = this._field;
        if (changed.has("editing")) void this._turn(Boolean(changed.get("editing")));
        if ((changed.has("editing") && this.editing) || (changed.has("replyTo") && this.replyTo))
            field?.focus();
    }

    /** To an edit, and back to what was typed before. @param {boolean} wasEdit */
    async _turn(wasEdit) {
        const field = this._field;
        if (!field) return;
        if (this.editing && !wasEdit) void keepDraft(this.roomId, field.value);
        if (this.editing) field.value = this.editing.content.body ?? "";
        else if (wasEdit) field.value = await draftOf(this.roomId);
        this._fit();
    }

    _fit() {
        const field = this._field;
        if (!field) return;
        this.isEmpty = !field.value.trim();
        field.style.height = "auto";
        field.style.height = `${Math.min(HEIGHT_MAX, field.scrollHeight + 2)}px`;
    }

    _keepDraft() {
        clearTimeout(this._draftTimer);
        if (this.editing || !this._field) return;
        void keepDraft(this.roomId, this._field.value);
    }

    _typed() {
        this._fit();
        this._findPeople();
        clearTimeout(this._draftTimer);
        this._draftTimer = window.setTimeout(() => this._keepDraft(), DRAFT_MS);
        const now = Date.now();
        const { opened } = account();
        if (!opened || this.isEmpty || now - this._typedAt < TYPING_MS) return;
        this._typedAt = now;
        sending.tellTyping(opened.client, this.roomId, true);
    }

    // Naming people

    _findPeople() {
        const field = this._field;
        const before = field?.value.slice(0, field.selectionStart) ?? "";
        const word = /(?:^|\s)@([^\s@]{0,30})$/u.exec(before)?.[1];
        this.at = 0;
        if (word === undefined) return void (this.found = []);
        const wanted = word.toLocaleLowerCase();
        this.found = this.people()
            .filter(({ id, name }) => `${name} ${id.slice(1)}`.toLocaleLowerCase().includes(wanted))
            .slice(0, PEOPLE_SHOWN_MAX);
    }

    /** @param {Person} person */
    _name(person) {
        const field = this._field;
        if (!field) return;
        const end = field.selectionStart;
        const start = field.value.lastIndexOf("@", end - 1);
        field.setRangeText(`@${person.name} `, start, end, "end");
        this._named.set(person.id, person);
        this.found = [];
        field.focus();
        this._typed();
    }

    /** @param {KeyboardEvent} event */
    _key(event) {
        if (event.isComposing) return;
        const { found } = this;
        if (found.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
            event.preventDefault();
            const step = event.key === "ArrowDown" ? 1 : found.length - 1;
            this.at = (this.at + step) % found.length;
            return;
        }
        const person = found[this.at];
        if (person && (event.key === "Enter" || event.key === "Tab")) {
            event.preventDefault();
            return this._name(person);
        }
        if (event.key === "Escape") {
            if (found.length) this.found = [];
            else this._tell("stop");
        }
        if (event.key === "Enter" && !event.shiftKey && !isTouch()) {
            event.preventDefault();
            void this._send();
        }
    }

    /** @param {"stop" | "sent" | "replaced"} what stop: no answer to a message, and no edit, any more */
    _tell(what) {
        return this.dispatchEvent(new CustomEvent(`app-${what}`, { bubbles: true }));
    }

    // Sending

    async _send() {
        const field = this._field;
        const { opened } = account();
        const text = field?.value.trim();
        if (!field || !text || !opened) return;
        if (new TextEncoder().encode(text).length > sending.TEXT_BYTES_MAX) {
            this.error = t("This message is too long. Send it in parts, or as a file.");
            return;
        }
        const { replyTo, editing } = this;
        const fresh = sending.textContent(text, { people: [...this._named.values()], replyTo });
        const content = editing ? sending.editContent(editing, fresh) : fresh;
        field.value = "";
        this._named.clear();
        this._fit();
        this._typedAt = 0;
        if (!editing) this._tell("sent");
        this._tell("stop");
        this._sent(text, sending.send(opened.client, this.roomId, content));
        if (!editing) void keepDraft(this.roomId, "");
        sending.tellTyping(opened.client, this.roomId, false);
    }

    /** @param {string} text that comes back into the field if nothing was sent @param {Promise<void>} work */
    async _sent(text, work) {
        this.error = "";
        try {
            await work;
        } catch (error) {
            if (!(error instanceof ReplacedError)) return; // it stands in the chat as not sent
            const field = this._field;
            if (field) field.value = [text, field.value].filter(Boolean).join("\n");
            this._fit();
            this._keepDraft();
            this._isReplaced(error);
        }
    }

    /** @param {unknown} error */
    _isReplaced(error) {
        if (!(error instanceof ReplacedError)) return false;
        this.error = t(
            "Nothing was sent: somebody's keys have changed. Look at the red note above.",
        );
        return this._tell("replaced");
    }

    /** @param {Iterable<File>} files */
    async sendFiles(files) {
        this.error = "";
        const progress = (/** @type {number} */ part) => (this.progress = part);
        for (const file of files)
            await this._upload(file, (client) =>
                sending.sendFile(client, this.roomId, file, progress),
            );
    }

    /** @param {File} file @param {(client: import("../client/open.js").MatrixClient) => Promise<void>} work */
    async _upload(file, work) {
        const { opened } = account();
        if (!opened) return;
        this.progress = 0;
        this._tell("sent");
        await work(opened.client).catch((error) => this._fileFailed(file, error));
        this.progress = undefined;
    }

    /** @param {File} file @param {unknown} error */
    _fileFailed(file, error) {
        if (this._isReplaced(error)) return;
        if (file.size > FILE_BYTES_MAX || /** @type {any} */ (error)?.httpStatus === 413)
            this.error = t("“{name}” is too large ({size}). Send a smaller file.", {
                name: file.name,
                size: showSize(file.size),
            });
        else
            this.error = t(
                "“{name}” was not sent: the server can't be reached. Choose the file again.",
                { name: file.name },
            );
    }

    async _record() {
        try {
            this.recorder = await Recorder.start((ms) => (this.recorded_ms = ms));
            this.error = "";
        } catch {
            this.error = t(
                "The microphone can't be used. Allow it in the settings of your browser.",
            );
        }
    }

    async _sendVoice() {
        const { recorder } = this;
        this.recorder = undefined;
        await this._upload(new File([], t("Voice message")), async (client) => {
            if (recorder) await sending.sendVoice(client, this.roomId, await recorder.stop());
        });
    }

    _cancelVoice() {
        this.recorder?.cancel();
        this.recorder = undefined;
    }

    // Drawing

    _above() {
        const { editing, replyTo, found } = this;
        const about = editing ?? replyTo;
        return html`${
            about
                ? html`<div class="about">
                      ${icon(editing ? "edit" : "reply")}
                      <p>
                          <b>${editing ? t("Edit message") : html`<bdi>${about.name}</bdi>`}</b>
                          <span dir="auto">${lineOf(about.content)}</span>
                      </p>
                      ${tool("close", t("Cancel"), () => this._tell("stop"))}
                  </div>`
                : nothing
        }${
            found.length
                ? html`<ul class="people" role="listbox" id="people" aria-label=${t("People")}>
                      ${found.map(
                          (one, index) =>
                              html`<li
                                  role="option"
                                  id="person-${index}"
                                  aria-selected=${index === this.at ? "true" : "false"}
                                  @pointerdown=${(/** @type {Event} */ event) => {
                                      event.preventDefault();
                                      this._name(one);
                                  }}
                              >
                                  <bdi>${one.name}</bdi>
                                  <span class="small secondary-text"><bdi>${one.id}</bdi></span>
                              </li>`,
                      )}
                  </ul>`
                : nothing
        }${
            this.progress === undefined
                ? nothing
                : html`<p class="small uploading" role="status">
                      ${t("Sending the file…")}
                      <progress
                          max="1"
                          value=${this.progress}
                          aria-label=${t("Sending the file…")}
                      ></progress>
                  </p>`
        }${this.error ? html`<p class="error-text small" role="alert">${this.error}</p>` : nothing}`;
    }

    _recording() {
        return html`<div class="composer-row recording">
            ${tool("remove", t("Discard the recording"), () => this._cancelVoice())}
            <p role="status">
                <span class="dot"></span> ${t("Recording")} ${showLength(this.recorded_ms)}
            </p>
            ${tool("send", t("Send"), () => this._sendVoice(), { kind: "send" })}
        </div>`;
    }

    render() {
        if (this.recorder) return this._recording();
        return html`${this._above()}
            <form
                class="composer-row"
                @submit=${(/** @type {Event} */ event) => {
                    event.preventDefault();
                    void this._send();
                }}
            >
                <label class="tool" title=${t("Attach files")}>
                    ${icon("attach")}<span class="hidden-text">${t("Attach files")}</span>
                    <input
                        type="file"
                        multiple
                        class="hidden-text"
                        @change=${(/** @type {Event} */ event) => {
                            const input = /** @type {HTMLInputElement} */ (event.target);
                            void this.sendFiles([...(input.files ?? [])]);
                            input.value = "";
                        }}
                    />
                </label>
                <textarea
                    rows="1"
                    dir="auto"
                    aria-label=${t("Message")}
                    placeholder=${t("Message")}
                    aria-controls=${this.found.length ? "people" : nothing}
                    aria-activedescendant=${this.found.length ? `person-${this.at}` : nothing}
                    @input=${() => this._typed()}
                    @keydown=${this._key}
                    @paste=${(/** @type {ClipboardEvent} */ event) => {
                        const files = [...(event.clipboardData?.files ?? [])];
                        if (!files.length) return;
                        event.preventDefault();
                        void this.sendFiles(files);
                    }}
                ></textarea>
                ${
                    this.isEmpty && Recorder.isThere && !this.editing
                        ? tool("voice", t("Record a voice message"), () => this._record())
                        : tool("send", t("Send"), () => {}, { kind: "send", type: "submit" })
                }
            </form>`;
    }
}
customElements.define("app-composer", AppComposer);
