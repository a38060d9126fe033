/**
 * On the way to a page of the other origin: there one is signed in by a fresh link, which this page
 * takes from the person's chat. `key-code` brings the code of a new key the same way.
 */
import { html } from "lit";
import { VecheElement, banner, button, spinner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { ownPath } from "../../kit/own_path.js";
import { pagesOrigin } from "../../kit/page.js";
import { account, whenAccountChanges } from "../account/account.js";
import { keyCode, signInSecret } from "../account/page_session.js";
import { hrefOf } from "../route.js";

const KEY_CODE = "key-code";

export class AppOpen extends VecheElement {
    static properties = {
        path: { attribute: false },
        words: { attribute: false },
        isFailed: { state: true },
    };

    constructor() {
        super();
        /** A path of the pages, or `key-code`. */
        this.path = "";
        /** Of the key whose code is wanted. */
        this.words = "";
        this.isFailed = false;
        this._isUnderway = false;
    }

    connectedCallback() {
        super.connectedCallback();
        this.keep(whenAccountChanges(() => void this._go()));
        void this._go();
    }

    async _go() {
        await this.updateComplete;
        if (this._isUnderway || !["ready", "elsewhere"].includes(account().phase)) return;
        this._isUnderway = true;
        this.isFailed = false;
        try {
            location.replace(await this._address());
        } catch {
            this.isFailed = true;
        } finally {
            this._isUnderway = false;
        }
    }

    async _address() {
        if (this.path === KEY_CODE)
            return `${pagesOrigin()}/keys#code=${await keyCode(this.words)}`;
        if (this.path.startsWith("/verify")) return pagesOrigin() + this.path; // everybody may
        const back = ownPath(this.path, location.origin) || "/";
        const named = new URLSearchParams({ secret: await signInSecret(), return: back });
        return `${pagesOrigin()}/signin#${named}`;
    }

    render() {
        if (account().phase === "none")
            return html`<h1 tabindex="-1">${t("Start")}</h1>
                <p>${t("You need an account for this page.")}</p>
                <p class="actions">
                    <a class="button primary" href=${hrefOf("start")}>${t("Start")}</a>
                </p>`;
        if (!this.isFailed)
            return html`<h1 tabindex="-1">${t("One moment…")}</h1>
                ${spinner(t("You are being signed in…"))}`;
        return html`<h1 tabindex="-1">${t("The page did not open")}</h1>
            ${banner("critical", t("The office's bot did not answer in time. Try again in a moment."))}
            <div class="actions">
                ${button({ label: t("Try again"), press: () => void this._go() })}
            </div>`;
    }
}
customElements.define("app-open", AppOpen);
