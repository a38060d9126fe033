/**
 * Reads a payment code: with the camera, from a picture, or pasted. Where the browser has a detector
 * of its own, that one; else a library that is loaded only then. What was read goes to the service,
 * which says what it asks for. It tells `veche-scanned` with the text.
 */
import { html, nothing } from "lit";
import { VecheElement, banner, button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { detector } from "../detecting.js";

/** What no text may hold that is sent: what a picture with other data is read as. */
const NEVER = /[\0\p{Cs}]/u;
const LOOK_MS = 150;
const TEXT_CHARACTERS_MAX = 5000;

export class VecheScanner extends VecheElement {
    static properties = {
        isBusy: { attribute: false },
        isFilming: { state: true },
        problem: { state: true },
    };

    constructor() {
        super();
        /** What was scanned is being read. */
        this.isBusy = false;
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

    /** @param {string} text */
    _found(text) {
        this._stop();
        this.problem = NEVER.test(text)
            ? t("This is no payment code of a kind that is known here.")
            : "";
        if (this.problem) return;
        this.dispatchEvent(new CustomEvent("veche-scanned", { detail: text, bubbles: true }));
    }

    _stop() {
        clearTimeout(this._timer);
        for (const track of this._stream?.getTracks() ?? []) track.stop();
        this._stream = undefined;
        this.isFilming = false;
    }

    async _film() {
        if (this._isAsking) return;
        this._isAsking = true;
        this.problem = "";
        try {
            const video = { facingMode: "environment" };
            this._stream = await navigator.mediaDevices.getUserMedia({ video });
        } catch {
            this.problem = t(
                "There is no camera, or it is not allowed here. Choose a picture, or paste the code.",
            );
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
        const detect = await detector();
        const look = async () => {
            if (!this.isFilming) return;
            const text = film.readyState >= film.HAVE_CURRENT_DATA ? await detect(film) : "";
            if (text) this._found(text);
            else this._timer = setTimeout(() => void look(), LOOK_MS);
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
            const text = await (await detector())(picture);
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

    /** @param {SubmitEvent} event */
    _pasted(event) {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const text = String(new FormData(form).get("code") ?? "").trim();
        if (text) this._found(text);
        else this.problem = t("Paste the link or the text of the code.");
    }

    render() {
        return html`<div class="scanner">
            ${
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
            </div>
            <form novalidate @submit=${this._pasted}>
                ${field({
                    id: "code",
                    label: t("Or paste a link or a code"),
                    help: t("Links of ours, GiroCode (EPC), EMVCo and Pix, GOST R 56042"),
                    control: ({ id, describedby, invalid }) =>
                        html`<textarea
                            id=${id}
                            name="code"
                            class="code-text"
                            rows="3"
                            maxlength=${TEXT_CHARACTERS_MAX}
                            spellcheck="false"
                            autocomplete="off"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        ></textarea>`,
                })}
                ${button({
                    label: t("Read it"),
                    type: "submit",
                    style: "secondary",
                    is_busy: this.isBusy,
                })}
            </form>
        </div>`;
    }
}
customElements.define("veche-scanner", VecheScanner);
