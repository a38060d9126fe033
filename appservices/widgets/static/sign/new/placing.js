/**
 * One page of a document with a box on it that is moved by pointer or arrow keys, or to where the
 * page is tapped, and made larger by its lower right corner; the boxes of others on it stay where
 * they are. Tells `veche-placed` with its area on the page as it is shown.
 */
import { html } from "lit";
import { VecheElement, banner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { BOX_HEIGHT, BOX_WIDTH, HEIGHTS, WIDTHS } from "../../pdf/boxes.js";
import { drawPage, openPdf } from "../../pdf/viewer.js";

const STEP = 5;
/** From its lower right corner a box is made larger, in CSS pixels. */
const HANDLE = 14;
/** @type {Record<string, [number, number]>} */
const KEYS = {
    ArrowLeft: [-STEP, 0],
    ArrowRight: [STEP, 0],
    ArrowUp: [0, -STEP],
    ArrowDown: [0, STEP],
};

export class VechePlacing extends VecheElement {
    static properties = {
        bytes: { attribute: false },
        page: { attribute: false },
        shown: { attribute: false },
        area: { attribute: false },
        name: { attribute: false },
        others: { attribute: false },
        isFailed: { state: true },
    };

    constructor() {
        super();
        /** @type {Uint8Array<ArrayBuffer> | undefined} */
        this.bytes = undefined;
        this.page = 1;
        /** @type {[number, number]} width and height of the page, in points */
        this.shown = [1, 1];
        /** @type {import("../../pdf/boxes.js").Area} */
        this.area = { x: 0, y: 0, width: BOX_WIDTH, height: BOX_HEIGHT };
        this.name = "";
        /** @type {{name: string, area: import("../../pdf/boxes.js").Area}[]} */
        this.others = [];
        this.isFailed = false;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    updated(changed) {
        this._lay();
        if (changed.has("bytes") || changed.has("page")) void this._draw();
    }

    async _draw() {
        const canvas = this.querySelector("canvas");
        if (!this.bytes || !canvas) return;
        // The policy forbids styles in the markup.
        canvas.style.aspectRatio = String(this.shown[0] / this.shown[1]);
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

    /** Puts the boxes where they are, in shares of the page. */
    _lay() {
        const box = this.querySelector("button");
        if (box) this._layOne(box, this.area);
        const others = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll(".other-box"));
        for (const [at, one] of others.entries())
            this._layOne(one, this.others[at]?.area ?? this.area);
    }

    /** @param {HTMLElement} box @param {import("../../pdf/boxes.js").Area} area */
    _layOne(box, area) {
        const [wide, high] = this.shown;
        box.style.left = `${(area.x / wide) * 100}%`;
        box.style.top = `${(area.y / high) * 100}%`;
        box.style.width = `${(area.width / wide) * 100}%`;
        box.style.height = `${(area.height / high) * 100}%`;
    }

    /** The middle of the box comes to where the page is tapped. @param {MouseEvent} event */
    _tap(event) {
        const canvas = /** @type {HTMLElement} */ (event.currentTarget);
        const sheet = canvas.getBoundingClientRect();
        const scale = this.shown[0] / sheet.width;
        const { width, height } = this.area;
        this._put(
            (event.clientX - sheet.left) * scale - width / 2,
            (event.clientY - sheet.top) * scale - height / 2,
        );
    }

    /** @param {number} x @param {number} y in points */
    _put(x, y) {
        const [wide, high] = this.shown;
        const { width, height } = this.area;
        this._tell({ ...this.area, x: within(x, 0, wide - width), y: within(y, 0, high - height) });
    }

    /** @param {number} width @param {number} height in points */
    _size(width, height) {
        const { x, y } = this.area;
        const [wide, high] = [this.shown[0] - x, this.shown[1] - y];
        this._tell({
            ...this.area,
            width: within(width, WIDTHS[0], Math.min(WIDTHS[1], wide)),
            height: within(height, HEIGHTS[0], Math.min(HEIGHTS[1], high)),
        });
    }

    /** @param {import("../../pdf/boxes.js").Area} area */
    _tell(area) {
        this.area = area;
        this.dispatchEvent(new CustomEvent("veche-placed", { detail: area, bubbles: true }));
    }

    /** @param {PointerEvent} event */
    _drag(event) {
        const box = /** @type {HTMLElement} */ (event.currentTarget);
        const sheet = box.parentElement?.getBoundingClientRect();
        if (!sheet) return;
        box.setPointerCapture(event.pointerId);
        const scale = this.shown[0] / sheet.width;
        const edge = box.getBoundingClientRect();
        const [x, y, from] = [event.clientX, event.clientY, this.area];
        const isCorner = edge.right - x < HANDLE && edge.bottom - y < HANDLE;
        const moved = (/** @type {PointerEvent} */ to) => {
            const [across, down] = [(to.clientX - x) * scale, (to.clientY - y) * scale];
            if (isCorner) this._size(from.width + across, from.height + down);
            else this._put(from.x + across, from.y + down);
        };
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
        const { x, y, width, height } = this.area;
        if (event.shiftKey) this._size(width + step[0], height + step[1]);
        else this._put(x + step[0], y + step[1]);
    }

    render() {
        if (this.isFailed) return banner("critical", html`<p>${t("The page can't be shown.")}</p>`);
        return html`<div class="placing">
            <canvas aria-hidden="true" @click=${this._tap}></canvas>
            ${this.others.map((one) => html`<div class="other-box"><bdi>${one.name}</bdi></div>`)}
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

/** @param {number} one @param {number} least @param {number} most @returns {number} whole */
function within(one, least, most) {
    return Math.max(least, Math.floor(Math.min(Math.max(Math.round(one), least), most)));
}
