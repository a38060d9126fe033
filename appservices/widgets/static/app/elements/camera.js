/** Finds a QR code by the camera or in a picture; tells `app-scanned` with its text. */
import { html, nothing } from "lit";
import { VecheElement, banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { byteDetector, detector } from "../../wallet/detecting.js";

const LOOK_MS = 150;

export class AppCamera extends VecheElement {
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
        this._timer = 0;
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._stop();
    }

    _stop() {
        clearTimeout(this._timer);
        for (const track of this._stream?.getTracks() ?? []) track.stop();
        this._stream = undefined;
        this.isFilming = false;
    }

    /** @param {string} text */
    _found(text) {
        this._stop();
        this.dispatchEvent(new CustomEvent("app-scanned", { detail: text, bubbles: true }));
    }

    _detector() {
        return this.isOfBytes ? byteDetector() : detector();
    }

    async _film() {
        this.problem = "";
        try {
            const video = { facingMode: "environment" };
            this._stream = await navigator.mediaDevices.getUserMedia({ video });
        } catch {
            this.problem = t(
                "The camera can't be used. Allow it in your browser, or choose a picture.",
            );
            return;
        }
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
                "There is no QR code in this picture. Take it closer and straight on.",
            );
        } catch {
            this.problem = t("This picture can't be opened. Choose another one.");
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
            ${this.problem ? banner("critical", this.problem) : nothing}
            <div class="actions">
                ${
                    this.isFilming
                        ? button({
                              label: t("Switch the camera off"),
                              style: "secondary",
                              press: () => this._stop(),
                          })
                        : button({
                              label: html`${icon("scan")} ${t("Scan a QR code")}`,
                              style: "secondary",
                              press: () => void this._film(),
                          })
                }
                <label class="button secondary file-button"
                    >${icon("document")} ${t("Choose a picture")}
                    <input
                        type="file"
                        class="hidden-text"
                        accept="image/*"
                        @change=${this._picture}
                /></label>
            </div>`;
    }
}
customElements.define("app-camera", AppCamera);
