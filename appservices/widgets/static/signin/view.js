/**
 * Signing in: with the link or the code that a bot sends into the person's encrypted chat, or by
 * the word of their homeserver, which is worth less. One step at a time; what was typed stays.
 *
 * @typedef {import("../kit/session.js").Session} Session
 * @typedef {"person" | "code" | "link" | "server" | "welcome"} Step
 */
import { html, nothing } from "lit";
import { ApiError, call } from "../kit/api.js";
import { VecheElement, banner, button, field, spinner } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { colourOf, initialOf } from "../kit/marks.js";
import { ownPath } from "../kit/own_path.js";
import { appOrigin, noteApp, serverName, throughApp } from "../kit/page.js";
import { begin, end, forgetTab, session } from "../kit/session.js";
import "./code.js";
import "./server.js";
import { forget, isOwner, keepOwner, recall, remember } from "./memory.js";
import { personOf } from "./person.js";
import { signInWords } from "./words.js";

const API = "/_veche/sessions/v1";
const CODE_MS = 600_000;

export class VecheSignIn extends VecheElement {
    static properties = {
        taken: { attribute: false },
        step: { state: true },
        error: { state: true },
        wrong: { state: true },
        isBusy: { state: true },
    };

    constructor() {
        super();
        /** @type {import("./address.js").Taken} */
        this.taken = { secret: "", back: "", loginToken: "", state: "", isOfApp: false };
        /** @type {Step} */
        this.step = "person";
        /** What is wrong with the whole, in words. */
        this.error = "";
        /** What is wrong with the Matrix id. */
        this.wrong = "";
        this.isBusy = false;
        this.typed = "";
        /** @type {string | undefined} where to, once signed in */
        this.back = undefined;
        /** @type {(() => void) | undefined} what can be tried again */
        this.again = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        if (this.taken.back) remember({ back: this.taken.back });
        if (this.taken.isOfApp) noteApp();
        const { person, request, asked_at_ms = 0 } = recall();
        this.typed = person ?? "";
        if (this.taken.secret) void this._link(this.taken.secret);
        else if (this.taken.loginToken || this.taken.state) this.step = "server";
        else if (session()) this.step = "welcome";
        else if (request && Date.now() < asked_at_ms + CODE_MS) this.step = "code";
    }

    /** @param {Step} step */
    async _go(step) {
        Object.assign(this, { step, error: "", wrong: "" });
        await this.updateComplete;
        // Where a code is typed, that is where one begins.
        if (step !== "code") this.querySelector(/** @type {"h1"} */ ("h1"))?.focus();
    }

    /** @param {string} secret */
    async _link(secret) {
        this.step = "link";
        try {
            // No idempotency key: a link is good once, and a repeated try would tell nothing.
            this._begin(await call("POST", `${API}/link`, { body: { secret } }));
            // Who it is must be seen first: a link of somebody else would sign in somebody else.
            if (this.back && isOwner(session()?.person ?? "")) this._leave();
            else await this._go("welcome");
        } catch (error) {
            await this._go("person");
            const isOver = error instanceof ApiError && error.status === 403;
            this.error = isOver
                ? t(
                      "This link is not good any more: it was used, or is older than ten minutes. Type your Matrix id to get a new one.",
                  )
                : signInWords(error);
            if (!isOver) this.again = () => void this._link(secret);
        }
    }

    /** @param {Session} begun */
    _begin(begun) {
        begin(begun);
        this.back = recall().back;
        forget();
    }

    /** Goes where the person wanted to. */
    _leave() {
        location.assign(ownPath(this.back ?? recall().back ?? "", location.origin) || "/");
    }

    /** @param {CustomEvent<Session>} event */
    _signedIn({ detail }) {
        this._begin(detail);
        this._leave();
        this.step = "link"; // until the browser has gone
    }

