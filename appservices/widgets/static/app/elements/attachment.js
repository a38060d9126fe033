/** A picture, file, sound or film of a message: fetched when it is seen or pressed. */
import { html, nothing } from "lit";
import { BusyElement } from "../../kit/elements.js";
import { bare, showSize, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { save } from "../../kit/save.js";
import { account } from "../account/account.js";
import { PICTURE_BYTES_MAX, fileAddress, fileOf, pictureAddress } from "../client/media.js";

const WIDTH_MAX = 320;
const HEIGHT_MAX = 360;

export class AppAttachment extends BusyElement {
    static properties = {
        content: { attribute: false },
        source: { state: true },
        isBroken: { state: true },
        isLarge: { state: true },
    };

    constructor() {
        super();
        /** @type {Record<string, any>} */
        this.content = {};
        this.source = "";
        this.isBroken = false;
        this.isLarge = false;
    }

    get _type() {
        return this.content.info?.mimetype ?? "";
    }

    get _isPicture() {
        const { msgtype, info } = this.content;
        const isPicture = msgtype === "m.image" || msgtype === undefined; // stickers have none
        return isPicture && !(Number(info?.size) > PICTURE_BYTES_MAX);
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        const before = /** @type {Record<string, any> | undefined} */ (changed.get("content"));
        const address = this.content.file?.url ?? this.content.url;
        if (!changed.has("content") || (before && (before.file?.url ?? before.url) === address))
            return;
        Object.assign(this, { source: "", isBroken: false });
        if (this._isPicture) void this._load((client) => pictureAddress(client, this.content));
    }

    /** @param {(client: import("../client/open.js").MatrixClient) => Promise<unknown>} work */
    _do(work) {
        const { opened } = account();
        this.isBroken = false;
        return this.doOne(
            async () => opened && work(opened.client),
            () => ((this.isBroken = true), ""),
        );
    }

    /** @param {(client: import("../client/open.js").MatrixClient) => Promise<string>} load */
    _load(load) {
        return this._do(async (client) => (this.source = await load(client)));
    }

    _save() {
        return this._do(async (client) =>
            save(await fileOf(client, this.content, this._type), this._name),
        );
    }

    get _name() {
        const { filename, body } = this.content;
        return bare(String(filename ?? body ?? t("File"))).slice(0, 200);
    }

    get _caption() {
        const { filename, body } = this.content;
        return filename && body && filename !== body ? body : "";
    }

    async _enlarge() {
        this.isLarge = true;
        await this._load((client) => fileAddress(client, this.content, this._type));
        await this.updateComplete;
        /** @type {HTMLDialogElement | null} */ (this.querySelector("dialog"))?.showModal();
    }

    _broken() {
        return html`<p class="text muted with-mark">
                ${icon("error")}<span
                    >${t("This file can't be opened. It is damaged or no longer there.")}</span
                >
            </p>
            ${this._file()}`;
    }

    _picture() {
        const { w, h } = this.content.info ?? {};
        const width = sideOf(w);
        const height = sideOf(h);
        const scale = Math.min(1, WIDTH_MAX / width, HEIGHT_MAX / height);
        const words = this._caption || this._name;
        if (!this.source)
            return html`<svg
                class="picture waiting"
                role="img"
                aria-label=${t("Loading the photo…")}
                width=${Math.round(width * scale)}
                height=${Math.round(height * scale)}
            ></svg>`;
        return html`<button type="button" class="picture-button" @click=${() => this._enlarge()}>
                <img
                    class="picture"
                    src=${this.source}
                    alt=${t("Photo: {name}", { name: words })}
                    width=${Math.round(width * scale)}
                    height=${Math.round(height * scale)}
                    @error=${() => (this.isBroken = true)}
                />
            </button>
            ${this._caption ? html`<p class="text" dir="auto">${this._caption}</p>` : nothing}
            ${this.isLarge ? this._large(words) : nothing}`;
    }

    /** @param {string} words */
    _large(words) {
        return html`<dialog
            class="large-picture"
            aria-label=${words}
            @click=${(/** @type {Event} */ event) =>
                /** @type {HTMLDialogElement} */ (event.currentTarget).close()}
            @close=${() => (this.isLarge = false)}
        >
            <img src=${this.source} alt=${words} />
            <p class="actions">
                <button
                    type="button"
                    class="button secondary"
                    @click=${(/** @type {Event} */ event) => {
                        event.stopPropagation();
                        void this._save();
                    }}
                >
                    ${icon("download")} ${t("Save")}
                </button>
                <button type="button" class="button primary">${t("Close")}</button>
            </p>
        </dialog>`;
    }

    _file() {
        const size = Number(this.content.info?.size);
        return html`<button
            type="button"
            class="file"
            aria-busy=${this.isBusy ? "true" : "false"}
            @click=${() => this._save()}
        >
            ${icon("document")}
            <span class="file-name"
                ><bdi>${this._name}</bdi>
                <span class="small secondary-text"
                    >${size > 0 ? showSize(size) : nothing}
                    ${this.isBusy ? t("Loading…") : nothing}</span
                ></span
            >
            ${icon("download")}<span class="hidden-text">${t("Save")}</span>
        </button>`;
    }

    _sound() {
        const isVoice = Boolean(this.content["org.matrix.msc3245.voice"]);
        const duration = Number(this.content.info?.duration);
        const label = isVoice ? t("Voice message") : this._name;
        if (this.source)
            return html`<audio controls autoplay src=${this.source} aria-label=${label}></audio>`;
        return html`<button
            type="button"
            class="file"
            aria-busy=${this.isBusy ? "true" : "false"}
            @click=${() => this._load((client) => fileAddress(client, this.content, this._type))}
        >
            <span class="play">${icon("play")}</span>
            <span class="file-name"
                ><bdi>${label}</bdi>
                <span class="small secondary-text"
                    >${duration > 0 ? showLength(duration) : nothing}</span
                >
            </span>
        </button>`;
    }

    render() {
        if (this.isBroken) return this._broken();
        if (this._isPicture) return this._picture();
        if (this.content.msgtype === "m.audio") return this._sound();
        const caption = this._caption;
        return html`${this._file()}
        ${caption ? html`<p class="text" dir="auto">${caption}</p>` : nothing}`;
    }
}
customElements.define("app-attachment", AppAttachment);

/** @param {unknown} side as a message says it, which may be anything @returns {number} */
function sideOf(side) {
    const pixels = Number(side);
    return pixels >= 1 && pixels < Infinity ? pixels : WIDTH_MAX;
}

/** @param {number} ms @returns {string} "1:05" */
export function showLength(ms) {
    const seconds = Math.round(ms / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
