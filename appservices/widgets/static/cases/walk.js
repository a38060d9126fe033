/**
 * Going from view to view in one document: presses on links, the address, back and forward, where
 * the page was scrolled to, and the focus, which goes to the heading of what one came to.
 *
 * @typedef {import("./route.js").Route} Route
 */
import { routeOf } from "./route.js";

/** How long after a step the view may still be loading what is to be scrolled to. */
const SETTLE_MS_MAX = 5000;

export class Walk {
    /**
     * @param {() => void} changed called when `route` or `count` is another
     * @param {(path: string, search: string) => Route} [read] what addresses mean to this document
     */
    constructor(changed, read = routeOf) {
        this._changed = changed;
        this._read = read;
        /** @type {Route} */
        this.route = read(location.pathname, location.search);
        /** Of views that were thrown away on purpose: the next one begins anew. */
        this.count = 0;
        this._place = location.pathname + location.search;
        /** @type {{top: number, isFocused: boolean, until: number} | undefined} what is still to be done */
        this._landing = undefined;
        history.scrollRestoration = "manual";
        // After a reload, too.
        this._land(history.state?.top ?? 0, false);
        document.addEventListener("click", (event) => this._clicked(event));
        window.addEventListener("popstate", () => this._came());
        window.addEventListener("pagehide", () => this._leave());
        for (const kind of ["keydown", "pointerdown", "wheel", "touchstart"])
            window.addEventListener(kind, () => (this._landing = undefined), { passive: true });
    }

    /**
     * Goes to a view.
     * @param {string} href of ours
     * @param {Record<string, unknown>} [state] for that place in the history
     */
    go(href, state = {}) {
        this._leave();
        history.pushState(state, "", href);
        this._show();
        this._land(0, true);
    }

    /** The same view, with another address: what is looked for has changed. @param {string} href */
    rename(href) {
        history.replaceState(history.state, "", href);
        this._place = location.pathname + location.search;
    }

    /** Throws away what is shown, and begins at an address. @param {string} href */
    restart(href) {
        history.pushState({}, "", href);
        this.anew();
    }

    /** Throws away what is shown, and begins where one is. */
    anew() {
        this.count += 1;
        this._show();
        this._land(0, true);
    }

    /** A view was drawn, perhaps with more of what it has loaded. */
    drawn() {
        const landing = this._landing;
        if (landing?.isFocused && !isFocusElsewhere())
            document.querySelector(/** @type {"h1"} */ ("main h1"))?.focus({ preventScroll: true });
    }

    /** What is still loading makes the page longer: until then it cannot be scrolled so far. */
    _scroll() {
        const landing = this._landing;
        if (!landing || performance.now() > landing.until) return;
        window.scrollTo({ top: landing.top, behavior: "instant" });
        if (Math.abs(window.scrollY - landing.top) > 1) requestAnimationFrame(() => this._scroll());
    }

    /** @param {number} top @param {boolean} isFocused whether the heading takes the focus */
    _land(top, isFocused) {
        this._landing = { top, isFocused, until: performance.now() + SETTLE_MS_MAX };
        this.drawn();
        this._scroll();
    }

    _leave() {
        history.replaceState({ ...history.state, top: Math.round(window.scrollY) }, "");
    }

    _came() {
        // Only the part behind the # is another: that is the browser's.
        if (location.pathname + location.search === this._place) return;
        this._show();
        this._land(history.state?.top ?? 0, true);
    }

    _show() {
        this._place = location.pathname + location.search;
        this.route = this._read(location.pathname, location.search);
        this._changed();
    }

    /** @param {MouseEvent} event */
    _clicked(event) {
        if (event.defaultPrevented || event.button !== 0) return;
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
        if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download"))
            return;
        const url = new URL(link.href);
        const isHere = url.pathname + url.search === this._place;
        if (url.origin !== location.origin || (isHere && url.hash)) return;
        if (this._read(url.pathname, url.search).view === "unknown") return;
        event.preventDefault();
        // A press on the page where one is begins it anew, and leaves no second step to go back.
        if (isHere) this.anew();
        else this.go(url.pathname + url.search + url.hash);
    }
}

/** @returns {boolean} whether the person has put the focus somewhere that is still there */
function isFocusElsewhere() {
    const { activeElement } = document;
    return (
        activeElement !== null &&
        activeElement !== document.body &&
        activeElement.closest("main") !== null &&
        activeElement.tagName !== "H1" &&
        activeElement.tagName !== "MAIN"
    );
}
