/**
 * Signing in to an account that one has: here by name and passphrase, elsewhere at the person's own
 * server. Then this device is confirmed by the recovery key, or by another device.
 *
 * @typedef {import("../../signin/homeserver.js").Homeserver} Homeserver
 */
import { html, nothing } from "lit";
import { BusyElement, banner, button, spinner, textField, typedIn } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { findHomeserver, ssoAddress, waysAt } from "../../signin/homeserver.js";
import { personOf, serverOf } from "../../signin/person.js";
import { account, enterAccount, finish } from "../account/account.js";
import { keepReturn } from "../account/returning.js";
import { accountTrouble } from "../account/words.js";
import { hrefOf } from "../route.js";
import { site } from "../site.js";

/** @typedef {"account" | "server" | "confirm" | "done"} Step */

export class AppSignIn extends BusyElement {
    static properties = {
        isOnly: { attribute: false },
        step: { state: true },
        server: { state: true },
        own: { state: true },
    };

    constructor() {
        super();
        /** Nobody can make an account here; at a provider of this town one may still get it. */
        this.isOnly = false;
        /** @type {Step | ""} */
        this.step = "";
        /** @type {Homeserver | undefined} of another town, at which one signs in there */
        this.server = undefined;
        /** @type {Homeserver | undefined} of this town */
        this.own = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        void this._look();
    }

    /** Where it goes on: with a client that runs already, at the device. */
    async _look() {
        const { opened } = account();
        if (!opened) {
            this.step = "account";
            if (history.state?.isRefused)
                this.error = t("Signing in took too long, or was used already. Begin again.");
            this.own = await site()
                .then(({ homeserver_url }) => waysAt(homeserver_url))
                .catch(() => undefined);
            return;
        }
        const { hasIdentity, isVerified } = await import("../client/identity.js");
        // Made elsewhere, and by an app without keys: it gets them here.
        if (!(await hasIdentity(opened))) return finish(true);
        this.step = (await isVerified(opened)) ? "done" : "confirm";
        if (this.step === "done") this._leave();
    }

    _leave() {
        this.dispatchEvent(new CustomEvent("veche-begun", { bubbles: true }));
    }

    /** @param {() => Promise<void>} work */
    _work(work) {
        return this.doOne(work, wordsOf);
    }

    /** @param {FormData} typed */
    async _enter(typed) {
        const { homeserver_url, server_name } = await site();
        const person = personOf(String(typed.get("username")), server_name);
        if (!person) {
            this.error = t("Write the name that you chose here, such as anna.");
            return;
        }
        // A passphrase goes to the town's own server alone.
        if (serverOf(person) !== server_name) return this._find(serverOf(person));
        await enterAccount(homeserver_url, {
            type: "m.login.password",
            identifier: { type: "m.id.user", user: person },
            password: String(typed.get("password")),
        });
        await this._look();
    }

    /** @param {string} name of a server */
    async _find(name) {
        this.server = await findHomeserver(name);
        if (!this.server.hasSso)
            this.error = t(
                "This server lets you sign in only in its own app. Write to the offices from there, or make an account here.",
            );
        this.step = "server";
    }

    /** @param {string} base @param {string} [provider] */
    _away(base, provider) {
        keepReturn({ base });
        location.assign(ssoAddress(base, `${location.origin}/`, provider));
    }

    /** @param {FormData} typed */
    async _recover(typed) {
        const { opened } = account();
        if (!opened) return;
        const { recover } = await import("../client/identity.js");
        await recover(opened, String(typed.get("key")));
        this._leave();
    }

    /**
     * @param {(typed: FormData) => Promise<void>} work
     * @param {{label: string, style?: "secondary"}} go its button
     * @param {unknown} inputs
     * @param {unknown} [more] beside the button
     */
    _form(work, go, inputs, more) {
        const sent = (/** @type {SubmitEvent} */ event) => {
            const typed = typedIn(event);
            void this._work(() => work.call(this, typed));
        };
        return html`<form class="start-form" @submit=${sent}>
            ${inputs}
            <div class="actions">
                ${button({ ...go, type: "submit", is_busy: this.isBusy })} ${more ?? nothing}
            </div>
        </form>`;
    }

