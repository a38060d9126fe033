/** The recovery key: shown once, kept by the person, and asked back. */
import { html } from "lit";
import { VecheElement, banner, button, spinner, textField, typedIn } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { save } from "../../kit/save.js";
import { storageWords } from "../account/storage_words.js";

/** How many groups of the key are asked back. */
const ASKED = 2;

/** @typedef {import("../client/open.js").Opened} Opened */

export class AppKey extends VecheElement {
    static properties = {
        opened: { attribute: false },
        key: { state: true },
        step: { state: true },
        error: { state: true },
        wrong: { state: true },
        note: { state: true },
    };

    constructor() {
        super();
        /** @type {Opened | undefined} */
        this.opened = undefined;
        this.key = "";
        /** @type {"show" | "confirm"} */
        this.step = "show";
        this.error = "";
        /** @type {Set<number>} */
        this.wrong = new Set();
        this.note = "";
        /** @type {number[]} numbers of the groups that are asked back */
        this.asked = [];
    }

    firstUpdated() {
        void this._protect();
    }

    async _protect() {
        const { opened } = this;
        if (!opened) return;
        this.error = "";
        try {
            const { protect } = await import("../client/identity.js");
            this.key = await protect(opened);
            const groups = [...this.key.split(" ").keys()];
            const first = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
            this.asked = [first % groups.length, (first + 5) % groups.length]
                .slice(0, ASKED)
                .toSorted((a, b) => a - b);
        } catch (error) {
            this.error = navigator.onLine
                ? storageWords(error)
                : t("The server can't be reached. Check your connection, then try again.");
        }
    }

    /** @param {typeof this.step} step */
    async _go(step) {
        Object.assign(this, { step, wrong: new Set(), note: "" });
        await this.updateComplete;
        this.querySelector(/** @type {"h1"} */ ("h1"))?.focus();
    }

    async _copy() {
        try {
            await navigator.clipboard.writeText(this.key);
            this.note = t("Copied. Paste it somewhere safe, such as a password manager.");
        } catch {
            this.note = t("Your browser did not copy it. Save it as a file, or write it down.");
        }
    }

    _download() {
        const text = `${t("Recovery key of Veche")}\n${this.opened?.client.getUserId() ?? ""}\n\n${this.key}\n`;
        save(new Blob([text], { type: "text/plain" }), "veche-recovery-key.txt");
        this.note = t("Saved as a file. Move it to a safe place.");
    }

    /** @param {SubmitEvent} event */
    async _confirm(event) {
        const form = typedIn(event);
        const groups = this.key.split(" ");
        this.wrong = new Set(
            this.asked.filter(
                (number) => String(form.get(`group-${number}`)).trim() !== groups[number],
            ),
        );
        if (!this.wrong.size)
            return void this.dispatchEvent(new CustomEvent("veche-key-kept", { bubbles: true }));
        await this.focusWrong();
    }

    _show() {
        return html`<h1 tabindex="-1">${t("Your recovery key")}</h1>
            <p>
                ${t("If you lose this device, this key brings your chats and documents back. Nobody else has it, and we can't replace it.")}
            </p>
            <ol class="recovery-key" aria-label=${t("Your recovery key")}>
                ${this.key.split(" ").map((group) => html`<li><code>${group}</code></li>`)}
            </ol>
            <div class="actions key-actions">
                ${button({ label: html`${icon("copy")}<span>${t("Copy")}</span>`, style: "secondary", press: () => void this._copy() })}
                ${button({ label: html`${icon("file")}<span>${t("Save as a file")}</span>`, style: "secondary", press: () => this._download() })}
                ${button({ label: html`${icon("document")}<span>${t("Print")}</span>`, style: "secondary", press: () => window.print() })}
            </div>
            <p role="status" class="secondary-text">${this.note}</p>
            <div class="actions">
                ${button({ label: t("I have saved it"), press: () => void this._go("confirm") })}
            </div>`;
    }

    _ask() {
        return html`<h1 tabindex="-1">${t("Check your recovery key")}</h1>
            <p>${t("Look at the key that you saved, and type two of its groups.")}</p>
            <form class="start-form" novalidate @submit=${this._confirm}>
                ${this.asked.map((number) =>
                    textField({
                        id: `group-${number}`,
                        label: t("Group {number}", { number: number + 1 }),
                        kind: "group",
                        error: this.wrong.has(number)
                            ? t("This is not group {number}. Capital and small letters differ.", {
                                  number: number + 1,
                              })
                            : undefined,
                    }),
                )}
                <div class="actions">
                    ${button({ label: t("Done"), type: "submit" })}
                    ${button({ label: t("Show the key again"), style: "secondary", press: () => void this._go("show") })}
                </div>
            </form>`;
    }

    render() {
        return html`<div class="narrow">${this._step()}</div>`;
    }

    _step() {
        const title = html`<h1 tabindex="-1">${t("Your recovery key")}</h1>`;
        if (this.error)
            return html`${title} ${banner("critical", this.error)}
                <div class="actions">
                    ${button({ label: t("Try again"), press: () => void this._protect() })}
                </div>`;
        if (!this.key) return html`${title} ${spinner(t("Your keys are being made…"))}`;
        return this.step === "show" ? this._show() : this._ask();
    }
}
customElements.define("app-key", AppKey);
