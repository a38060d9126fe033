/**
 * What stands around every page in a tab: the way between the pages and who is signed in above,
 * the language and the theme below. Between the two a page has its `<main id="main" tabindex="-1">`.
 *
 * @typedef {"home" | "services" | "wallet" | "keys" | "signin" | ""} Place
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { ApiError, call, isReachable, whenReachable } from "./api.js";
import { VecheElement, button } from "./elements.js";
import { LANGUAGES, LANGUAGE_NAMES, chooseLanguage, currentLanguage, t } from "./i18n.js";
import { icon } from "./icons.js";
import { colourOf, initialOf } from "./marks.js";
import { appOrigin, meta } from "./page.js";
import { end, forgetTab, session } from "./session.js";
import { chooseTheme, themeChoice } from "./theme.js";

const SESSIONS = "/_veche/sessions/v1";
/** How long closing a tab may take. */
const CLOSING_MS = 300;
const MARK = new URL("./icon.svg", import.meta.url).href;

/** @returns {string} the page where one signs in, and comes back from to this place */
export function signInHref() {
    const here = location.pathname + location.search + location.hash;
    return here === "/" ? "/signin" : `/signin#return=${encodeURIComponent(here)}`;
}

/** The way back to the app, which has opened this tab. */
export function backToApp() {
    return button({
        label: t("Back to Veche"),
        press: () => {
            window.close();
            // Not every browser lets a page close itself.
            setTimeout(() => location.assign(appOrigin()), CLOSING_MS);
        },
    });
}

/** @param {string | undefined} level of a session @returns {string} how sure the service is of the person */
export function levelWords(level) {
    switch (level) {
        case "verified":
            return t("Signed in from your verified devices");
        case "room":
            return t("Signed in from your encrypted chat");
        default:
            return t("Signed in by your homeserver");
    }
}

/** The bar above a page. It tells `veche-signed-out` when the person has signed out. */
export class VecheBar extends VecheElement {
    static properties = {
        /** Which of the pages this is. */
        here: { attribute: false },
        isBusy: { state: true },
        error: { state: true },
    };

    constructor() {
        super();
        /** @type {Place} */
        this.here = "";
        this.isBusy = false;
        this.error = "";
        this._draw = () => this.requestUpdate();
    }

    connectedCallback() {
        super.connectedCallback();
        window.addEventListener("online", this._draw);
        window.addEventListener("offline", this._draw);
        this._unwatch = whenReachable(this._draw);
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        window.removeEventListener("online", this._draw);
        window.removeEventListener("offline", this._draw);
        this._unwatch?.();
    }

