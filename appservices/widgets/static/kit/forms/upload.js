/**
 * A file or a photo that answers a question: chosen or taken, looked at, and sent at once. What the
 * service finds wrong is told here; the form around it stays as it is.
 *
 * @typedef {{key: string, signal: AbortSignal, progressed: (part: number) => void}} Sending
 * @typedef {(file: File, how: Sending) => Promise<void> | undefined} Send rejects if it is not taken
 */
import { html, nothing } from "lit";
import { ApiError, newKey } from "../api.js";
import { VecheElement } from "../elements.js";
import { t } from "../i18n.js";
import { icon } from "../icons.js";

// As in appservices/agency/pages/routes/cases.py; the chat takes more.
const BYTES_MAX = 20 * 1024 * 1024;
const MB = 1024 * 1024;
const PHOTOS = ["jpeg", "png", "webp", "heic", "heif", "avif"].map((kind) => `image/${kind}`);

class VecheUpload extends VecheElement {
    static properties = {
        field: { attribute: false },
        inputId: { attribute: false },
        describedBy: { attribute: false },
        name: { attribute: false },
        send: { attribute: false },
        progress: { state: true },
        sent: { state: true },
        problem: { state: true },
    };

    constructor() {
        super();
        this.field = /** @type {import("./kinds.js").Field} */ ({
            id: "",
            kind: "file",
            label: "",
        });
        this.inputId = "";
        this.describedBy = "";
        /** Of the file that is there. */
        this.name = "";
        this.send = /** @type {Send | undefined} */ (undefined);
        /** How much of a file has gone, 0 to 1; undefined: none is being sent. */
        this.progress = /** @type {number | undefined} */ (undefined);
        this.sent = "";
        this.problem = "";
        this._stop = new AbortController();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._stop.abort();
    }

    get _kinds() {
        return this.field.mimetypes ?? (this.field.kind === "photo" ? PHOTOS : []);
    }

    /** @param {File} file @returns {string} what can be seen before it is sent; "": nothing */
    _wrong({ size, type }) {
        const most = Math.min(this.field.bytes_max ?? BYTES_MAX, BYTES_MAX);
        if (size > most)
            return t("This file is too large. The most is {max} MB.", {
                max: Math.max(1, Math.floor(most / MB)),
            });
        const family = [type.split("/")[0], "*"].join("/");
        if (
            !type ||
            !this._kinds.length ||
            this._kinds.some((one) => one === type || one === family)
        )
            return "";
        return t("This kind of file can't be used here. Please send one of: {types}.", {
            types: this._kinds.join(", "),
        });
    }

    /** @param {Event} event */
    async _chosen({ target }) {
        const input = /** @type {HTMLInputElement} */ (target);
        const file = input.files?.[0];
        input.value = "";
        if (!file || !this.send || this.progress !== undefined) return;
        this.problem = this._wrong(file);
        if (this.problem) return;
        this.progress = 0;
        this._stop = new AbortController();
        const { signal } = this._stop;
        try {
            const progressed = (/** @type {number} */ part) => (this.progress = part);
            await this.send(file, { key: newKey(), signal, progressed });
            this.sent = file.name;
        } catch (error) {
            if (!signal.aborted) this.problem = wordsOf(error);
        } finally {
            this.progress = undefined;
        }
    }

    /** @param {string} label @param {{isCamera?: boolean, id?: string}} [how] */
    _choice(label, { isCamera = false, id } = {}) {
        return html`<label class="button secondary file-button ${isCamera ? "by-touch" : ""}"
            >${icon(isCamera ? "scan" : "file")}<span>${label}</span
            ><input
                id=${id ?? nothing}
                class="hidden-text"
                type="file"
                accept=${this._kinds.join(",") || nothing}
                capture=${isCamera ? "environment" : nothing}
                aria-describedby=${this.describedBy || nothing}
                @change=${this._chosen}
        /></label>`;
    }

    render() {
        const isPhoto = this.field.kind === "photo";
        const name = this.name || this.sent;
        const isSending = this.progress !== undefined;
        return html`<p role="status" class="note">
                ${isSending ? t("Sending…") : name ? html`${t("Sent:")} <strong><bdi>${name}</bdi></strong>` : t("It is encrypted before it is stored.")}
            </p>
            ${
                isSending
                    ? html`<p class="actions">
                          <progress
                              max="1"
                              value=${this.progress ?? 0}
                              aria-label=${t("Sending…")}
                          ></progress>
                          <button
                              type="button"
                              class="button secondary"
                              @click=${() => this._stop.abort()}
                          >
                              ${t("Stop")}
                          </button>
                      </p>`
                    : html`<p class="actions">
                          ${isPhoto ? this._choice(t("Take a photo"), { isCamera: true }) : nothing}
                          ${this._choice(isPhoto ? t("Choose a photo") : t("Choose a file"), { id: this.inputId })}
                      </p>`
            }
            ${this.problem ? html`<p role="alert" class="error">${icon("error")}<span>${this.problem}</span></p>` : nothing}`;
    }
}
customElements.define("veche-upload", VecheUpload);

/** @param {unknown} error @returns {string} why a file was not taken, and what to do */
function wordsOf(error) {
    if (error instanceof ApiError) return error.body.errors?.[0]?.error ?? error.message;
    return t("The file was not sent: the service can't be reached. Choose it again.");
}
