/**
 * Signing in by the word of the person's homeserver: find it, sign in there, have it say who that
 * is, sign out there. What it says is worth the lowest level.
 *
 * @typedef {import("./homeserver.js").Homeserver} Homeserver
 * @typedef {import("./homeserver.js").SignedIn} SignedIn
 */
import { html, nothing } from "lit";
import { ApiError, call, newKey } from "../kit/api.js";
import { VecheElement, banner, button, field, spinner } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { serverName } from "../kit/page.js";
import {
    HomeserverError,
    findHomeserver,
    identify,
    signInByPassword,
    signInByToken,
    signOut,
    ssoAddress,
} from "./homeserver.js";
import { recall, remember } from "./memory.js";
import { personOf, serverOf } from "./person.js";
import { signInWords } from "./words.js";

const API = "/_veche/sessions/v1";

export class VecheHomeserver extends VecheElement {
    static properties = {
        taken: { attribute: false },
        person: { attribute: false },
        typed: { state: true },
        address: { state: true },
        found: { state: true },
        wrong: { state: true },
        error: { state: true },
        working: { state: true },
        isLost: { state: true },
    };

    constructor() {
        super();
        /** @type {import("./address.js").Taken} */
        this.taken = { secret: "", back: "", loginToken: "", state: "", isOfApp: false };
        /** What was typed on the page before. */
        this.person = "";
        this.typed = "";
        /** Where the homeserver is, if the person had to say it. */
        this.address = "";
        /** @type {Homeserver | undefined} */
        this.found = undefined;
        /** What is wrong with one field, by its id. */
        this.wrong = /** @type {Record<string, string>} */ ({});
        this.error = "";
        /** What is being waited for, in words; empty: nothing. */
        this.working = "";
        /** Whether the homeserver could not be found by its name. */
        this.isLost = false;
        /** @type {Record<string, unknown> | undefined} the homeserver's word, until we took it */
        this.openid = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        this.typed = this.person || recall().person || "";
        const { loginToken, state } = this.taken;
        if (loginToken || state) void this._returned(loginToken, state);
    }

    get _server() {
        return serverOf(personOf(this.typed, serverName()));
    }

    /** Back from single sign-on. @param {string} token @param {string} state */
    async _returned(token, state) {
        this.taken = { ...this.taken, loginToken: "", state: "", isOfApp: false };
        const { state: begun, homeserver } = recall();
        remember({ state: undefined, homeserver: undefined });
        if (!begun || begun !== state || !homeserver) {
            this.error = t("This sign-in was not begun in this tab. Please begin it here.");
            return;
        }
        if (!token) {
            this.error = t("Your homeserver did not sign you in. You can try again.");
            return;
        }
        await this._work(t("Your homeserver says who you are…"), async () =>
            this._take(await signInByToken(homeserver, token)),
        );
    }

    /** @param {Event} event */
    async _find(event) {
        event.preventDefault();
        const person = personOf(this.typed, serverName());
        if (!person) {
            await this._refuse(
                "hs-person",
                t("This is not a Matrix id. Write it like {example}.", {
                    example: `@alice:${serverName()}`,
                }),
            );
            return;
        }
        this.typed = person;
        await this._work(t("Looking for your homeserver…"), async () => {
            try {
                this.found = await findHomeserver(this.address.trim() || serverOf(person));
            } catch (error) {
                this.isLost ||= error instanceof HomeserverError && error.trouble === "unknown";
                throw error;
            }
        });
    }

