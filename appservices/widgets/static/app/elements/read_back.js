/**
 * A button that reads older messages of all chats, with its progress and a stop. It tells
 * `veche-read` after each page.
 */
import { html } from "lit";
import { BusyElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account } from "../account/account.js";

class AppReadBack extends BusyElement {
    static properties = {
        label: { attribute: false },
        isOffices: { attribute: false },
        done: { attribute: false },
        words: { state: true },
    };

    constructor() {
        super();
        this.label = "";
        /** Whether only chats with offices are read. */
        this.isOffices = false;
        /** What is done once all is read. @type {(() => Promise<void>) | undefined} */
        this.done = undefined;
        this.words = "";
        this._stop = new AbortController();
    }

    connectedCallback() {
        super.connectedCallback();
        this.keep(() => this._stop.abort());
    }

    async _read() {
        const { signal } = (this._stop = new AbortController());
        const client = account().opened?.client;
        this.words = t("Reading older messages…");
        const read = (/** @type {number} */ chat, /** @type {number} */ of) => {
            this.words = t("Reading older messages: chat {chat} of {of}", { chat, of });
            this.dispatchEvent(new CustomEvent("veche-read", { bubbles: true }));
        };
        const { readBack } = await import("../client/history.js");
        if (client) await readBack(client, { signal, read, isOffices: this.isOffices });
        this.words = signal.aborted ? t("Stopped.") : t("Older messages are read.");
        if (!signal.aborted) await this.done?.();
    }

    render() {
        const press = () =>
            this.isBusy
                ? this._stop.abort()
                : void this.doOne(
                      () => this._read(),
                      () =>
                          (this.words = t(
                              "The server can't be reached. Check your connection, then try again.",
                          )),
                  );
        return html`<p role="status" class="secondary-text small">${this.words}</p>
            <p class="actions">
                ${button({ label: this.isBusy ? t("Stop") : this.label, style: "secondary", press })}
            </p>`;
    }
}
customElements.define("app-read-back", AppReadBack);
