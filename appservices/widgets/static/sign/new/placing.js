/**
 * One page of a document with a box on it that is moved by pointer or arrow keys. Tells `veche-placed`
 * with how far it is from the page's left bottom corner, in points.
 */
import { html } from "lit";
import { VecheElement, banner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { BOX_HEIGHT, BOX_WIDTH } from "../../pdf/boxes.js";
import { drawPage, openPdf } from "../../pdf/viewer.js";

const STEP = 5;
/** @type {Record<string, [number, number]>} */
const KEYS = {
    ArrowLeft: [-STEP, 0],
    ArrowRight: [STEP, 0],
    ArrowUp: [0, STEP],
    ArrowDown: [0, -STEP],
};

export class VechePlacing extends VecheElement {
    static properties = {
        bytes: { attribute: false },
        page: { attribute: false },
        size: { attribute: false },
        at: { attribute: false },
        name: { attribute: false },
        isFailed: { state: true },
    };

    constructor() {
        super();
        /** @type {Uint8Array<ArrayBuffer> | undefined} */
        this.bytes = undefined;
        this.page = 1;
        /** @type {import("../../pdf/boxes.js").PageSize | undefined} */
        this.size = undefined;
        /** @type {[number, number]} */
        this.at = [0, 0];
        this.name = "";
        this.isFailed = false;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    updated(changed) {
        this._lay();
        if (changed.has("bytes") || changed.has("page")) void this._draw();
    }

    async _draw() {
        const canvas = this.querySelector("canvas");
        if (!this.bytes || !canvas || !this.size) return;
        // The policy forbids styles in the markup.
        canvas.style.aspectRatio = String(this.size.width / this.size.height);
        const { pdf, close } = await openPdf(this.bytes).catch(() => ({
            pdf: undefined,
            close: () => {},
        }));
        try {
            if (pdf) await drawPage(pdf, this.page, canvas, canvas.clientWidth);
            this.isFailed = !pdf;
        } catch {
            this.isFailed = true;
        } finally {
            close();
        }
    }

    /** Puts the box where it is, in shares of the page. */
    _lay() {
        const box = this.querySelector("button");
        const { size, at } = this;
        if (!box || !size) return;
        box.style.left = `${(at[0] / size.width) * 100}%`;
        box.style.bottom = `${(at[1] / size.height) * 100}%`;
        box.style.width = `${(BOX_WIDTH / size.width) * 100}%`;
        box.style.height = `${(BOX_HEIGHT / size.height) * 100}%`;
    }

    /** @param {number} across @param {number} up in points */
    _put(across, up) {
        const { size } = this;
        if (!size) return;
        this.at = [within(across, size.width - BOX_WIDTH), within(up, size.height - BOX_HEIGHT)];
        this.dispatchEvent(new CustomEvent("veche-placed", { detail: this.at, bubbles: true }));
    }

    /** @param {PointerEvent} event */
    _drag(event) {
        const box = /** @type {HTMLElement} */ (event.currentTarget);
        const sheet = box.parentElement?.getBoundingClientRect();
        const { size, at } = this;
        if (!sheet || !size) return;
        box.setPointerCapture(event.pointerId);
        const scale = size.width / sheet.width;
        const [x, y] = [event.clientX, event.clientY];
        const moved = (/** @type {PointerEvent} */ to) =>
            this._put(at[0] + (to.clientX - x) * scale, at[1] - (to.clientY - y) * scale);
        const stop = new AbortController();
        box.addEventListener("pointermove", moved, { signal: stop.signal });
        for (const end of ["pointerup", "pointercancel"])
            box.addEventListener(end, () => stop.abort(), { signal: stop.signal });
    }

    /** @param {KeyboardEvent} event */
    _key(event) {
        const step = KEYS[event.key];
        if (!step) return;
        event.preventDefault();
        this._put(this.at[0] + step[0], this.at[1] + step[1]);
    }

    render() {
        if (this.isFailed) return banner("critical", html`<p>${t("The page can't be shown.")}</p>`);
        return html`<div class="placing">
            <canvas aria-hidden="true"></canvas>
            <button
                type="button"
                class="placed-box"
                aria-label=${t("Box of {name}: move it with the arrow keys", { name: this.name })}
                @pointerdown=${this._drag}
                @keydown=${this._key}
            >
                <bdi>${this.name}</bdi>
            </button>
        </div>`;
    }
}
customElements.define("veche-placing", VechePlacing);

/** @param {number} one @param {number} most @returns {number} */
function within(one, most) {
    return Math.round(Math.min(Math.max(one, 0), Math.max(0, most)));
}
