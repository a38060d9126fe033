/**
 * A sheet to write one's name on, with a finger, a pen or a mouse, or by the arrow keys. What is
 * written is lines in whole numbers; tells `veche-written` with them after every stroke.
 *
 * @typedef {number[][]} Strokes each is x, y, x, y and so on, as `handwriting.Drawing` has it
 */
import { html, nothing, svg } from "lit";
import { VecheElement, button } from "../kit/elements.js";
import { plural, t } from "../kit/i18n.js";

export const WIDTH = 1000;
export const HEIGHT = 300;
const STROKES_MAX = 100;
const POINTS_MAX = 3000;
const LENGTH_MIN = 150;
/** Points that lie closer together tell nothing more. */
const NEAR = 4;
const STEP = 20;
/** @type {Map<string, [number, number]>} */
const MOVES = new Map([
    ["ArrowLeft", [-STEP, 0]],
    ["ArrowRight", [STEP, 0]],
    ["ArrowUp", [0, -STEP]],
    ["ArrowDown", [0, STEP]],
]);

/** @param {number[]} stroke @returns {string} as a path of SVG */
function pathOf(stroke) {
    const [x, y, ...others] = stroke;
    // A point alone is drawn by a line to itself, whose ends are round.
    const rest = others.length > 0 ? others : [x, y];
    const lines = [];
    for (let at = 0; at < rest.length; at += 2) lines.push(`L${rest[at]} ${rest[at + 1]}`);
    return `M${x} ${y}${lines.join("")}`;
}

/** @param {Strokes} strokes @returns {boolean} whether more than a slip of the hand was written */
export function isWritten(strokes) {
    let length = 0;
    for (const one of strokes)
        for (let at = 2; at < one.length; at += 2)
            length += Math.hypot(
                Number(one[at]) - Number(one[at - 2]),
                Number(one[at + 1]) - Number(one[at - 1]),
            );
    return Math.floor(length) >= LENGTH_MIN;
}

/** @param {Strokes} strokes @param {string} label @returns what was written, to be looked at */
export function drawn(strokes, label) {
    return html`<svg
        class="handwriting"
        viewBox="0 0 ${WIDTH} ${HEIGHT}"
        role="img"
        aria-label=${label}
    >
        ${lines(strokes)}
    </svg>`;
}

/** @param {Strokes} strokes */
function lines(strokes) {
    return svg`${strokes.map((one) => svg`<path d=${pathOf(one)}></path>`)}`;
}