    /** @param {Event} event */
    async _askCode(event) {
        event.preventDefault();
        if (this.isBusy) return;
        const person = personOf(this.typed, serverName());
        Object.assign(this, { error: "", again: undefined, wrong: "" });
        if (!person) {
            this.wrong = t("This is not a Matrix id. Write it like {example}.", {
                example: `@alice:${serverName()}`,
            });
            await this.updateComplete;
            this.querySelector(/** @type {"input"} */ ("#person"))?.focus();
            return;
        }
        this.isBusy = true;
        try {
            await this.sendCode(person);
            await this._go("code");
        } catch (error) {
            this.error = signInWords(error);
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {string} person Matrix id */
    async sendCode(person) {
        const { request } = await call("POST", `${API}/codes`, { body: { person } });
        remember({ person, request, asked_at_ms: Date.now() });
    }

    _person() {
        const example = `@alice:${serverName()}`;
        return html`<h1 tabindex="-1">${t("Sign in")}</h1>
            ${
                appOrigin()
                    ? html`<p class="actions">
                              <a class="button primary" href=${throughApp(recall().back || "/")}
                                  >${t("Continue with the Veche app")}</a
                              >
                          </p>
                          <p class="or"><span>${t("or")}</span></p>`
                    : nothing
            }
            <p class="secondary-text">
                ${t("Give your Matrix id. A bot of ours then sends you a code, in the encrypted chat that you have with it.")}
            </p>
            <form novalidate @submit=${this._askCode}>
                ${field({
                    id: "person",
                    label: t("Your Matrix id"),
                    help: t("For example {example}", { example }),
                    error: this.wrong,
                    control: ({ id, describedby, invalid }) =>
                        html`<input
                            id=${id}
                            type="text"
                            name="username"
                            autocomplete="username"
                            autocapitalize="none"
                            spellcheck="false"
                            inputmode="email"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                            required
                            .value=${this.typed}
                            @input=${(/** @type {InputEvent} */ event) => {
                                this.typed = /** @type {HTMLInputElement} */ (event.target).value;
                            }}
                        />`,
                })}
                ${button({ label: t("Send me a code"), type: "submit", is_busy: this.isBusy })}
            </form>
            <p class="or"><span>${t("or")}</span></p>
            ${button({
                label: t("Sign in at my homeserver"),
                style: "secondary",
                press: () => void this._go("server"),
            })}
            <details>
                <summary>${t("Which one should I take?")}</summary>
                <p>
                    ${t("The code proves that you read your encrypted chat. With it you see your cases and answer questions.")}
                </p>
                <p>
                    ${t("Your homeserver can only say that the account is yours. That is enough to look at the list of your keys and to revoke one, not to read or answer.")}
                </p>
                <p>
                    ${t("No chat with a bot yet? Start one in your Matrix client, with encryption on. The page of each service says with whom.")}
                </p>
            </details>`;
    }

    _welcome() {
        const { person = "", level = "low" } = session() ?? {};
        const back = ownPath(this.back ?? recall().back ?? "", location.origin);
        const isLow = level === "low";
        // Never the name or the picture that somebody has chosen: they could be those of another.
        const [name = ""] = person.slice(1).split(":");
        return html`<p class="who-mark">
                <span class="avatar ${colourOf(person)}" aria-hidden="true"
                    >${initialOf(person)}</span
                >
            </p>
            <h1 tabindex="-1">${t("You are signed in as {name}", { name })}</h1>
            <p class="who"><bdi>${person}</bdi></p>
            <p class="secondary-text">
                ${
                    isLow
                        ? t(
                              "Your homeserver says who you are. To read your cases and to answer, sign in with a code from your chat.",
                          )
                        : t(
                              "Is this you? Then go on. If this is not you, somebody sent you their link: give nothing here.",
                          )
                }
            </p>
            <div class="actions stacked">
                ${button({
                    label: back ? t("Go on") : t("To the start page"),
                    press: () => {
                        if (!isLow) keepOwner(person);
                        this._leave();
                    },
                })}
                ${button({
                    label: isLow ? t("Sign in with a code") : t("That is not me"),
                    style: "secondary",
                    press: () => void this._other(),
                })}
            </div>
            <details>
                <summary>${t("How long, and where else")}</summary>
                <p>${t("This tab only, until you sign out or do nothing for 15 minutes.")}</p>
                <p><a href="/keys#sessions">${t("Where I am signed in")}</a></p>
            </details>`;
    }

    /** Another person, or the same with a code. */
    async _other() {
        const { level, person } = session() ?? {};
        if (level === "low") {
            this.typed = person ?? "";
            await this._go("person");
            return;
        }
        // If it can't be told, the session idles out: nobody here has its token any more.
        await call("DELETE", `${API}/session`).catch(() => {});
        end();
        forget();
        keepOwner(undefined);
        forgetTab();
        this.typed = "";
        await this._go("person");
    }

    _step() {
        switch (this.step) {
            case "link":
                return html`<h1 tabindex="-1">${t("Signing in")}</h1>
                    ${spinner()}`;
            case "code":
                return html`<veche-code
                    .send=${(/** @type {string} */ person) => this.sendCode(person)}
                    @veche-signed-in=${this._signedIn}
                    @veche-back=${() => void this._go("person")}
                ></veche-code>`;
            case "server":
                return html`<veche-homeserver
                    .taken=${this.taken}
                    .person=${personOf(this.typed, serverName()) || this.typed}
                    @veche-signed-in=${this._signedIn}
                    @veche-back=${() => void this._go("person")}
                ></veche-homeserver>`;
            case "welcome":
                return session() ? this._welcome() : this._person();
            default:
                return this._person();
        }
    }

    render() {
        return html`<div class="alone">
            ${
                this.error
                    ? html`${banner(
                          "critical",
                          html`<p>${this.error}</p>
                              ${
                                  this.again
                                      ? html`<p>
                                            ${button({ label: t("Try again"), style: "secondary", press: this.again })}
                                        </p>`
                                      : nothing
                              }`,
                      )}`
                    : nothing
            }
            ${this._step()}
        </div>`;
    }
}
customElements.define("veche-sign-in", VecheSignIn);
