/**
 * Six digits that a bot has sent. They can be pasted with spaces, come from the keyboard's
 * suggestion, and are sent as soon as all are there.
 */
import { html } from "lit";
import { ApiError, call } from "../kit/api.js";
import { DIGITS, codeField } from "../kit/code_input.js";
import { VecheElement, button } from "../kit/elements.js";
import { plural, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { recall, remember } from "./memory.js";
import { signInWords } from "./words.js";

const API = "/_veche/sessions/v1";
/** Until a new code may be asked for: the first one may still be on its way. */
const RESEND_MS = 30_000;
const SECOND_MS = 1000;

export class VecheCode extends VecheElement {
    static properties = {
        send: { attribute: false },
        typed: { state: true },
        error: { state: true },
        note: { state: true },
        isBusy: { state: true },
        isOver: { state: true },
        waitS: { state: true },
    };

    constructor() {
        super();
        /** @type {(person: string) => Promise<void>} asks for a code */
        this.send = async () => {};
        this.typed = "";
        this.error = "";
        this.note = "";
        this.isBusy = false;
        /** Whether the code that was sent is not good any more. */
        this.isOver = false;
        this.waitS = 0;
    }

    connectedCallback() {
        super.connectedCallback();
        this._tick();
        this._timer = setInterval(() => this._tick(), SECOND_MS);
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        clearInterval(this._timer);
    }

    _tick() {
        const since_ms = Date.now() - (recall().asked_at_ms ?? 0);
        // A clock that was set back must not lock the button.
        this.waitS = since_ms < 0 ? 0 : Math.max(0, Math.ceil((RESEND_MS - since_ms) / SECOND_MS));
    }

    firstUpdated() {
        this.querySelector(/** @type {"input"} */ ("#code"))?.focus();
    }

    /** @param {string} digits */
    _type(digits) {
        this.typed = digits;
        this.error = "";
        if (this.typed.length === DIGITS) void this._try();
    }

    /** @param {Event} event */
    _submit(event) {
        event.preventDefault();
        if (this.typed.length === DIGITS) void this._try();
        else this._fail(t("The code has six digits."));
    }

    async _try() {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "", note: "" });
        try {
            const begun = await call("POST", `${API}/code`, {
                body: { request: recall().request ?? "", code: this.typed },
            });
            this.dispatchEvent(new CustomEvent("veche-signed-in", { detail: begun }));
        } catch (error) {
            this.isBusy = false;
            this.isOver =
                error instanceof ApiError && error.errcode === "ORG.VECHE.SIGN_IN_REFUSED";
            // What could not be sent stays in the field; a wrong code has to be typed anew.
            if (error instanceof ApiError && error.status === 403) this.typed = "";
            await this._fail(signInWords(error));
        }
    }

    /** @param {string} words */
    async _fail(words) {
        this.error = words;
        await this.updateComplete;
        this.querySelector(/** @type {"input"} */ ("#code"))?.focus();
    }

    async _resend() {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "", note: "", typed: "" });
        try {
            await this.send(recall().person ?? "");
            Object.assign(this, {
                isOver: false,
                note: t("A new code is on its way. The old one is not good any more."),
            });
        } catch (error) {
            this.error = signInWords(error);
        } finally {
            this.isBusy = false;
            this._tick();
        }
        await this.updateComplete;
        this.querySelector(/** @type {"input"} */ ("#code"))?.focus();
    }

    _back() {
        remember({ request: undefined });
        this.dispatchEvent(new CustomEvent("veche-back"));
    }

    render() {
        const person = recall().person ?? "";
        return html`<p class="big-icon">${icon("chat")}</p>
            <h1 tabindex="-1">${t("Look into your chat")}</h1>
            <p>
                ${t("If {person} has an encrypted chat with one of our bots, the bot has just sent six digits there.", { person })}
            </p>
            <form novalidate @submit=${this._submit}>
                ${codeField({
                    id: "code",
                    label: t("The code"),
                    error: this.error,
                    digits: this.typed,
                    isBusy: this.isBusy,
                    typed: (digits) => this._type(digits),
                })}
                <p role="status" class="note">${this.isBusy ? t("One moment…") : this.note}</p>
                ${
                    this.isOver
                        ? button({
                              label: t("Send a new code"),
                              is_busy: this.isBusy,
                              press: () => void this._resend(),
                          })
                        : button({ label: t("Sign in"), type: "submit", is_busy: this.isBusy })
                }
            </form>
            <div class="below">
                ${
                    this.isOver
                        ? html``
                        : button({
                              label: this.waitS
                                  ? plural(
                                        "Send a new code (in {count} second)",
                                        "Send a new code (in {count} seconds)",
                                        this.waitS,
                                    )
                                  : t("Send a new code"),
                              style: "secondary",
                              is_off: this.isBusy || this.waitS > 0,
                              press: () => void this._resend(),
                          })
                }
                ${button({ label: t("Another Matrix id"), style: "secondary", press: () => this._back() })}
            </div>
            <details>
                <summary>${t("No code came")}</summary>
                <p>
                    ${t("Is the Matrix id right? Is there a direct chat with one of our bots, with encryption on? Without one nobody can send you a code: start the chat in your Matrix client, then ask again.")}
                </p>
                <p>
                    ${t("We never ask for this code in a chat, by phone or by mail. Give it to nobody.")}
                </p>
            </details>`;
    }
}
customElements.define("veche-code", VecheCode);
