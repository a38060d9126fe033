/**
 * The pages of a file, one below the other in a box that scrolls, each drawn when it comes into
 * sight; below each picture its text, for who hears the page. Tells `veche-page-seen` once a page
 * has been on the screen, `veche-pages-failed` if the file can't be shown.
 *
 * @typedef {import("./viewer.js").Pdf} Pdf
 */
import { html, nothing } from "lit";
import { VecheElement, banner, spinner } from "../kit/elements.js";
import { showNumber, t } from "../kit/i18n.js";
import { attachedTo, drawPage, openPdf, readPage } from "./viewer.js";

/** How much of the box's height a tall page must fill to count as seen, or of the page itself. */
const SEEN = 0.5;
/** Fine enough for a page ten times as high as the box. */
const THRESHOLDS = Array.from({ length: 21 }, (_, at) => at / 20);

export class VechePages extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        bytes: { attribute: false },
        label: { attribute: false },
        known: { attribute: false },
        /** Whether another file is shown beside it: then each page says of which it is. */
        isBeside: { attribute: false },
        count: { state: true },
        isFailed: { state: true },
        isLarge: { state: true },
        attached: { state: true },
        pages: { state: true },
    });

    constructor() {
        super();
        /** @type {Uint8Array<ArrayBuffer> | undefined} */
        this.bytes = undefined;
        this.label = "";
        this.isBeside = false;
        this.count = 0;
        this.isFailed = false;
        this.isLarge = false;
        /** @type {string[]} names of files within the file */
        this.attached = [];
        /** @type {Map<number, {ratio: number, text: string}>} those that have been looked at */
        this.pages = new Map();
        /** @type {Pdf | undefined} */
        this._pdf = undefined;
        this._close = () => {};
        /** @type {IntersectionObserver | undefined} */
        this._observer = undefined;
        /** @type {string[]} numbers of pages that were on the screen before */
        this.known = [];
        /** @type {Set<number>} */
        this._seen = new Set();
        /** @type {Set<number>} pages that are drawn */
        this._drawn = new Set();
        /** @type {Set<number>} pages that are being drawn: a canvas takes one picture at a time */
        this._drawing = new Set();
        /** How often a file was opened: an older one that is ready later is not shown. */
        this._begun = 0;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (changed.has("bytes")) void this._open();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._observer?.disconnect();
        this._close();
        this._pdf = undefined;
    }

    async _open() {
        this._begun += 1;
        const mine = this._begun;
        this._observer?.disconnect();
        this._close();
        this._seen = new Set(this.known.map(Number));
        this._drawn.clear();
        this._drawing.clear();
        Object.assign(this, { count: 0, isFailed: false, pages: new Map(), _pdf: undefined });
        if (!this.bytes) return;
        try {
            const { pdf, close } = await openPdf(this.bytes);
            const attached = await attachedTo(pdf);
            if (mine !== this._begun || !this.isConnected) {
                close();
                return;
            }
            Object.assign(this, { _pdf: pdf, _close: close, attached });
            this.count = pdf.numPages;
            if (this._seen.size) this._tell();
            await this.updateComplete;
            this._watch();
        } catch {
            if (mine === this._begun) this._fail();
        }
    }

    _fail() {
        this.isFailed = true;
        this.dispatchEvent(new CustomEvent("veche-pages-failed", { bubbles: true }));
    }

    _watch() {
        const root = this.querySelector(".pages");
        const seen = (/** @type {IntersectionObserverEntry[]} */ entries) => {
            for (const one of entries) void this._look(one);
        };
        this._observer = new IntersectionObserver(seen, { root, threshold: THRESHOLDS });
        for (const one of this.querySelectorAll(".sheet-page")) this._observer.observe(one);
    }

    /** @param {IntersectionObserverEntry} entry */
    async _look({ target, isIntersecting, intersectionRatio, intersectionRect, rootBounds }) {
        const number = Number(/** @type {HTMLElement} */ (target).dataset.page);
        if (!isIntersecting) {
            this._clear(number, target);
            return;
        }
        try {
            await this._draw(number, target);
        } catch {
            this._fail();
            return;
        }
        const room = rootBounds?.height ?? Infinity;
        const isSeen = intersectionRatio >= SEEN || intersectionRect.height >= SEEN * room;
        if (!isSeen || this._seen.has(number)) return;
        this._seen.add(number);
        this._tell();
    }

    _tell() {
        const parts = [...this._seen].filter((page) => page >= 1 && page <= this.count).map(String);
        const detail = { seen: parts.length, count: this.count, parts };
        this.dispatchEvent(new CustomEvent("veche-page-seen", { detail, bubbles: true }));
    }

    /** @param {number} number @param {Element} target */
    async _draw(number, target) {
        const [pdf, canvas] = [this._pdf, target.querySelector("canvas")];
        if (!pdf || !canvas || this._drawn.has(number) || this._drawing.has(number)) return;
        this._drawing.add(number);
        try {
            const read = this.pages.get(number) ?? (await readPage(pdf, number));
            if (!this.pages.has(number)) this.pages = new Map(this.pages).set(number, read);
            canvas.style.aspectRatio = String(read.ratio); // the policy forbids it in the markup
            await drawPage(pdf, number, canvas, canvas.clientWidth);
            this._drawn.add(number);
        } catch (error) {
            if (pdf === this._pdf) throw error; // else another file is shown meanwhile
        } finally {
            this._drawing.delete(number);
        }
    }

    /**
     * A picture out of sight gives its memory back: a hundred pages are a gigabyte.
     * @param {number} number
     * @param {Element} target
     */
    _clear(number, target) {
        const canvas = target.querySelector("canvas");
        if (!canvas || !this._drawn.delete(number)) return;
        canvas.width = 0;
        canvas.height = 0;
    }

    async _resize() {
        this.isLarge = !this.isLarge;
        await this.updateComplete;
        this._observer?.disconnect();
        this._drawn.clear();
        this._watch();
    }

    /** @param {number} number */
    _page(number) {
        const known = this.pages.get(number);
        const values = { page: showNumber(number), count: showNumber(this.count) };
        const label = t("Page {page} of {count}", values);
        const called = this.isBeside ? `${this.label}: ${label}` : label;
        return html`<section class="sheet-page" data-page=${number} aria-label=${called}>
            <canvas aria-hidden="true"></canvas>
            <p class="hidden-text">${known?.text ?? nothing}</p>
            <p class="page-number secondary-text small" aria-hidden="true">${label}</p>
        </section>`;
    }

    _attachments() {
        if (this.attached.length === 0) return nothing;
        return html`<p>${t("Files within this document, which belong to it:")}</p>
            <ul>
                ${this.attached.map((name) => html`<li><bdi>${name}</bdi></li>`)}
            </ul>`;
    }

    render() {
        if (!this.bytes) return nothing;
        if (this.isFailed)
            return banner(
                "critical",
                html`<p>${t("The pages can't be shown: the file is damaged.")}</p>`,
            );
        if (this.count === 0) return spinner(t("Opening the pages…"));
        const numbers = Array.from({ length: this.count }, (_, at) => at + 1);
        return html`${this._attachments()}
            <p class="pages-size">
                <button
                    type="button"
                    class="button secondary small"
                    aria-pressed=${this.isLarge ? "true" : "false"}
                    @click=${() => void this._resize()}
                >
                    ${t("Large pages")}
                </button>
            </p>
            <div
                class="pages ${this.isLarge ? "large" : ""}"
                tabindex="0"
                role="region"
                aria-label=${this.label}
            >
                ${numbers.map((number) => this._page(number))}
            </div>`;
    }
}
customElements.define("veche-pages", VechePages);