export class VechePen extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        label: { attribute: false },
        isOff: { attribute: false },
        strokes: { state: true },
        cursor: { state: true },
        isDown: { state: true },
    });

    constructor() {
        super();
        this.label = "";
        this.isOff = false;
        /** @type {Strokes} */
        this.strokes = [];
        /** @type {[number, number] | undefined} of the arrow keys; none: they were not used */
        this.cursor = undefined;
        /** Whether the arrow keys draw. */
        this.isDown = false;
        /** @type {number | undefined} the finger or pen that writes: one at a time */
        this._pointer = undefined;
    }

    /** @param {PointerEvent} event @returns {[number, number]} where it is on the sheet */
    _at({ clientX, clientY, currentTarget }) {
        const { left, top, width, height } = /** @type {Element} */ (
            currentTarget
        ).getBoundingClientRect();
        return [
            Math.round(Math.min(1, Math.max(0, (clientX - left) / width)) * WIDTH),
            Math.round(Math.min(1, Math.max(0, (clientY - top) / height)) * HEIGHT),
        ];
    }

    get _isFull() {
        const points = this.strokes.reduce((sum, one) => sum + one.length / 2, 0);
        return points >= POINTS_MAX;
    }

    /** @param {[number, number]} point */
    _begin(point) {
        if (this.isOff || this._isFull || this.strokes.length >= STROKES_MAX) return false;
        this.strokes = [...this.strokes, [...point]];
        return true;
    }

    /** @param {[number, number]} point */
    _go([x, y]) {
        const last = this.strokes.at(-1);
        if (!last || this._isFull) return;
        const [beforeX = 0, beforeY = 0] = last.slice(-2);
        if (Math.hypot(x - beforeX, y - beforeY) < NEAR) return;
        this.strokes = [...this.strokes.slice(0, -1), [...last, x, y]];
    }

    _tell() {
        const { strokes } = this;
        this.dispatchEvent(new CustomEvent("veche-written", { detail: { strokes } }));
    }

    /** @param {PointerEvent} event */
    _down(event) {
        if (this._pointer !== undefined || event.button > 0) return;
        if (!this._begin(this._at(event))) return;
        this._pointer = event.pointerId;
        /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
        event.preventDefault();
    }

    /** @param {PointerEvent} event */
    _move(event) {
        if (event.pointerId === this._pointer) this._go(this._at(event));
    }

    /** @param {PointerEvent} event */
    _up(event) {
        if (event.pointerId !== this._pointer) return;
        this._pointer = undefined;
        this._tell();
    }

    /** @param {KeyboardEvent} event the arrow keys move, the space bar puts the pen down and lifts it */
    _key(event) {
        const move = MOVES.get(event.key);
        if (this.isOff || (!move && event.key !== " ")) return;
        event.preventDefault();
        const [x, y] = this.cursor ?? [STEP, HEIGHT / 2];
        if (!move) {
            const wasDown = this.isDown;
            this.cursor = [x, y];
            this.isDown = !wasDown && this._begin([x, y]);
            if (wasDown) this._tell();
            return;
        }
        this.cursor = [
            Math.min(WIDTH, Math.max(0, x + move[0])),
            Math.min(HEIGHT, Math.max(0, y + move[1])),
        ];
        if (this.isDown) this._go(this.cursor);
    }

    /** Lifts the pen of the arrow keys when somebody goes elsewhere. */
    _leave() {
        if (this.isDown) this._tell();
        this.isDown = false;
    }

    _clear() {
        Object.assign(this, { strokes: [], cursor: undefined, isDown: false });
        this._pointer = undefined;
        this._tell();
    }

    render() {
        const { strokes, cursor, isDown } = this;
        const count = strokes.length;
        return html`<svg
                class="handwriting pen"
                viewBox="0 0 ${WIDTH} ${HEIGHT}"
                role="application"
                tabindex="0"
                aria-label=${this.label}
                aria-describedby="pen-help"
                @pointerdown=${this._down}
                @pointermove=${this._move}
                @pointerup=${this._up}
                @pointercancel=${this._up}
                @keydown=${this._key}
                @blur=${this._leave}
            >
                ${svg`<line class="base" x1="40" y1="230" x2="960" y2="230"></line>`}
                ${lines(strokes)}
                ${
                    cursor
                        ? svg`<circle class=${isDown ? "down" : ""} cx=${cursor[0]} cy=${cursor[1]} r="8"></circle>`
                        : nothing
                }
            </svg>
            <p class="secondary-text small" id="pen-help">
                ${t("With a finger, a pen or the mouse. By the keyboard: the arrow keys move, the space bar puts the pen down and lifts it.")}
            </p>
            <div class="pen-foot">
                <p class="secondary-text small" role="status">
                    ${
                        this._isFull || count >= STROKES_MAX
                            ? t("The sheet takes no more lines.")
                            : count > 0
                              ? plural(
                                    "{count} line is written.",
                                    "{count} lines are written.",
                                    count,
                                )
                              : t("Nothing is written yet.")
                    }
                </p>
                ${button({
                    label: t("Write it anew"),
                    style: "secondary",
                    is_off: this.isOff || count === 0,
                    press: () => this._clear(),
                })}
            </div>`;
    }
}
customElements.define("veche-pen", VechePen);