    /** @param {SubmitEvent} event */
    async _password(event) {
        event.preventDefault();
        const { found } = this;
        const input = this.querySelector(/** @type {"input"} */ ("#hs-password"));
        if (!found || !input) return;
        if (!input.value) {
            await this._refuse("hs-password", t("Your password is needed here."));
            return;
        }
        const person = personOf(this.typed, serverName());
        await this._work(t("Signing in at your homeserver…"), async () => {
            /** @type {SignedIn} */
            let signedIn;
            try {
                signedIn = await signInByPassword(found.base, person, input.value);
            } catch (error) {
                if (!(error instanceof HomeserverError && error.trouble === "forbidden"))
                    throw error;
                await this._refuse(
                    "hs-password",
                    t("Your homeserver does not know this Matrix id with this password."),
                );
                return;
            }
            input.value = "";
            if (signedIn.user_id !== person) {
                await signOut(signedIn.base, signedIn.access_token);
                throw new HomeserverError("refused");
            }
            await this._take(signedIn);
        });
    }

    /** @param {string} [provider] */
    _sso(provider) {
        if (!this.found) return;
        const state = newKey();
        const isKept = remember({ person: this.typed, state, homeserver: this.found.base });
        if (!isKept) {
            this.error = t(
                "This browser keeps nothing for this page (a private window?), so it could not come back from your homeserver. Sign in with a code instead.",
            );
            return;
        }
        this.working = t("Going to your homeserver…");
        location.assign(
            ssoAddress(this.found.base, `${location.origin}/signin?sso=${state}`, provider),
        );
    }

    /** @param {SignedIn} signedIn */
    async _take(signedIn) {
        const { openid } = await identify(signedIn);
        this.openid = openid;
        await this._hand();
    }

    /** Brings us the homeserver's word. */
    async _hand() {
        const begun = await call("POST", `${API}/openid`, { body: this.openid });
        this.openid = undefined;
        this.dispatchEvent(new CustomEvent("veche-signed-in", { detail: begun }));
    }

    /** @param {string} words @param {() => Promise<void>} work */
    async _work(words, work) {
        if (this.working) return;
        Object.assign(this, { working: words, error: "", wrong: {} });
        try {
            await work();
        } catch (error) {
            const isRefused = error instanceof ApiError && error.status === 403;
            // A refused one is of no use; of one that nobody could check, the same can be brought again.
            if (isRefused) this.openid = undefined;
            this.error = isRefused
                ? t(
                      "We did not accept the answer of your homeserver. Sign in with a code from your chat instead.",
                  )
                : signInWords(
                      error,
                      this.found ? new URL(this.found.base).host : this.address || this._server,
                  );
        } finally {
            this.working = "";
        }
        await this.updateComplete;
        this._focus();
    }

    _focus() {
        const wrong = Object.keys(this.wrong)[0];
        const place = wrong ? `#${wrong}` : this.isLost && !this.found ? "#hs-address" : "h1";
        this.querySelector(/** @type {"input"} */ (place))?.focus();
    }

    /** @param {string} id of the field @param {string} words */
    async _refuse(id, words) {
        this.wrong = { [id]: words };
        await this.updateComplete;
        this._focus();
    }

    _finding() {
        return html`<p class="secondary-text">
                ${t("It says who you are, and nothing else: we never get your password, and the session there ends at once.")}
            </p>
            <form novalidate @submit=${this._find}>
                ${field({
                    id: "hs-person",
                    label: t("Your Matrix id"),
                    help: t("For example {example}", { example: `@alice:${serverName()}` }),
                    error: this.wrong["hs-person"],
                    control: (wiring) =>
                        this._input(wiring, this.typed, "username", (text) => (this.typed = text)),
                })}
                ${
                    this.isLost || this.address
                        ? field({
                              id: "hs-address",
                              label: t("Address of your homeserver"),
                              help: t(
                                  "Your Matrix client shows it in its settings, such as {example}.",
                                  { example: "https://matrix.example.org" },
                              ),
                              is_required: false,
                              control: (wiring) =>
                                  this._input(
                                      wiring,
                                      this.address,
                                      "off",
                                      (text) => (this.address = text),
                                  ),
                          })
                        : nothing
                }
                ${button({ label: t("Find my homeserver"), type: "submit" })}
            </form>`;
    }

