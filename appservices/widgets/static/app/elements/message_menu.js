/** What can be done with a message: a sheet that a press on "more" opens. */
import { html, nothing } from "lit";
import { button, closeDialog, openDialog } from "../../kit/elements.js";
import { showDateTime, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";

/** @typedef {import("../client/timeline.js").Message} Message */

const ID = "message-menu";
const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏", "🎉", "✅"];
const EMOJI =
    "😀 😅 🙂 😉 😊 😍 😘 🤗 🤔 😐 🙄 😴 😭 😡 🥳 🤝 👏 👌 👎 👀 💪 🙌 🤞 🔥 ⭐ 💯 ❌ ❓ ❗ ☕ 🌻 🏠".split(
        " ",
    );

export class MessageMenu {
    /** @param {import("lit").LitElement} host the view, which draws it */
    constructor(host) {
        this._host = host;
        /** @type {Message | undefined} */
        this.message = undefined;
        this.isAll = false;
    }

    /** @param {Message} message */
    async open(message) {
        this.message = message;
        this.isAll = false;
        this._host.requestUpdate();
        await this._host.updateComplete;
        openDialog(ID);
    }

    /** @param {string} name @param {unknown} [detail] */
    _tell(name, detail = this.message) {
        closeDialog(ID);
        const from = this._host.querySelector(".chat");
        from?.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
    }

    /** @param {string} mark @param {string} label @param {string | (() => void)} does what it tells, or does */
    _one(mark, label, does) {
        const press = typeof does === "string" ? () => this._tell(does) : does;
        return html`<li>
            <button type="button" class="menu-row" @click=${press}>${icon(mark)} ${label}</button>
        </li>`;
    }

    /** @param {string} key */
    _emoji(key) {
        return html`<button
            type="button"
            class="emoji"
            @click=${() => this._tell("app-react", { message: this.message, key })}
        >
            ${key}
        </button>`;
    }

    /** @param {Message} message */
    _facts(message) {
        return html`<p class="small secondary-text menu-facts">
            <bdi>${message.name}</bdi> · <bdi>${message.sender}</bdi><br />
            ${showDateTime(message.at_ms)} ·
            ${message.event.isEncrypted() ? t("End-to-end encrypted") : t("Not encrypted")}
            ${
                message.readers.length
                    ? html`<br />${t("Read by {names}", {
                              names: message.readers.map(({ name }) => name),
                          })}`
                    : nothing
            }
        </p>`;
    }

    draw() {
        const { message } = this;
        if (!message) return nothing;
        const { body, msgtype } = message.content;
        const isText = ["m.text", "m.emote"].includes(msgtype);
        return html`<dialog
            class="sheet"
            id=${ID}
            aria-label=${t("About this message")}
            @click=${(/** @type {Event} */ event) => event.target === event.currentTarget && closeDialog(ID)}
        >
            <div class="quick" role="group" aria-label=${t("React")}>
                ${QUICK.map((key) => this._emoji(key))}
                ${
                    this.isAll
                        ? EMOJI.map((key) => this._emoji(key))
                        : html`<button
                              type="button"
                              class="emoji"
                              title=${t("More emoji")}
                              @click=${() => {
                                  this.isAll = true;
                                  this._host.requestUpdate();
                              }}
                          >
                              ${icon("plus")}<span class="hidden-text">${t("More emoji")}</span>
                          </button>`
                }
            </div>
            <ul class="menu-rows">
                ${this._one("reply", t("Reply"), "app-reply")}
                ${
                    body
                        ? this._one("copy", t("Copy the text"), () => {
                              closeDialog(ID);
                              void navigator.clipboard.writeText(body).catch(() => {});
                          })
                        : nothing
                }
                ${message.isMine && isText ? this._one("edit", t("Edit"), "app-edit") : nothing}
                ${message.isMine ? this._one("remove", t("Delete for everyone"), "app-remove") : nothing}
            </ul>
            ${this._facts(message)}
            <div class="actions">
                ${button({ label: t("Close"), style: "secondary", press: () => closeDialog(ID) })}
            </div>
        </dialog>`;
    }
}
