/** Base of the parts of this page: each loads its own, and says what went wrong with it. */
import { html, nothing } from "lit";
import { problem } from "../cases/elements/problem.js";
import { VecheElement } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { signInHref } from "../kit/shell.js";

export const API = "/_veche/keys/v1";

export class Section extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        data: { state: true },
        error: { state: true },
        busy: { state: true },
    });

    constructor() {
        super();
        /** @type {any} what the service said */
        this.data = undefined;
        /** @type {unknown} */
        this.error = undefined;
        /** What is being done; empty: nothing. */
        this.busy = "";
    }

    connectedCallback() {
        super.connectedCallback();
        this._seen = () => {
            if (document.visibilityState === "visible") void this.refresh();
        };
        document.addEventListener("visibilitychange", this._seen);
        void this.refresh();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        if (this._seen) document.removeEventListener("visibilitychange", this._seen);
    }

    /** @returns {Promise<any>} */
    async load() {
        return undefined;
    }

    async refresh() {
        try {
            this.data = await this.load();
            this.error = undefined;
        } catch (error) {
            this.error = error;
        }
    }

    /**
     * @param {string} name of what is done
     * @param {() => Promise<unknown>} work
     * @returns {Promise<boolean>} whether it was done
     */
    async act(name, work) {
        if (this.busy) return false;
        this.busy = name;
        try {
            await work();
            this.error = undefined;
            return true;
        } catch (error) {
            this.error = error;
            return false;
        } finally {
            this.busy = "";
        }
    }

    trouble() {
        return this.error
            ? problem(this.error, { again: () => void this.refresh(), signIn: signInHref() })
            : nothing;
    }

    waiting() {
        return this.error
            ? nothing
            : html`<p class="spinner" role="status">${t("One moment…")}</p>`;
    }
}
