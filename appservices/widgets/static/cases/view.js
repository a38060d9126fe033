/**
 * Base of the views: each has a heading that takes the focus when one comes to it, a title for the
 * tab, and one of three faces: loading, a problem, or what it is for.
 */
import { html } from "lit";
import { VecheElement } from "../kit/elements.js";
import { currentLanguage, t } from "../kit/i18n.js";
import { session } from "../kit/session.js";
import { signInHref } from "../kit/shell.js";
import { problem } from "./elements/problem.js";

export class View extends VecheElement {
    /** @type {import("lit").PropertyDeclarations} */
    static properties = { error: { state: true }, route: { attribute: false } };

    constructor() {
        super();
        /** @type {unknown} */
        this.error = undefined;
        /** @type {import("./route.js").Route} */
        this.route = { view: "unknown" };
        this._language = currentLanguage();
        this._person = session()?.person;
        this._stopped = new AbortController();
    }

    /** @returns {string} for the tab, and the heading while nothing better is known */
    get heading() {
        return t("Veche");
    }

    connectedCallback() {
        super.connectedCallback();
        this.restart();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._stopped.abort();
        this.stop();
    }

    /** Loads what is shown; again after an error, a sign-in, or a change of the language. */
    restart() {
        this._stopped.abort();
        this._stopped = new AbortController();
        this.stop();
        this.error = undefined;
        this._language = currentLanguage();
        this._person = session()?.person;
        this.start(this._stopped.signal);
    }

    /** @param {AbortSignal} _signal aborted when the view goes, or starts anew */
    start(_signal) {}

    /** What start began ends. */
    stop() {}

    /** @param {Map<PropertyKey, unknown>} _changed */
    willUpdate(_changed) {
        const isOther =
            this._language !== currentLanguage() ||
            (session() && this._person !== session()?.person);
        if (this.hasUpdated && isOther) queueMicrotask(() => this.isConnected && this.restart());
    }

    updated() {
        this.dispatchEvent(new CustomEvent("veche-title", { detail: this.heading, bubbles: true }));
    }

    /** @param {unknown} error */
    fail(error) {
        if (!this._stopped.signal.aborted) this.error = error;
    }

    /** @param {unknown} [text] */
    head(text = this.heading) {
        return html`<h1 tabindex="-1">${text}</h1>`;
    }

    problem() {
        return problem(this.error, { again: () => this.restart(), signIn: signInHref() });
    }

    /** @param {number} rows how much room what comes will take: nothing jumps then */
    loading(rows) {
        return html`<div class="loading" role="status">
            <span class="hidden-text">${t("One moment…")}</span>
            ${Array.from({ length: rows }, () => html`<div class="skeleton"></div>`)}
        </div>`;
    }
}
