/** One conversation: its messages, of which a window is in the page, and the field to write in. */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { VecheElement, spinner } from "../../kit/elements.js";
import { plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { roomList } from "../client/rooms.js";
import * as sending from "../client/sending.js";
import { nameIn } from "../client/timeline.js";
import { isPersonVerified, replacedIn, whenTrustChanges } from "../client/trust.js";
import { avatarOf } from "../elements/avatar.js";
import "../elements/composer.js";
import "../elements/message.js";
import "../elements/prompt.js";
import { MessageMenu } from "../elements/message_menu.js";
import { MessageWindow } from "../elements/message_window.js";
import { doubtNote } from "../../verify/doubt.js";
import { redNote } from "../elements/red_note.js";
import "../elements/invitation.js";
import { linkButton, tool } from "../elements/tool.js";
import { isSameDay, showDay } from "../elements/words.js";
import { hrefOf } from "../route.js";

/** @typedef {import("../client/timeline.js").Message} Message */
/** @typedef {import("../client/rooms.js").Entry} Entry */
/** @typedef {import("../client/trust.js").Replaced} Replaced */

const ROW_MS = 5 * 60_000;
const TOLD = "reply edit stop sent jump menu react again discard remove replaced"
    .split(" ")
    .map((name) => `app-${name}`);
/** Names of more members are not fetched for a conversation. */
const MEMBERS_MAX = 500;

export class AppChat extends VecheElement {
    static properties = {
        roomId: { attribute: false },
        at: { attribute: false },
        version: { state: true },
        replaced: { state: true },
        isVerified: { state: true },
        replyTo: { state: true },
        editing: { state: true },
        error: { state: true },
        isDropping: { state: true },
    };

    constructor() {
        super();
        this.roomId = "";
        /** Id of the message to show first; empty: the newest. */
        this.at = "";
        this.version = 0;
        /** @type {Replaced[]} */
        this.replaced = [];
        this.isVerified = false;
        /** @type {Message | undefined} */
        this.replyTo = undefined;
        /** @type {Message | undefined} */
        this.editing = undefined;
        this.error = "";
        this.isDropping = false;
        this._read = "";
        this._hasEntered = false;
        for (const name of TOLD) this.addEventListener(name, (event) => this._told(event));
        this._menu = new MessageMenu(this);
        this._window = new MessageWindow(
            this,
            () => this._client,
            () => this._markRead(),
        );
    }

    get _client() {
        return account().opened?.client;
    }

    get _timeline() {
        return this._window.timeline;
    }

    /** @returns {Entry | undefined} */
    get _entry() {
        return this._client ? roomList(this._client).entry(this.roomId) : undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        const client = this._client;
        const timeline = this._timeline;
        if (!client || !timeline) return;
        const look = () => {
            this.version++;
            this._enter();
        };
        const trust = () => void this._lookAtTrust();
        const seen = () => this._markRead();
        window.addEventListener("focus", seen);
        this.keep(
            timeline.watch(look),
            roomList(client).watch(() => this._entry === this._drawn || look()),
            whenTrustChanges(client, trust),
            () => window.removeEventListener("focus", seen),
        );
        trust();
        this._enter();
    }

    /** Fetches what a member may: the names of the others, and the messages. */
    _enter() {
        const room = this._timeline?.room;
        if (this._hasEntered || room?.getMyMembership() !== "join") return;
        this._hasEntered = true;
        if (room.getJoinedMemberCount() < MEMBERS_MAX)
            void room.loadMembersIfNeeded().then(
                () => this.version++,
                () => {},
            );
        void this._lookAtTrust();
    }

    async _lookAtTrust() {
        const client = this._client;
        if (!client) return;
        this.replaced = await replacedIn(client, this.roomId);
        const entry = this._entry;
        this.isVerified =
            entry?.kind === "person" && (await isPersonVerified(client, entry.address));
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    updated(changed) {
        if (changed.has("at") && this.at) void this._jump();
    }

    async _jump() {
        const { decryptAll } = await import("../client/history.js");
        const room = this._timeline?.room;
        // What is decrypted and drawn afterwards would move the message out of sight.
        if (this._client && room) await decryptAll(this._client, [room]);
        await this._window.jump(this.at);
    }

    _markRead() {
        const client = this._client;
        const last = this._timeline?.events().findLast((event) => event.status === null);
        const id = last?.getId();
        if (!client || !last || !id || id === this._read) return;
        if (!this._window.isAtEnd || !document.hasFocus()) return;
        this._read = id;
        void sending.markRead(client, last);
    }

    // What is done with messages

    /** @param {() => Promise<unknown>} work @param {string} failed words */
    async _do(work, failed) {
        this.error = "";
        try {
            await work();
        } catch {
            this.error = failed;
            await this._lookAtTrust();
        }
    }

    /** @param {Event} event */
    _told(event) {
        const client = this._client;
        const { detail } = /** @type {CustomEvent} */ (event);
        if (!client) return;
        const failed = t("That did not work. Look at your connection, then try again.");
        switch (event.type) {
            case "app-reply":
                return void Object.assign(this, { replyTo: detail, editing: undefined });
            case "app-edit":
                return void Object.assign(this, { editing: detail, replyTo: undefined });
            case "app-stop":
                return void Object.assign(this, { editing: undefined, replyTo: undefined });
            case "app-sent":
                return this._window.toEnd();
            case "app-jump":
                return void this._window.jump(detail.replyTo);
            case "app-menu":
                return void this._menu.open(detail);
            case "app-replaced":
                return void this._lookAtTrust();
            case "app-react":
                return void this._do(
                    () => sending.react(client, this.roomId, detail.message, detail.key),
                    failed,
                );
            case "app-again":
                return void this._do(
                    () => sending.sendAgain(client, this.roomId, detail.event),
                    t(
                        "It still can't be sent. It goes by itself as soon as there is a connection.",
                    ),
                );
            default: // app-discard, app-remove
                return void this._do(() => sending.remove(client, this.roomId, detail), failed);
        }
    }

    /** @returns {{id: string, name: string}[]} */
    _people() {
        const own = this._client?.getUserId();
        return (this._timeline?.room?.getJoinedMembers() ?? [])
            .filter(({ userId }) => userId !== own)
            .map(({ userId: id }) => ({ id, name: nameIn(this._timeline?.room ?? null, id) }));
    }

    // Drawing

    /** @param {Entry} entry */
    _head(entry) {
        const typing = this._timeline?.typing() ?? [];
        return html`<header class="chat-head">
            ${tool("back", t("Back to the chats"), hrefOf("chats"), { kind: "tool back" })}
            ${avatarOf(entry)}
            <div class="chat-title">
                <h1 tabindex="-1"><bdi>${entry.name}</bdi></h1>
                <p class="small secondary-text" role="status">
                    ${typing.length ? typingWords(typing) : this._kindWords(entry)}
                </p>
            </div>
            ${tool("info", t("About this chat"), hrefOf("chats", this.roomId, "info"))}
        </header>`;
    }

    /** @param {Entry} entry */
    _kindWords({ kind, badge }) {
        const room = this._timeline?.room;
        if (badge === "official") return html`${icon("verified")} ${t("Official account")}`;
        if (kind === "group")
            return plural("{count} member", "{count} members", room?.getJoinedMemberCount() ?? 0);
        if (this.isVerified) return html`${icon("verified")} ${t("Verified")}`;
        return room?.hasEncryptionStateEvent() ? t("End-to-end encrypted") : t("Not encrypted");
    }

    /** @param {Message} message @param {Message | undefined} before @param {boolean} isGroup */
    _row(message, before, isGroup) {
        const timeline = this._timeline;
        const isNewDay = !before || !isSameDay(before.at_ms, message.at_ms);
        const isFirst =
            isNewDay ||
            before.sender !== message.sender ||
            before.kind === "note" ||
            message.at_ms - before.at_ms > ROW_MS;
        const replied = message.replyTo ? timeline?.find(message.replyTo) : undefined;
        return html`<li data-id=${message.id} class=${isFirst ? "first" : ""}>
            ${
                isNewDay
                    ? html`<p class="chat-day">
                          <span>${showDay(message.at_ms, Date.now())}</span>
                      </p>`
                    : nothing
            }
            <app-message
                .message=${message}
                .roomId=${this.roomId}
                .replied=${replied && timeline?.message(replied)}
                .isFirst=${isFirst}
                .isGroup=${isGroup}
            ></app-message>
        </li>`;
    }

    /** @param {Entry} entry */
    _messages(entry) {
        const timeline = this._timeline;
        if (!timeline) return nothing;
        const { from, to } = this._window.range();
        const messages = timeline.messages(from, to);
        const isOfMore = (timeline.room?.getInvitedAndJoinedMemberCount() ?? 0) > 2;
        return html`<div
            class="log"
            role="log"
            tabindex="0"
            aria-label=${t("Messages with {name}", { name: entry.name })}
            @scroll=${() => this._window.scrolled()}
        >
            ${
                timeline.isAtStart && from === 0
                    ? html`<p class="chat-note">${t("This is the beginning of the chat.")}</p>`
                    : nothing
            }
            ${this._window.isLoading ? spinner(t("Loading older messages…")) : nothing}
            ${
                this._window.hasFailed
                    ? html`<p class="chat-note">
                          ${t("Older messages can't be loaded now.")}
                          ${linkButton(t("Try again"), () => this._window.older())}
                      </p>`
                    : nothing
            }
            <ol class="messages">
                ${repeat(
                    messages,
                    ({ id }) => id,
                    (message, index) =>
                        this._row(message, messages[index - 1], isOfMore || entry.kind === "group"),
                )}
            </ol>
        </div>`;
    }

    /** @param {DragEvent} event */
    _drop(event) {
        event.preventDefault();
        this.isDropping = event.type === "dragover";
        if (event.type !== "drop") return;
        const composer = /** @type {import("../elements/composer.js").AppComposer | null} */ (
            this.querySelector("app-composer")
        );
        void composer?.sendFiles(event.dataTransfer?.files ?? []);
    }

    render() {
        const entry = (this._drawn = this._entry);
        if (!entry)
            return html`<div class="chat-missing">
                <p>${t("This chat is not here. You may have left it.")}</p>
                <p><a href=${hrefOf("chats")}>${t("All chats")}</a></p>
            </div>`;
        if (entry.state !== "join")
            return html`<section class="chat">
                ${this._head(entry)} ${doubtNote(entry)}
                <app-invitation .entry=${entry}></app-invitation>
            </section>`;
        const trust = () => void this._lookAtTrust();
        return html`<section
            class="chat ${this.isDropping ? "dropping" : ""}"
            @dragover=${this._drop}
            @dragleave=${this._drop}
            @drop=${this._drop}
        >
            ${this._head(entry)} ${doubtNote(entry)}
            ${redNote(this._client, this.roomId, this.replaced, trust)}
            <div class="log-frame">
                ${this._messages(entry)}
                ${
                    this._window.isAway
                        ? html`<button
                              type="button"
                              class="to-end"
                              @click=${() => this._window.toEnd()}
                          >
                              ${icon("down")}
                              ${entry.unread ? html`<span class="unread-count">${entry.unread}</span>` : nothing}
                              <span class="hidden-text">${t("To the newest message")}</span>
                          </button>`
                        : nothing
                }
            </div>
            ${
                this.error
                    ? html`<p class="error-text small chat-error" role="alert">${this.error}</p>`
                    : nothing
            }
            <app-composer
                .roomId=${this.roomId}
                .people=${() => this._people()}
                .replyTo=${this.replyTo}
                .editing=${this.editing}
            ></app-composer>
            ${this._menu.draw()}
        </section>`;
    }
}
customElements.define("app-chat", AppChat);

/** @param {string[]} names */
function typingWords(names) {
    const [first = "", second] = names;
    if (!second) return t("{name} is typing…", { name: first });
    return plural(
        "{name} and {count} other are typing…",
        "{name} and {count} others are typing…",
        names.length - 1,
        { name: first },
    );
}
