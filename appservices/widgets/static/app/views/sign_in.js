/**
 * Signing in to an account that one has: here by name and passphrase, elsewhere at the person's own
 * server. Then this device is confirmed by the recovery key, or by another device.
 *
 * @typedef {import("../../signin/homeserver.js").Homeserver} Homeserver
 */
import { html, nothing } from "lit";
import { BusyElement, banner, button, field, spinner } from "../../kit/elements.js";
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
        step: { state: true },
        server: { state: true },
        own: { state: true },
    };

    constructor() {
        super();
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

    /** @param {SubmitEvent} event */
    _enter(event) {
        event.preventDefault();
        const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
        void this.doOne(async () => {
            const { homeserver_url, server_name } = await site();
            const person = personOf(String(form.get("username")), server_name);
            if (!person) {
                this.error = t("Write the name that you chose here, such as anna.");
                return;
            }
            // A passphrase goes to the town's own server alone.
            if (serverOf(person) !== server_name) return this._find(serverOf(person));
            await enterAccount(homeserver_url, {
                type: "m.login.password",
                identifier: { type: "m.id.user", user: person },
                password: String(form.get("password")),
            });
            await this._look();
        }, wordsOf);
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

    /** @param {SubmitEvent} event */
    _recover(event) {
        event.preventDefault();
        const { opened } = account();
        if (!opened) return;
        const typed = String(
            new FormData(/** @type {HTMLFormElement} */ (event.target)).get("key"),
        );
        void this.doOne(async () => {
            const { recover } = await import("../client/identity.js");
            await recover(opened, typed);
            this._leave();
        }, wordsOf);
    }

    /** @param {string} id @param {string} label @param {string} type @param {string} autocomplete */
    _input(id, label, type, autocomplete) {
        return field({
            id,
            label,
            control: (wiring) =>
                html`<input
                    id=${wiring.id}
                    name=${id}
                    type=${type}
                    autocomplete=${autocomplete}
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby=${wiring.describedby}
                    aria-invalid=${wiring.invalid}
                    required
                />`,
        });
    }

    _form() {
        return html`<form class="start-form" @submit=${this._enter}>
            <p class="lead">
                ${t("Sign in with the name and passphrase that you chose in this app.")}
            </p>
            ${this._input("username", t("Your name here"), "text", "username")}
            ${this._input("password", t("Passphrase"), "password", "current-password")}
            <div class="actions">
                ${button({ label: t("Sign in"), type: "submit", is_busy: this.isBusy })}
            </div>
        </form>`;
    }

    _account() {
        return html`<h1 tabindex="-1">${t("Sign in")}</h1>
            ${this._ways(this.own)} ${this.own?.hasPassword === false ? nothing : this._form()}
            ${this.error ? banner("critical", this.error) : nothing}
            <details class="more">
                <summary>${t("My account is on another server")}</summary>
                <form
                    class="start-form"
                    @submit=${(/** @type {SubmitEvent} */ event) => {
                        event.preventDefault();
                        const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
                        void this.doOne(
                            () => this._find(String(form.get("server")).trim()),
                            wordsOf,
                        );
                    }}
                >
                    ${this._input("server", t("Its server, such as example.org"), "text", "off")}
                    ${button({ label: t("Go on there"), type: "submit", style: "secondary", is_busy: this.isBusy })}
                </form>
            </details>
            <p>
                ${t("No account yet?")}
                <a href=${hrefOf("start")}>${t("Continue without an account")}</a>
            </p>`;
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
            <form class="start-form" @submit=${this._recover}>
                ${this._input("key", t("Recovery key"), "text", "off")}
                ${this.error ? banner("critical", this.error) : nothing}
                <div class="actions">
                    ${button({ label: t("Confirm"), type: "submit", is_busy: this.isBusy })}
                    ${button({ label: t("Later"), style: "secondary", press: () => this._leave() })}
                </div>
            </form>
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
