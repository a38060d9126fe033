/**
 * One message of a conversation. What can be done with it is told by events: `app-reply`,
 * `app-react`, `app-menu`, `app-again`, `app-jump`, each with the message as `detail`.
 */
import { html, nothing } from "lit";
import { VecheElement } from "../../kit/elements.js";
import { plural, showTime, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { fileAddress } from "../client/media.js";
import { readable } from "../html.js";
import { cardsOf, isOfBot } from "../registry.js";
import { hrefOf } from "../route.js";
import "./attachment.js";
import { avatarOf } from "./avatar.js";
import { VERIFICATION, lineOf, noteWords, unreadableWords } from "./words.js";
import { linkButton, tool } from "./tool.js";

/** @typedef {import("../client/timeline.js").Message} Message */

/** A text of more characters is cut, until the person asks for all of it. */
const TEXT_CHARACTERS_MAX = 4_000;
const HTML_CHARACTERS_MAX = 60_000;
const READERS_MAX = 3;
const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;
const ONLY_EMOJI = /^(?:\p{Extended_Pictographic}(?:\ufe0f|\u200d|\p{Emoji_Modifier})*\s*){1,4}$/u;
const PROMPT = "org.veche.prompt";
const HOVERS = matchMedia("(hover: hover)").matches; // where fingers press, the menu has it all
const FILES = new Set(["m.image", "m.file", "m.audio", "m.video"]);

/** Cleaned HTML of somebody, put into the page once for each text. */
export class AppHtml extends VecheElement {
    static properties = { source: { attribute: false } };

    constructor() {
        super();
        this.source = "";
        this._shown = "";
    }

    updated() {
        if (this._shown === this.source) return;
        this._shown = this.source;
        this.replaceChildren(readable(this.source, (mxc) => mediaOf(mxc)));
    }
}
customElements.define("app-html", AppHtml);

/** @param {string} mxc */
function mediaOf(mxc) {
    const { opened } = account();
    return opened ? fileAddress(opened.client, { url: mxc }, "image/png") : Promise.reject();
}

/** Whether somebody who is no bot of ours sends what our bots do: the sender's address stands there. @param {Message} message */
function isLookalike({ isMine, event, content }) {
    if (isMine || isOfBot(event)) return false;
    return Object.keys(content).some((key) => key.startsWith("org.veche."));
}

/** Text with its links. @param {string} text */
function withLinks(text) {
    /** @type {unknown[]} */
    const parts = [];
    let at = 0;
    for (const found of text.matchAll(LINK)) {
        parts.push(text.slice(at, found.index));
        parts.push(
            html`<a href=${found[0]} target="_blank" rel="noopener noreferrer">${found[0]}</a>`,
        );
        at = found.index + found[0].length;
    }
    return [...parts, text.slice(at)];
}

export class AppMessage extends VecheElement {
    static properties = {
        message: { attribute: false },
        roomId: { attribute: false },
        replied: { attribute: false },
        isFirst: { attribute: false },
        isGroup: { attribute: false },
        isWhole: { state: true },
    };

    constructor() {
        super();
        /** @type {Message | undefined} */
        this.message = undefined;
        this.roomId = "";
        /** What it answers, if that is known here. @type {Message | undefined} */
        this.replied = undefined;
        /** Of several that one person sent in a row. */
        this.isFirst = true;
        this.isGroup = false;
        this.isWhole = false;
    }

    /** @param {string} name */
    _tell(name) {
        this.dispatchEvent(new CustomEvent(name, { detail: this.message, bubbles: true }));
    }

    /** @param {Message} message */
    _text({ content }) {
        const { body = "", format, formatted_body: source } = content;
        if (format === "org.matrix.custom.html" && source?.length <= HTML_CHARACTERS_MAX)
            return html`<app-html class="rich" dir="auto" .source=${source}></app-html>`;
        const text = body.replace(/^(?:> .*\n)+\n/, "");
        const isLong = text.length > TEXT_CHARACTERS_MAX && !this.isWhole;
        const shown = isLong ? `${text.slice(0, TEXT_CHARACTERS_MAX)}…` : text;
        const isEmoji = ONLY_EMOJI.test(text);
        return html`<p class="text ${isEmoji ? "big" : ""}" dir="auto">${withLinks(shown)}</p>
            ${isLong ? linkButton(t("Show the whole message"), () => (this.isWhole = true)) : nothing}`;
    }

    /** @param {Message} message */
    _content(message) {
        if (message.kind === "removed")
            return html`<p class="text muted">${t("This message was removed.")}</p>`;
        if (message.kind === "unreadable") {
            const words = unreadableWords(message.reason);
            return html`<p class="text muted with-mark">${icon("lock")}<span>${words}</span></p>`;
        }
        const cards = cardsOf(message, this.roomId);
        if (cards.length) return cards;
        if (message.content.msgtype === VERIFICATION) return this._verification(message);
        if (FILES.has(message.content.msgtype) || message.event.getType() === "m.sticker")
            return html`<app-attachment .content=${message.content}></app-attachment>`;
        return this._text(message);
    }

    /** @param {Message} message */
    _verification({ isMine, sender }) {
        if (isMine) return html`<p class="text muted">${t("You asked to verify each other.")}</p>`;
        return html`<p>
            ${t("Asks to verify you")}.
            <a href=${hrefOf("chats", "verify", sender)}>${t("Verify in person")}</a>
        </p>`;
    }

    _reply() {
        const { message, replied } = this;
        if (!message?.replyTo) return nothing;
        return html`<button type="button" class="quote" @click=${() => this._tell("app-jump")}>
            <b><bdi>${replied?.name ?? t("An earlier message")}</bdi></b>
            ${
                replied
                    ? html`<span dir="auto"
                          >${replied.kind === "message" ? lineOf(replied.content) : "…"}</span
                      >`
                    : nothing
            }
        </button>`;
    }

    /** @param {Message} message */
    _reactions({ reactions, content, event }) {
        // Bots seed numbers for clients without buttons.
        const hasPrompt = PROMPT in content && isOfBot(event);
        const shown = hasPrompt ? reactions.filter((one) => one.mine || one.count > 1) : reactions;
        if (!shown.length) return nothing;
        return html`<ul class="reactions" aria-label=${t("Reactions")}>
            ${shown.map(
                ({ key, count, mine, names }) =>
                    html`<li>
                        <button
                            type="button"
                            class="reaction"
                            aria-pressed=${mine ? "true" : "false"}
                            title=${names.join(", ")}
                            @click=${() => this._react(key)}
                        >
                            <bdi>${key}</bdi> <span>${count}</span>
                        </button>
                    </li>`,
            )}
        </ul>`;
    }

    /** @param {string} key */
    _react(key) {
        const detail = { message: this.message, key };
        this.dispatchEvent(new CustomEvent("app-react", { detail, bubbles: true }));
    }

    /** @param {Message} message */
    _foot({ at_ms, isEdited, isClear, status, readers, isMine }) {
        return html`<span class="stamp">
            ${isClear ? html`<span>${t("Not encrypted")}</span>` : nothing}
            ${isEdited ? html`<span>${t("edited")}</span>` : nothing}
            <time datetime=${new Date(at_ms).toISOString()}>${showTime(at_ms)}</time>
            ${
                isMine && !status
                    ? html`<span class=${readers.length ? "ticks seen" : "ticks"}
                          >${icon("check")}<span class="hidden-text"
                              >${readers.length ? t("read") : t("sent")}</span
                          ></span
                      >`
                    : nothing
            }
            ${status === "sending" ? html`<span>${t("sending…")}</span>` : nothing}
        </span>`;
    }

    /** @param {Message} message */
    _failed({ status }) {
        if (status !== "failed") return nothing;
        return html`<p class="not-sent small" role="status">
            ${icon("error")} <span>${t("Not sent.")}</span>
            ${linkButton(t("Send again"), () => this._tell("app-again"))}
            ${linkButton(t("Delete"), () => this._tell("app-discard"))}
        </p>`;
    }

    /** @param {Message} message */
    _readers({ readers }) {
        if (!this.isGroup || !readers.length) return nothing;
        const names = readers.slice(0, READERS_MAX).map(({ name }) => name);
        const rest = readers.length - names.length;
        const text = [
            t("Read by {names}", { names }),
            ...(rest ? [plural("and {count} other", "and {count} others", rest)] : []),
        ];
        return html`<p class="readers"><bdi>${text.join(" ")}</bdi></p>`;
    }

    _tools() {
        return html`<span class="tools"
            >${HOVERS ? tool("reply", t("Reply"), () => this._tell("app-reply")) : nothing}
            ${tool("more", t("More about this message"), () => this._tell("app-menu"))}</span
        >`;
    }

    render() {
        const { message } = this;
        if (!message) return nothing;
        if (message.kind === "note")
            return html`<p class="chat-note"><bdi>${noteWords(message)}</bdi></p>`;
        const isNotice = message.content.msgtype === "m.notice";
        const canAct = message.kind === "message" && !message.status;
        const side = message.isMine ? "mine" : "theirs";
        return html`<div class="line ${side} ${this.isFirst ? "first" : ""}">
                ${this._picture(message)}
                <div class="bubble ${side} ${isNotice ? "notice" : ""} ${message.kind}">
                    ${
                        !message.isMine && this.isFirst && this.isGroup
                            ? html`<p class="from" title=${message.sender}>
                                  <bdi>${message.name}</bdi>
                              </p>`
                            : html`<span class="hidden-text"
                                  ><bdi>${message.isMine ? t("You") : message.name}</bdi></span
                              >`
                    }
                    ${isLookalike(message) ? html`<p class="from"><bdi>${message.sender}</bdi></p>` : nothing}
                    ${this._reply()} ${this._content(message)} ${this._foot(message)}
                </div>
                ${canAct ? this._tools() : nothing}
            </div>
            ${this._reactions(message)} ${this._failed(message)} ${this._readers(message)}`;
    }

    /** @param {Message} message */
    _picture({ isMine, name, sender, event }) {
        if (isMine || !this.isGroup) return nothing;
        if (!this.isFirst) return html`<span class="no-picture"></span>`;
        const picture = event.sender?.getMxcAvatarUrl();
        return avatarOf({ name, address: sender, picture }, "small-picture");
    }
}
customElements.define("app-message", AppMessage);
