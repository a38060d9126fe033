/**
 * Making an account without having one: a name, a passphrase, the recovery key, which is asked
 * back once. It goes on where it stopped. Who has an account signs in beside it.
 */
import { html, nothing } from "lit";
import { BusyElement, banner, button, spinner, textField, typedIn } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account, finish, makeAccount, whenAccountChanges } from "../account/account.js";
import { AccountError, nameTrouble } from "../account/signing_up.js";
import { accountTrouble } from "../account/words.js";
import { hrefOf } from "../route.js";
import { inOwnLanguage, site } from "../site.js";
import "./key.js";
import "./sign_in.js";

const TYPING_MS = 400;
const PASSPHRASE_CHARACTERS_MIN = 8;
const NAME = /^[a-z0-9._-]+$/;

export class AppStart extends BusyElement {
    static properties = {
        /** What follows the place: an invitation, or "sign-in". */
        topic: { attribute: false },
        site: { state: true },
        wrong: { state: true },
        isShown: { state: true },
    };

    constructor() {
        super();
        this.topic = "";
        /** @type {import("../site.js").Site | undefined} */
        this.site = undefined;
        /** @type {{username?: string, password?: string}} */
        this.wrong = {};
        this.isShown = false;
        this._timer = 0;
    }

    connectedCallback() {
        super.connectedCallback();
        this.keep(
            whenAccountChanges(() => this.requestUpdate()),
            () => clearTimeout(this._timer),
        );
        site().then(
            (found) => (this.site = found),
            () => (this.error = accountTrouble(undefined).text),
        );
    }

    get _token() {
        return this.topic === "sign-in" ? "" : this.topic;
    }

    /** @param {string} text */
    _named(text) {
        const name = text.trim().toLowerCase();
        clearTimeout(this._timer);
        this.wrong = { ...this.wrong, username: undefined };
        if (!name) return;
        this._timer = setTimeout(async () => {
            if (!this.site) return;
            const trouble = NAME.test(name)
                ? await nameTrouble(this.site.homeserver_url, name)
                : { errcode: "M_INVALID_USERNAME" };
            const input = this.querySelector(/** @type {"input"} */ ("#username"));
            if (trouble && input?.value.trim().toLowerCase() === name)
                this.wrong = { ...this.wrong, username: accountTroubleOf(trouble.errcode) };
        }, TYPING_MS);
    }

    /** @param {SubmitEvent} event */
    async _make(event) {
        const form = typedIn(event);
        const base = this.site?.homeserver_url;
        if (!base) return;
        const username = String(form.get("username")).trim().toLowerCase();
        const password = String(form.get("password"));
        this.wrong = {
            username: NAME.test(username)
                ? this.wrong.username // as it was found while one typed
                : accountTroubleOf("M_INVALID_USERNAME"),
            password:
                password.length < PASSPHRASE_CHARACTERS_MIN
                    ? accountTroubleOf("M_PASSWORD_TOO_SHORT")
                    : undefined,
        };
        this.error = "";
        const token = this._token || undefined;
        if (!this.wrong.username && !this.wrong.password)
            await this.doOne(
                () => makeAccount(base, { username, password, token }),
                (error) => {
                    const { field: name, text } = accountTrouble(error);
                    if (name) this.wrong = { [name]: text };
                    return name ? "" : text;
                },
            );
        await this.focusWrong();
    }

    /** @param {"username" | "password"} id @param {string} label @param {string} help */
    _input(id, label, help) {
        const isSecret = id === "password";
        return textField({
            id,
            label,
            help,
            error: this.wrong[id],
            type: isSecret && !this.isShown ? "password" : "text",
            autocomplete: isSecret ? "new-password" : "username",
            typed: isSecret ? undefined : (text) => this._named(text),
        });
    }

    _form() {
        const notice = inOwnLanguage(this.site?.notice ?? null);
        return html`<h1 tabindex="-1">${t("Start")}</h1>
            <p class="lead">
                ${t("Continue without an account: choose a name and a passphrase. No phone number, no e-mail.")}
            </p>
            ${notice ? banner("info", notice) : nothing}
            <form class="start-form" novalidate @submit=${this._make}>
                ${this._input("username", t("Your name here"), t("Small letters and digits. Offices and people see it."))}
                ${this._input("password", t("Passphrase"), t("At least 8 characters. Three or four words are best."))}
                <label class="option">
                    <input
                        type="checkbox"
                        .checked=${this.isShown}
                        @change=${() => (this.isShown = !this.isShown)}
                    />
                    <span>${t("Show the passphrase")}</span>
                </label>
                ${this.error ? banner("critical", this.error) : nothing}
                <div class="actions">
                    ${button({ label: t("Create my account"), type: "submit", is_busy: this.isBusy })}
                </div>
            </form>
            <p role="status" class="secondary-text">
                ${this.isBusy ? t("Your account is being made…") : nothing}
            </p>
            ${this._other()}`;
    }

    _other() {
        return html`<p>
            ${t("You have an account already?")}
            <a href=${hrefOf("start", "sign-in")}>${t("Sign in")}</a>
        </p>`;
    }

    _closed() {
        const words = t(
            "You need an invitation here. Ask an office for one: it is a link or a code to scan.",
        );
        return html`<h1 tabindex="-1">${t("Start")}</h1>
            ${banner("info", words)} ${this._other()}`;
    }

    render() {
        const { phase, session, opened, error } = account();
        if (phase === "failed") {
            const { text } = accountTrouble(error);
            return html`<h1 tabindex="-1">${t("Start")}</h1>
                ${banner("critical", text)}`;
        }
        if (opened && session?.unfinished)
            return html`<app-key
                .opened=${opened}
                @veche-key-kept=${() => this._done()}
            ></app-key>`;
        if (phase === "opening" || (session?.unfinished && !opened))
            return html`<h1 tabindex="-1">${t("Start")}</h1>
                ${spinner(t("Your account is being prepared…"))}`;
        const isOff = this.site?.registration === "off";
        if (this.topic === "sign-in" || isOff || (opened && !session?.unfinished))
            return html`<app-sign-in .isOnly=${isOff}></app-sign-in>`;
        if (!this.site) return this.error ? banner("critical", this.error) : spinner();
        if (this.site.registration === "invitation" && !this._token) return this._closed();
        return html`<div class="narrow">${this._form()}</div>`;
    }

    async _done() {
        await finish();
        this.dispatchEvent(new CustomEvent("veche-begun", { bubbles: true }));
    }
}

/** @param {string} errcode @returns {string} */
function accountTroubleOf(errcode) {
    return accountTrouble(new AccountError(errcode, "")).text;
}
customElements.define("app-start", AppStart);
