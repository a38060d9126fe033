/** One conversation: its messages and the field to write in. */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { VecheElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account } from "../account/account.js";
import { drawn } from "../registry.js";

/** @typedef {import("../client/timeline.js").Message} Message */

export class AppChat extends VecheElement {
    static properties = { roomId: { attribute: false }, messages: { state: true } };

    constructor() {
        super();
        this.roomId = "";
        /** @type {Message[]} */
        this.messages = [];
    }

    async connectedCallback() {
        super.connectedCallback();
        const { opened } = account();
        if (!opened) return;
        const { Timeline } = await import("../client/timeline.js");
        const timeline = new Timeline(opened.client, this.roomId);
        const look = () => (this.messages = timeline.messages());
        this._unwatch = timeline.watch(look);
        look();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._unwatch?.();
    }

    /** @param {SubmitEvent} event */
    async _send(event) {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const text = String(new FormData(form).get("text")).trim();
        const { opened } = account();
        if (!text || !opened) return;
        form.reset();
        await opened.client.sendTextMessage(this.roomId, text);
    }

    render() {
        return html`<ol class="messages">
                ${repeat(
                    this.messages,
                    ({ id }) => id,
                    (message) =>
                        html`<li class=${message.isMine ? "mine" : ""}>
                            ${message.isMine ? nothing : html`<b><bdi>${message.name}</bdi></b>`}
                            ${drawn(message, this.roomId)}
                        </li>`,
                )}
            </ol>
            <form class="composer" @submit=${this._send}>
                <label class="hidden-text" for="composer">${t("Message")}</label>
                <input id="composer" name="text" autocomplete="off" />
                ${button({ label: t("Send"), type: "submit" })}
            </form>`;
    }
}
customElements.define("app-chat", AppChat);
