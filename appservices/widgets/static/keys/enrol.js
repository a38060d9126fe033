/**
 * Making the key of this device: the key is made here, the bot sends a code into the person's
 * encrypted chat, and the person types it here. So nobody adds a key who can't read that chat. An
 * enrolment outlives a reload: what it still needs is kept with the key.
 *
 * @typedef {import("../kit/approval.js").DeviceKey} DeviceKey
 * @typedef {import("../kit/approval.js").KeyKind} KeyKind
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { ApiError } from "../kit/api.js";
import { PasskeyRefusedError, StorageRefusedError } from "../kit/approval.js";
import { DIGITS, codeField } from "../kit/code_input.js";
import { VecheElement, banner, button, textField } from "../kit/elements.js";
import { currentLanguage, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { appOrigin, isFromApp } from "../kit/page.js";
import { signInHref } from "../kit/shell.js";
import { problem } from "../cases/elements/problem.js";
import { serverNow } from "../cases/now.js";
import { deviceName } from "./device.js";
import { begin, confirm, forget, resume } from "./enrolling.js";

const LABEL_CHARACTERS_MAX = 80;
const OVER = "ORG.VECHE.KEY_ENROLMENT_OVER";

export class VecheEnrol extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        canPasskey: { attribute: false },
        person: { attribute: false },
        given: { attribute: false },
        kind: { state: true },
        key: { state: true },
        wrong: { state: true },
        error: { state: true },
        note: { state: true },
        isBusy: { state: true },
        isOpen: { state: true },
        code: { state: true },
    });

    constructor() {
        super();
        this.canPasskey = false;
        this.person = "";
        /** The code, where the app has brought it. */
        this.given = "";
        /** @type {KeyKind | ""} as chosen; empty: the better one */
        this.kind = "";
        this.label = "";
        /** @type {DeviceKey | undefined} the key that waits for its code */
        this.key = undefined;
        this.wrong = "";
        /** @type {unknown} */
        this.error = undefined;
        this.note = "";
        this.isBusy = false;
        this.isOpen = false;
        this.code = "";
    }

    async connectedCallback() {
        super.connectedCallback();
        this.label = deviceName(navigator.userAgent);
        this.key = await resume(this.person, serverNow());
        this.isOpen = isFromApp();
        if (!this.key || !this.given) return;
        this.code = this.given;
        this._confirm();
    }

    get _kind() {
        return this.kind || (this.canPasskey ? "webauthn" : "p256");
    }

    /** @param {() => Promise<void>} work */
    async _work(work) {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: undefined, wrong: "", note: "" });
        try {
            await work();
        } catch (error) {
            await this._fail(error);
        } finally {
            this.isBusy = false;
        }
    }

    /** @param {unknown} error */
    async _fail(error) {
        if (error instanceof ApiError && error.errcode === "ORG.VECHE.KEY_CODE_WRONG") {
            this.code = "";
            this.wrong = t(
                "This is not the code. Look again: after three wrong ones you have to start again.",
            );
            return;
        }
        if (error instanceof ApiError && error.errcode === OVER) await this._drop();
        this.error = error;
    }

    /** Gives this enrolment up. */
    async _drop() {
        if (this.key) await forget(this.key);
        Object.assign(this, { key: undefined, code: "" });
    }

    /** @param {Event} event */
    _begin(event) {
        event.preventDefault();
        const label = this.label.trim();
        if (!label) {
            this.wrong = t("Give it a name, so that you know it again.");
            this._focus("#key-label");
            return;
        }
        void this._work(async () => {
            this.key = await begin(this._kind, label, this.person);
            // The app reads the code in the chat, and comes back with it.
            const words = encodeURIComponent(this.key.enrolling?.words ?? "");
            if (isFromApp()) return location.assign(`${appOrigin()}/#/open/key-code/${words}`);
            this._focus("#key-code");
        });
    }

    /** @param {string} place */
    async _focus(place) {
        await this.updateComplete;
        this.querySelector(/** @type {"input"} */ (place))?.focus();
    }

    /** @param {string} digits */
    _type(digits) {
        this.code = digits;
        this.wrong = "";
        if (this.code.length === DIGITS) this._confirm();
    }

    /** @param {Event} [event] */
    _confirm(event) {
        event?.preventDefault();
        const { key } = this;
        if (!key) return;
        if (this.code.length !== DIGITS) {
            this.wrong = t("The code has six digits.");
            this._focus("#key-code");
            return;
        }
        void this._work(async () => {
            const made = await confirm(key, this.code);
            Object.assign(this, { key: undefined, code: "", isOpen: false });
            this.dispatchEvent(
                new CustomEvent("veche-keys-changed", { detail: made, bubbles: true }),
            );
        }).then(async () => {
            if (this.wrong) await this._focus("#key-code");
        });
    }

    _trouble() {
        const { error } = this;
        if (!error) return nothing;
        if (error instanceof StorageRefusedError)
            return banner(
                "critical",
                html`<p>
                    ${t("This browser keeps nothing for this page, so it can't keep a key. Is this a private window? Use an ordinary one, or a passkey.")}
                </p>`,
            );
        if (error instanceof PasskeyRefusedError)
            return banner(
                "critical",
                html`<p>
                    ${t("No passkey was made: you stopped it, or the device did not recognise you. Try again, or make a key of this browser.")}
                </p>`,
            );
        return problem(error, { signIn: signInHref() });
    }

    _offer() {
        return html`<h2>${t("This device has no key yet")}</h2>
            <p>
                ${t("With a key you can approve important things here: payments, signatures, passing on your data. It takes a minute, and you need your chat.")}
            </p>
            <div class="actions">
                ${button({
                    label: t("Make a key for this device"),
                    press: () => {
                        this.isOpen = true;
                        this._focus("#key-label");
                    },
                })}
            </div>`;
    }

    /** @param {KeyKind} kind @param {string} words @param {string} explained */
    _option(kind, words, explained) {
        return html`<label class="option">
            <input
                type="radio"
                name="key-kind"
                value=${kind}
                .checked=${live(this._kind === kind)}
                @change=${() => (this.kind = kind)}
            />
            <span>${words}<span class="help">${explained}</span></span>
        </label>`;
    }

    _form() {
        return html`<h2>${t("Make a key for this device")}</h2>
            ${this._trouble()}
            <form novalidate @submit=${this._begin}>
                ${textField({
                    id: "key-label",
                    label: t("Name of this device"),
                    help: t("So that you know it again in the list."),
                    error: this.wrong,
                    maxlength: LABEL_CHARACTERS_MAX,
                    capitals: "sentences",
                    value: this.label,
                    typed: (text) => (this.label = text),
                })}
                ${
                    this.canPasskey
                        ? html`<fieldset class="field">
                              <legend>${t("What sort of key?")}</legend>
                              ${this._option("webauthn", t("Passkey (better)"), t("This device asks for your finger, face or PIN each time."))}
                              ${this._option("p256", t("Key of this browser"), t("Nothing is asked: whoever can use this browser can approve."))}
                          </fieldset>`
                        : html`<p class="secondary-text">
                              ${t("The key stays in this browser. Anybody who can use this browser can approve with it: lock your device.")}
                          </p>`
                }
                <div class="actions">
                    ${button({ label: t("Make the key"), type: "submit", is_busy: this.isBusy })}
                    ${button({
                        label: t("Not now"),
                        style: "secondary",
                        press: () =>
                            Object.assign(this, { isOpen: false, error: undefined, wrong: "" }),
                    })}
                </div>
            </form>`;
    }

    /** @param {DeviceKey} key */
    _code(key) {
        return html`<h2>${t("Now look into your chat")}</h2>
            ${this._trouble()}
            <p>${t("The bot has sent you six digits and four words. Are these the same words?")}</p>
            <p class="words big" lang="en">${key.enrolling?.words ?? ""}</p>
            <form novalidate @submit=${this._confirm}>
                ${codeField({
                    id: "key-code",
                    label: t("The code from your chat"),
                    help: t("Other words? Then don't type it: somebody else asked for a key."),
                    error: this.wrong,
                    digits: this.code,
                    isBusy: this.isBusy,
                    typed: (digits) => this._type(digits),
                })}
                <div class="actions">
                    ${button({ label: t("Add the key"), type: "submit", is_busy: this.isBusy })}
                    ${button({
                        label: t("Start again"),
                        style: "secondary",
                        press: () => void this._drop().then(() => (this.isOpen = true)),
                    })}
                </div>
            </form>`;
    }

    render() {
        // The words of what went wrong are the service's, in this language.
        const content = this.key
            ? this._code(this.key)
            : this.isOpen
              ? this._form()
              : this._offer();
        return html`<section class="card enrol" lang=${currentLanguage()}>
            <p class="big-icon">${icon("key")}</p>
            ${content}
            <p role="status" class="note">${this.isBusy ? t("One moment…") : this.note}</p>
        </section>`;
    }
}
customElements.define("veche-enrol", VecheEnrol);