    async _signOut() {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "" });
        try {
            await call("DELETE", `${SESSIONS}/session`);
        } catch (error) {
            // It was over already: that is what is wanted.
            if (!(error instanceof ApiError && error.isSignInNeeded)) {
                this.error = t("You are still signed in: the service can't be reached. Try again.");
                return;
            }
        } finally {
            this.isBusy = false;
        }
        this.querySelector(/** @type {"div"} */ ("#account"))?.hidePopover();
        end();
        this.dispatchEvent(new CustomEvent("veche-signed-out", { bubbles: true }));
        forgetTab(); // last: a view that goes keeps what was typed in it
    }

    /** @param {Place} place @param {string} href @param {string} words */
    _link(place, href, words) {
        const current = this.here === place ? "page" : nothing;
        return html`<li><a href=${href} aria-current=${current}>${words}</a></li>`;
    }

    _account() {
        const person = session()?.person;
        if (!person && this.here === "signin") return nothing;
        if (!person)
            return html`<a class="button primary small sign-in" href=${signInHref()}
                >${t("Sign in")}</a
            >`;
        return html`<button
                type="button"
                class="account-button"
                popovertarget="account"
                aria-label=${t("Your account: {person}", { person })}
            >
                <span class="avatar ${colourOf(person)}" aria-hidden="true"
                    ><bdi>${initialOf(person)}</bdi></span
                >
            </button>
            <div id="account" class="menu" popover>
                <p class="menu-title"><bdi>${person}</bdi></p>
                <p class="secondary-text small">${levelWords(session()?.level)}</p>
                <p class="menu-link">
                    <a class="with-mark" href="/keys"
                        >${icon("key")}<span>${t("My keys and sessions")}</span></a
                    >
                </p>
                <p class="menu-link">
                    <a class="with-mark" href="/acts"
                        >${icon("document")}<span>${t("Who did what")}</span></a
                    >
                </p>
                <div class="actions">
                    ${button({
                        label: html`${icon("leave")}<span>${t("Sign out")}</span>`,
                        style: "secondary",
                        is_busy: this.isBusy,
                        press: () => this._signOut(),
                    })}
                </div>
                <p class="error-text" role="alert">${this.error}</p>
            </div>`;
    }

    render() {
        const isOffline = !navigator.onLine || !isReachable();
        return html`<a class="skip-link" href="#main">${t("To the content")}</a>
            <header class="bar">
                <div class="bar-inside">
                    <a class="brand" href="/"
                        ><img src=${MARK} alt="" width="28" height="28" />Veche</a
                    >
                    <nav aria-label=${t("Pages")}>
                        <ul>
                            ${this._link("home", "/", t("Home"))}
                            ${this._link("services", "/services", t("Services"))}
                            ${meta("veche-wallet") ? this._link("wallet", "/wallet", t("Wallet")) : nothing}
                            ${this._link("keys", "/keys", t("My keys"))}
                        </ul>
                    </nav>
                    <div class="account">${this._account()}</div>
                </div>
            </header>
            <div role="status" class="reach">
                ${
                    isOffline
                        ? html`<p>
                              ${icon("offline")}<span
                                  >${t("No connection. This page may be out of date; it goes on by itself when you are back.")}</span
                              >
                          </p>`
                        : nothing
                }
            </div>`;
    }
}
customElements.define("veche-bar", VecheBar);

/** The foot of a page: language and theme, kept on this device. */
export class VecheFoot extends VecheElement {
    /** @param {Event} event */
    async _language(event) {
        const wanted = /** @type {HTMLSelectElement} */ (event.target).value;
        await chooseLanguage(/** @type {import("./i18n.js").Language} */ (wanted));
        // The bots speak it too from now on; if they cannot be told, the page does.
        if (session())
            await call("PUT", `${SESSIONS}/language`, { body: { language: wanted } }).catch(
                () => {},
            );
    }

    /** @param {Event} event */
    _theme(event) {
        const wanted = /** @type {HTMLSelectElement} */ (event.target).value;
        chooseTheme(/** @type {import("./theme.js").Choice} */ (wanted));
    }

    render() {
        const theme = themeChoice();
        return html`<footer class="foot">
            <div class="foot-inside">
                <div class="foot-choice"><a href="/official">${t("Who is official")}</a></div>
                <div class="foot-choice">
                    <label for="foot-language">${t("Language")}</label>
                    <select id="foot-language" @change=${this._language}>
                        ${LANGUAGES.map(
                            (one) =>
                                html`<option
                                    value=${one}
                                    lang=${one}
                                    .selected=${live(one === currentLanguage())}
                                >
                                    ${LANGUAGE_NAMES[one]}
                                </option>`,
                        )}
                    </select>
                </div>
                <div class="foot-choice">
                    <label for="foot-theme">${t("Appearance")}</label>
                    <select id="foot-theme" @change=${this._theme}>
                        <option value="" .selected=${live(theme === "")}>
                            ${t("As the system")}
                        </option>
                        <option value="light" .selected=${live(theme === "light")}>
                            ${t("Light")}
                        </option>
                        <option value="dark" .selected=${live(theme === "dark")}>
                            ${t("Dark")}
                        </option>
                    </select>
                </div>
            </div>
        </footer>`;
    }
}
customElements.define("veche-foot", VecheFoot);
