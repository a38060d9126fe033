/**
 * Signing in to an account that one has: here by name and passphrase, elsewhere at the person's own
 * server. Then this device is confirmed by the recovery key, or by another device.
 *
 * @typedef {import("../../signin/homeserver.js").Homeserver} Homeserver
 */
import { html, nothing } from "lit";
import { VecheElement, banner, button, spinner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { findHomeserver, ssoAddress } from "../../signin/homeserver.js";
import { personOf, serverOf } from "../../signin/person.js";
import { account, enterAccount } from "../account/account.js";
import { keepReturn } from "../account/returning.js";
import { accountTrouble } from "../account/words.js";
import { hrefOf } from "../route.js";
import { site } from "../site.js";
import { accountField } from "./key.js";

/** @typedef {"account" | "server" | "confirm" | "done"} Step */

export class AppSignIn extends VecheElement {
    static properties = {
        step: { state: true },
        error: { state: true },
        isBusy: { state: true },
        server: { state: true },
    };

    constructor() {
        super();
        /** @type {Step | ""} */
        this.step = "";
        this.error = "";
        this.isBusy = false;
        /** @type {Homeserver | undefined} of another town, at which one signs in there */
        this.server = undefined;
        this._local = "";
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
            this._local = (await site().catch(() => undefined))?.server_name ?? "";
            return;
        }
        const { isVerified } = await import("../client/identity.js");
        this.step = (await isVerified(opened)) ? "done" : "confirm";
        if (this.step === "done") this._leave();
    }

    _leave() {
        this.dispatchEvent(new CustomEvent("veche-begun", { bubbles: true }));
    }

    /** @param {() => Promise<void>} work */
    async _work(work) {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "" });
        try {
            await work();
        } catch (error) {
            this.error = wordsOf(error);
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {SubmitEvent} event */
    _enter(event) {
        event.preventDefault();
        const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
        void this._work(async () => {
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
        });
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

    /** @param {string} [provider] */
    _away(provider) {
        if (!this.server) return;
        keepReturn({ base: this.server.base });
        location.assign(ssoAddress(this.server.base, `${location.origin}/`, provider));
    }

    /** @param {SubmitEvent} event */
    _recover(event) {
        event.preventDefault();
        const { opened } = account();
        if (!opened) return;
        const typed = String(
            new FormData(/** @type {HTMLFormElement} */ (event.target)).get("key"),
        );
        void this._work(async () => {
            const { recover } = await import("../client/identity.js");
            await recover(opened, typed);
            this._leave();
        });
    }

    _account() {
        return html`<h1 tabindex="-1">${t("Sign in")}</h1>
            <p class="lead">
                ${t("Sign in with the name and passphrase that you chose in this app.")}
            </p>
            <form class="start-form" @submit=${this._enter}>
                ${accountField({ id: "username", label: t("Your name here"), type: "text", autocomplete: "username" })}
                ${accountField({ id: "password", label: t("Passphrase"), type: "password", autocomplete: "current-password" })}
                ${this.error ? banner("critical", this.error) : nothing}
                <div class="actions">
                    ${button({ label: t("Sign in"), type: "submit", is_busy: this.isBusy })}
                </div>
            </form>
            <details class="more">
                <summary>${t("My account is on another server")}</summary>
                <form
                    class="start-form"
                    @submit=${(/** @type {SubmitEvent} */ event) => {
                        event.preventDefault();
                        const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
                        void this._work(() => this._find(String(form.get("server")).trim()));
                    }}
                >
                    ${accountField({ id: "server", label: t("Its server, such as example.org"), type: "text", autocomplete: "off" })}
                    ${button({ label: t("Go on there"), type: "submit", style: "secondary", is_busy: this.isBusy })}
                </form>
            </details>
            <p>
                ${t("No account yet?")}
                <a href=${hrefOf("start")}>${t("Start without one")}</a>
            </p>`;
    }

    _server() {
        const { server } = this;
        const providers = server?.providers.length ? server.providers : [{ id: "", name: "" }];
        return html`<h1 tabindex="-1">${t("Sign in at your server")}</h1>
            ${this.error ? banner("info", this.error) : nothing}
            ${
                server?.hasSso
                    ? html`<div class="actions stacked">
                          ${providers.map(({ id, name }) =>
                              button({
                                  label: name
                                      ? t("Continue with {name}", { name })
                                      : t("Continue at your server"),
                                  press: () => this._away(id || undefined),
                              }),
                          )}
                      </div>`
                    : nothing
            }
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
                ${accountField({ id: "key", label: t("Recovery key"), type: "text", autocomplete: "off" })}
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