    /**
     * @param {{id: string, describedby: string | typeof nothing, invalid: string}} wiring
     * @param {string} value
     * @param {"username" | "off"} autocomplete off: an address
     * @param {(text: string) => void} changed
     */
    _input({ id, describedby, invalid }, value, autocomplete, changed) {
        return html`<input
            id=${id}
            type="text"
            name=${id}
            autocomplete=${autocomplete}
            autocapitalize="none"
            spellcheck="false"
            inputmode=${autocomplete === "off" ? "url" : "email"}
            aria-describedby=${describedby}
            aria-invalid=${invalid}
            .value=${value}
            @input=${(/** @type {InputEvent} */ event) =>
                changed(/** @type {HTMLInputElement} */ (event.target).value)}
        />`;
    }

    /** @param {Homeserver} found */
    _methods({ base, hasPassword, hasSso, providers }) {
        const host = new URL(base).host;
        const named = providers.length ? providers : [{ id: "", name: host }];
        return html`<dl class="facts boxed">
                <dt>${t("You")}</dt>
                <dd><bdi>${this.typed}</bdi></dd>
                <dt>${t("Your homeserver")}</dt>
                <dd>${host}</dd>
            </dl>
            ${
                hasSso
                    ? html`<div class="actions stacked">
                          ${named.map(({ id, name }) =>
                              button({
                                  label: html`<span>${t("Go on with {name}", { name })}</span
                                      >${icon("out")}`,
                                  press: () => this._sso(id || undefined),
                              }),
                          )}
                      </div>`
                    : nothing
            }
            ${hasSso && hasPassword ? html`<p class="or"><span>${t("or")}</span></p>` : nothing}
            ${hasPassword ? this._passwordForm(host, hasSso) : nothing}
            ${
                hasSso || hasPassword
                    ? nothing
                    : banner(
                          "info",
                          t(
                              "You can't sign in to this homeserver from a browser. Sign in with a code from your chat instead.",
                          ),
                      )
            }`;
    }

    /** @param {string} host @param {boolean} isSecond */
    _passwordForm(host, isSecond) {
        return html`<form novalidate @submit=${this._password}>
            <input
                type="text"
                name="username"
                autocomplete="username"
                .value=${this.typed}
                hidden
            />
            ${field({
                id: "hs-password",
                label: t("Password of your Matrix account"),
                help: t("It goes from this browser straight to {host}. We don't get it.", { host }),
                error: this.wrong["hs-password"],
                control: ({ id, describedby, invalid }) =>
                    html`<input
                        id=${id}
                        type="password"
                        name="password"
                        autocomplete="current-password"
                        aria-describedby=${describedby}
                        aria-invalid=${invalid}
                    />`,
            })}
            ${button({ label: t("Sign in"), type: "submit", style: isSecond ? "secondary" : "primary" })}
        </form>`;
    }

    _content() {
        if (this.working) return spinner(this.working);
        if (this.openid)
            return button({
                label: t("Try again"),
                press: () => void this._work(t("One moment…"), () => this._hand()),
            });
        return this.found ? this._methods(this.found) : this._finding();
    }

    render() {
        return html`<h1 tabindex="-1">${t("Sign in at my homeserver")}</h1>
            ${this.error ? banner("critical", html`<p>${this.error}</p>`) : nothing}
            ${this._content()}
            ${
                this.working
                    ? nothing
                    : html`<div class="below">
                          ${
                              this.found
                                  ? button({
                                        label: t("Another homeserver"),
                                        style: "secondary",
                                        press: () =>
                                            Object.assign(this, {
                                                found: undefined,
                                                error: "",
                                                openid: undefined,
                                            }),
                                    })
                                  : nothing
                          }
                          ${button({
                              label: t("Sign in with a code"),
                              style: "secondary",
                              press: () => this.dispatchEvent(new CustomEvent("veche-back")),
                          })}
                      </div>`
            }`;
    }
}
customElements.define("veche-homeserver", VecheHomeserver);
