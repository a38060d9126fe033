/**
 * A long list of rows of one height, of which only those in sight are in the page: thousands of
 * rooms or members cost no more than twenty.
 */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { VecheElement } from "../../kit/elements.js";

const BESIDE_ROWS = 8;

export class AppWindowed extends VecheElement {
    static properties = {
        items: { attribute: false },
        rowHeight: { attribute: false },
        row: { attribute: false },
        keyOf: { attribute: false },
        label: { attribute: false },
        from: { state: true },
        to: { state: true },
    };

    constructor() {
        super();
        this.items = /** @type {any[]} */ ([]);
        /** In pixels; the style sheet gives rows the same. */
        this.rowHeight = 72;
        this.row = /** @type {(item: any) => unknown} */ (() => nothing);
        this.keyOf = /** @type {(item: any) => string} */ ((item) => item.id);
        this.label = "";
        this.from = 0;
        this.to = 3 * BESIDE_ROWS;
        this._look = () => this._measure();
    }

    connectedCallback() {
        super.connectedCallback();
        this._watched = new ResizeObserver(this._look);
        this._watched.observe(this);
        this.addEventListener("scroll", this._look, { passive: true });
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._watched?.disconnect();
        this.removeEventListener("scroll", this._look);
    }

    _measure() {
        const first = Math.floor(this.scrollTop / this.rowHeight);
        const count = Math.ceil(this.clientHeight / this.rowHeight);
        this.from = Math.max(0, first - BESIDE_ROWS);
        this.to = first + count + BESIDE_ROWS;
    }

    /** The spaces above and below stand for the rows that are not there. */
    updated() {
        const list = /** @type {HTMLElement | null} */ (this.querySelector("ul"));
        if (!list) return;
        const from = Math.min(this.from, this.items.length);
        list.style.paddingTop = `${from * this.rowHeight}px`;
        const below = Math.max(0, this.items.length - this.to);
        list.style.paddingBottom = `${below * this.rowHeight}px`;
    }

    render() {
        const { from, items } = this;
        return html`<ul class="window-rows" aria-label=${this.label || nothing}>
            ${repeat(items.slice(from, this.to), this.keyOf, (item, index) => {
                const place = from + index + 1;
                return html`<li aria-setsize=${items.length} aria-posinset=${place}>
                    ${this.row(item)}
                </li>`;
            })}
        </ul>`;
    }
}
customElements.define("app-windowed", AppWindowed);
