/**
 * Finds a QR code by the camera or in a picture; tells `veche-scanned` with its text. Where the
 * browser has a detector of its own, that one; else a library that is loaded only then.
 */
import { html, nothing } from "lit";
import { byteDetector, detector } from "./detecting.js";
import { VecheElement, banner, button } from "./elements.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

const LOOK_MS = 150;

export class VecheCamera extends VecheElement {
    /** @type {import("lit").PropertyDeclarations} */
    static properties = {
        isOfBytes: { attribute: false },
        isFilming: { state: true },
        problem: { state: true },
    };

    constructor() {
        super();
        /** The code holds bytes and no text. */
        this.isOfBytes = false;
        this.isFilming = false;
        this.problem = "";
        /** @type {MediaStream | undefined} */
        this._stream = undefined;
        /** The person is being asked whether the camera may be used. */
        this._isAsking = false;
        this._timer = 0;
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._stop();
    }

    /** @param {string} _text of a code @returns {string} why it is not taken, or empty */
    problemOf(_text) {
        return "";
    }

    /** What is said where there is no camera. */
    get noCamera() {
        return t("There is no camera, or it is not allowed here. Choose a picture.");
    }

    /** @param {string} text */
    _found(text) {
        this._stop();
        this.problem = this.problemOf(text);
        if (this.problem) return;
        this.dispatchEvent(new CustomEvent("veche-scanned", { detail: text, bubbles: true }));
    }

    _stop() {
        clearTimeout(this._timer);
        for (const track of this._stream?.getTracks() ?? []) track.stop();
        this._stream = undefined;
        this.isFilming = false;
    }

    _detector() {
        return this.isOfBytes ? byteDetector() : detector();
    }

    async _film() {
        if (this._isAsking) return;
        this._isAsking = true;
        this.problem = "";
        try {
            const video = { facingMode: "environment" };
            this._stream = await navigator.mediaDevices.getUserMedia({ video });
        } catch {
            this.problem = this.noCamera;
            return;
        } finally {
            this._isAsking = false;
        }
        // Whoever is asked may go away first: then nothing here would ever switch it off.
        if (!this.isConnected) return this._stop();
        this.isFilming = true;
        await this.updateComplete;
        const film = this.querySelector("video");
        if (!film) return;
        film.srcObject = this._stream;
        await film.play().catch(() => {});
        const detect = await this._detector();
        const look = async () => {
            if (!this.isFilming) return;
            const text = film.readyState >= film.HAVE_CURRENT_DATA ? await detect(film) : "";
            if (text) this._found(text);
            else this._timer = window.setTimeout(() => void look(), LOOK_MS);
        };
        void look();
    }

    /** @param {Event} event */
    async _picture({ target }) {
        const input = /** @type {HTMLInputElement} */ (target);
        const file = input.files?.[0];
        if (!file) return;
        this.problem = "";
        try {
            const picture = await createImageBitmap(file);
            const text = await (await this._detector())(picture);
            picture.close();
            if (text) return this._found(text);
            this.problem = t(
                "No code was found in this picture. Take it closer, and straight from above.",
            );
        } catch {
            this.problem = t("This picture can't be read.");
        } finally {
            input.value = "";
        }
    }

    render() {
        return html`${
                this.isFilming
                    ? html`<div class="film">
                          <video playsinline muted aria-label=${t("What the camera sees")}></video>
                      </div>`
                    : nothing
            }
            ${this.problem ? banner("critical", html`<p>${this.problem}</p>`) : nothing}
            <div class="actions">
                ${
                    this.isFilming
                        ? button({
                              label: t("Switch the camera off"),
                              style: "secondary",
                              press: () => this._stop(),
                          })
                        : button({
                              label: html`${icon("scan")}<span>${t("Scan with the camera")}</span>`,
                              style: "secondary",
                              press: () => void this._film(),
                          })
                }
                <label class="button secondary file-button"
                    >${icon("file")}<span>${t("Choose a picture")}</span
                    ><input
                        type="file"
                        class="hidden-text"
                        accept="image/*"
                        @change=${this._picture}
                /></label>
            </div>`;
    }
}
customElements.define("veche-camera", VecheCamera);