    _account() {
        const inputs = html`<p class="lead">
                ${t("Sign in with the name and passphrase that you chose in this app.")}
            </p>
            ${textField({ id: "username", label: t("Your name here"), autocomplete: "username" })}
            ${textField({ id: "password", label: t("Passphrase"), type: "password", autocomplete: "current-password" })}`;
        const server = textField({ id: "server", label: t("Its server, such as example.org") });
        const find = (/** @type {FormData} */ typed) =>
            this._find(String(typed.get("server")).trim());
        return html`<h1 tabindex="-1">${t("Sign in")}</h1>
            ${this._ways(this.own)}
            ${this.own?.hasPassword === false ? nothing : this._form(this._enter, { label: t("Sign in") }, inputs)}
            ${this.error ? banner("critical", this.error) : nothing}
            <details class="more">
                <summary>${t("My account is on another server")}</summary>
                ${this._form(find, { label: t("Go on there"), style: "secondary" }, server)}
            </details>
            <p>${this._without()}</p>`;
    }

    _without() {
        if (this.isOnly)
            return this.own?.hasSso
                ? nothing
                : t("No new accounts are made here. Sign in with an account that you have.");
        return html`${t("No account yet?")}
            <a href=${hrefOf("start")}>${t("Start without one")}</a>`;
    }

    /** @param {Homeserver | undefined} server with single sign-on, or none */
    _ways(server) {
        if (!server?.hasSso) return nothing;
        const providers = server.providers.length ? server.providers : [{ id: "", name: "" }];
        return html`<div class="actions stacked">
            ${providers.map(({ id, name }) =>
                button({
                    label: name
                        ? t("Continue with {name}", { name })
                        : t("Continue at your server"),
                    press: () => this._away(server.base, id || undefined),
                }),
            )}
        </div>`;
    }

    _server() {
        return html`<h1 tabindex="-1">${t("Sign in at your server")}</h1>
            ${this.error ? banner("info", this.error) : nothing} ${this._ways(this.server)}
            <div class="actions">
                ${button({ label: t("Back"), style: "secondary", press: () => Object.assign(this, { step: "account", error: "" }) })}
            </div>`;
    }

    _confirm() {
        return html`<h1 tabindex="-1">${t("Confirm this device")}</h1>
            <p>
                ${t("Type your recovery key. Then this device reads your earlier messages, and others see that it is yours.")}
            </p>
            ${this._form(
                this._recover,
                { label: t("Confirm") },
                html`${textField({ id: "key", label: t("Recovery key") })}
                ${this.error ? banner("critical", this.error) : nothing}`,
                button({ label: t("Later"), style: "secondary", press: () => this._leave() }),
            )}
            <p>
                <a href=${hrefOf("chats", "verify", account().session?.userId ?? "")}
                    >${t("Confirm it by another device instead")}</a
                >
            </p>`;
    }

    render() {
        const content = {
            account: () => this._account(),
            server: () => this._server(),
            confirm: () => this._confirm(),
            done: () => spinner(),
            "": () => spinner(),
        }[this.step]();
        return html`<div class="narrow">${content}</div>`;
    }
}

/** @param {unknown} error @returns {string} */
function wordsOf(error) {
    const why = /** @type {any} */ (error)?.why;
    if (why === "wrong") return t("This is not your recovery key. Check it, then try again.");
    if (why) return t("This account has no recovery key. Confirm this device from another one.");
    if (/** @type {any} */ (error)?.trouble)
        return t("This server can't be reached. Check its name, then try again.");
    return accountTrouble(error).text;
}
customElements.define("app-sign-in", AppSignIn);
