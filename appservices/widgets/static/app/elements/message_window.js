/**
 * Which messages of a long conversation are in the page: those in sight and some beside them. What
 * is seen stays where it is when others come and go above and below.
 */
import { timelineOf } from "../client/timeline.js";

/** Messages in the page. */
const WINDOW = 80;
const STEP = 10;
const NEAR_PX = 700;
const END_PX = 60;
const PAGES_MAX = 20;
const LIT_MS = 1_500;
const ROUNDS_MAX = 6;
/** Elements whose height is known once they have drawn themselves. */
const DRAWING = "app-message, app-html, app-attachment, app-prompt, veche-prompt, veche-form";

/** @typedef {import("../client/timeline.js").Timeline} Timeline */

/** Waits until the elements below one have drawn what they draw. @param {Element} root */
async function settled(root) {
    let waiting = /** @type {any[]} */ ([root]);
    for (let round = 0; round < ROUNDS_MAX && waiting.length; round++) {
        waiting = waiting
            .flatMap((one) => [...one.querySelectorAll(DRAWING)])
            .filter((one) => one.isUpdatePending);
        await Promise.all(waiting.map((one) => one.updateComplete));
    }
}

/** A controller of the view that has a `.log` with the rows `li[data-id]` in it. */
export class MessageWindow {
    /**
     * @param {import("lit").LitElement & {roomId: string}} host
     * @param {() => import("../client/open.js").MatrixClient | undefined} client
     * @param {() => void} seen called when the newest message is in sight
     */
    constructor(host, client, seen) {
        this._host = host;
        this._client = client;
        this._seen = seen;
        /** The first message in the page; none: the last `WINDOW` are. @type {string | undefined} */
        this._firstId = undefined;
        /** The newest message is in sight, and stays there. */
        this.isAtEnd = true;
        /** Scrolled up, away from the newest. */
        this.isAway = false;
        this.isLoading = false;
        this.hasFailed = false;
        this._isSettling = false;
        /** @type {{id: string, at: number} | undefined} */
        this._anchor = undefined;
        host.addController(this);
    }

    /** @returns {Timeline | undefined} */
    get timeline() {
        const client = this._client();
        return client && timelineOf(client, this._host.roomId);
    }

    get _log() {
        return /** @type {HTMLElement | null} */ (this._host.querySelector(".log"));
    }

    hostDisconnected() {
        this._watched?.disconnect();
        this._watched = undefined;
    }

    /** @returns {{from: number, to: number, count: number}} places in `timeline.events()` */
    range() {
        const events = this.timeline?.events() ?? [];
        const count = events.length;
        const last = Math.max(0, count - WINDOW);
        const found = this._firstId
            ? events.findIndex((event) => event.getId() === this._firstId)
            : -1;
        const from = found < 0 || (this.isAtEnd && found < last) ? last : found;
        return { from, to: Math.min(count, from + WINDOW), count };
    }

    /** @param {number} from */
    _show(from) {
        this._firstId = this.timeline?.events()[Math.max(0, from)]?.getId();
        this._host.requestUpdate();
    }

    /** To be called when the log is scrolled. */
    scrolled() {
        const log = this._log;
        if (!log) return;
        const below = log.scrollHeight - log.scrollTop - log.clientHeight;
        const { from, to, count } = this.range();
        this.isAtEnd = to === count && below < END_PX;
        const isAway = to < count || below > log.clientHeight / 2;
        if (isAway !== this.isAway) {
            this.isAway = isAway;
            this._host.requestUpdate();
        }
        if (this.isAtEnd) this._seen();
        const isFull = this.isAtEnd && to - from >= WINDOW;
        if (isFull) this._firstId = undefined; // it goes on with the newest
        if (log.scrollTop < NEAR_PX && from > 0 && !isFull) this._show(from - STEP);
        else if (log.scrollTop < NEAR_PX && from === 0) void this.older();
        else if (below < NEAR_PX && to < count) this._show(Math.min(from + STEP, count - WINDOW));
    }

    /** Fetches older messages. */
    async older() {
        const timeline = this.timeline;
        if (!timeline || this.isLoading || timeline.isAtStart) return;
        Object.assign(this, { isLoading: true, hasFailed: false });
        this._host.requestUpdate();
        const first = timeline.events()[this.range().from]?.getId();
        try {
            await timeline.older();
            // What came is drawn a step at a time: all at once would hold up the scrolling.
            this._firstId = first;
        } catch {
            this.hasFailed = true;
        } finally {
            this.isLoading = false;
            this._host.requestUpdate();
        }
    }

    /** Remembers where a message that is seen stands, so that it stays there. */
    hostUpdate() {
        const log = this._log;
        if (!log || this._anchor) return;
        const { top } = log.getBoundingClientRect();
        const seen = [...log.querySelectorAll("li[data-id]")].find(
            (one) => one.getBoundingClientRect().bottom > top,
        );
        this._anchor = seen && {
            id: seen.getAttribute("data-id") ?? "",
            at: seen.getBoundingClientRect().top,
        };
    }

    hostUpdated() {
        void this._settle();
    }

    /** Puts the remembered message back, then looks whether more is to be shown. */
    async _settle() {
        const log = this._log;
        if (!log || this._isSettling) return;
        this._watch(log);
        this._isSettling = true;
        await settled(log);
        this._isSettling = false;
        const row = this._anchor && this._row(this._anchor.id);
        if (this.isAtEnd) this._toBottom();
        else if (row && this._anchor)
            log.scrollTop += row.getBoundingClientRect().top - this._anchor.at;
        this._anchor = undefined;
        if (!this.hasFailed) this.scrolled();
    }

    /** @param {HTMLElement} log */
    _watch(log) {
        if (this._watched) return;
        this._watched = new ResizeObserver(() => this.isAtEnd && this._toBottom());
        this._watched.observe(log);
        const list = log.querySelector("ol");
        if (list) this._watched.observe(list);
    }

    /** @param {string} id */
    _row(id) {
        return this._log?.querySelector(`li[data-id="${CSS.escape(id)}"]`);
    }

    _toBottom() {
        const log = this._log;
        if (log) log.scrollTop = log.scrollHeight;
    }

    /** To the newest message. */
    toEnd() {
        Object.assign(this, { _firstId: undefined, isAtEnd: true, isAway: false });
        this._host.requestUpdate();
    }

    /** Shows a message, and fetches older ones until it is here. @param {string} id */
    async jump(id) {
        const timeline = this.timeline;
        const log = this._log;
        if (!timeline || !log) return;
        const placeOf = () => timeline.events().findIndex((event) => event.getId() === id);
        for (let page = 0; placeOf() < 0 && !timeline.isAtStart && page < PAGES_MAX; page++)
            await timeline.older();
        const place = placeOf();
        if (place < 0) return;
        this.isAtEnd = false;
        this._show(Math.min(place - WINDOW / 2, timeline.events().length - WINDOW));
        await this._host.updateComplete;
        await settled(log);
        const row = this._row(id);
        row?.scrollIntoView({ block: "center" });
        row?.classList.add("lit");
        setTimeout(() => row?.classList.remove("lit"), LIT_MS);
    }
}
