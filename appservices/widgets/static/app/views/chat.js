/** One conversation: its messages, of which a window is in the page, and the field to write in. */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { VecheElement, banner, button, spinner } from "../../kit/elements.js";
import { plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { accept, leave, roomList } from "../client/rooms.js";
import * as sending from "../client/sending.js";
import { nameIn } from "../client/timeline.js";
import { timelineOf } from "../client/timelines.js";
import { acceptIdentity, isPersonVerified, replacedIn, whenTrustChanges } from "../client/trust.js";
import "../elements/avatar.js";
import "../elements/composer.js";
import "../elements/message.js";
import "../elements/prompt.js";
import { MessageMenu } from "../elements/message_menu.js";
import { isSameDay, showDay } from "../elements/words.js";
import { hrefOf } from "../route.js";

/** @typedef {import("../client/timeline.js").Message} Message */
/** @typedef {import("../client/rooms.js").Entry} Entry */
/** @typedef {import("../client/trust.js").Replaced} Replaced */

/** Messages in the page. */
const WINDOW = 100;
const STEP = 40;
const NEAR_PX = 700;
const END_PX = 60;
const ROW_MS = 5 * 60_000;
const PAGES_MAX = 20;
const LIT_MS = 1_500;
const ROUNDS_MAX = 6;

/** Waits until the elements below one have drawn what they draw. @param {Element} root */
async function settled(root) {
    for (let round = 0; round < ROUNDS_MAX; round++) {
        const waiting = [...root.querySelectorAll("*")]
            .map((one) => /** @type {any} */ (one))
            .filter((one) => one.isUpdatePending);
        if (!waiting.length) return;
        await Promise.all(waiting.map((one) => one.updateComplete));
    }
}

export class AppChat extends VecheElement {
    static properties = {
        roomId: { attribute: false },
        at: { attribute: false },
        version: { state: true },
        isLoading: { state: true },
        loadFailed: { state: true },
        replaced: { state: true },
        isVerified: { state: true },
        replyTo: { state: true },
        editing: { state: true },
        isAway: { state: true },
        error: { state: true },
        isDropping: { state: true },
    };

    constructor() {
        super();
        this.roomId = "";
        /** Id of the message to show first; empty: the newest. */
        this.at = "";
        this.version = 0;
        this.isLoading = false;
        this.loadFailed = false;
        /** @type {Replaced[]} */
        this.replaced = [];
        this.isVerified = false;
        /** @type {Message | undefined} */
        this.replyTo = undefined;
        /** @type {Message | undefined} */
        this.editing = undefined;
        /** Scrolled up, away from the newest. */
        this.isAway = false;
        this.error = "";
        this.isDropping = false;
        /** The first message in the page; none: the window ends with the newest. */
        this._firstId = /** @type {string | undefined} */ (undefined);
        this._isAtEnd = true;
        this._read = "";
        /** @type {(() => void)[]} */
        this._unwatch = [];
        this._menu = new MessageMenu(this);
    }

    get _client() {
        return account().opened?.client;
    }

    get _timeline() {
        return this._client ? timelineOf(this._client, this.roomId) : undefined;
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
        const look = () => this.version++;
        const trust = () => void this._lookAtTrust();
        const seen = () => this._markRead();
        window.addEventListener("focus", seen);
        this._unwatch = [
            timeline.watch(look),
            roomList(client).watch(look),
            whenTrustChanges(client, trust),
            () => window.removeEventListener("focus", seen),
        ];
        trust();
        const room = timeline.room;
        // The names of those who write, and whom to encrypt for: asked for once.
        if (room && room.getJoinedMemberCount() < 500)
            void room.loadMembersIfNeeded().then(look, () => {});
        if (timeline.events().length < WINDOW / 2) void this._older();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        for (const stop of this._unwatch) stop();
        this._watched?.disconnect();
    }

    async _lookAtTrust() {
        const client = this._client;
        if (!client) return;
        this.replaced = await replacedIn(client, this.roomId);
        const entry = this._entry;
        this.isVerified =
            entry?.kind === "person" && (await isPersonVerified(client, entry.address));
    }

    // The window

    get _log() {
        return /** @type {HTMLElement | null} */ (this.querySelector(".log"));
    }

    /** @returns {{from: number, to: number, count: number}} */
    _window() {
        const events = this._timeline?.events() ?? [];
        const count = events.length;
        const last = Math.max(0, count - WINDOW);
        const found = this._firstId
            ? events.findIndex((event) => event.getId() === this._firstId)
            : -1;
        const from = found < 0 ? last : Math.min(found, last);
        return { from, to: Math.min(count, from + WINDOW), count };
    }

    /** @param {number} from */
    _show(from) {
        const events = this._timeline?.events() ?? [];
        const last = Math.max(0, events.length - WINDOW);
        this._firstId = from >= last ? undefined : events[Math.max(0, from)]?.getId();
        this.version++;
    }

    _scrolled() {
        const log = this._log;
        if (!log) return;
        const below = log.scrollHeight - log.scrollTop - log.clientHeight;
        const { from, to, count } = this._window();
        this._isAtEnd = to === count && below < END_PX;
        this.isAway = to < count || below > log.clientHeight / 2;
        if (this._isAtEnd) this._markRead();
        if (this.isUpdatePending) return;
        if (log.scrollTop < NEAR_PX && from > 0) this._show(from - STEP);
        else if (log.scrollTop < NEAR_PX && from === 0) void this._older();
        else if (below < NEAR_PX && to < count) this._show(from + STEP);
    }

    async _older() {
        const timeline = this._timeline;
        if (!timeline || this.isLoading || timeline.isAtStart) return;
        this.isLoading = true;
        this.loadFailed = false;
        const first = timeline.events()[this._window().from]?.getId();
        try {
            await timeline.older();
            if (!this._isAtEnd) this._firstId = first;
        } catch {
            this.loadFailed = true;
        } finally {
            this.isLoading = false;
        }
    }

    /** Remembers where a message that is seen stands, so that it stays there. */
    willUpdate() {
        const log = this._log;
        if (!log) return;
        const top = log.getBoundingClientRect().top;
        const seen = [...log.querySelectorAll("li[data-id]")].find(
            (one) => one.getBoundingClientRect().bottom > top,
        );
        this._anchor = seen && {
            id: seen.getAttribute("data-id"),
            at: seen.getBoundingClientRect().top,
        };
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    updated(changed) {
        void this._settle();
        if (changed.has("at") && this.at) void this._jump(this.at);
    }

    async _settle() {
        const log = this._log;
        if (!log) return;
        if (!this._watched) {
            this._watched = new ResizeObserver(() => this._isAtEnd && this._toBottom());
            this._watched.observe(log);
            const list = log.querySelector("ol");
            if (list) this._watched.observe(list);
        }
        const anchor = this._anchor;
        await settled(log);
        if (this._isAtEnd) this._toBottom();
        else if (anchor) {
            const one = log.querySelector(`li[data-id="${CSS.escape(anchor.id ?? "")}"]`);
            if (one) log.scrollTop += one.getBoundingClientRect().top - anchor.at;
        }
        this._markRead();
    }

    _toBottom() {
        const log = this._log;
        if (log) log.scrollTop = log.scrollHeight;
    }

    _toEnd() {
        this._firstId = undefined;
        this._isAtEnd = true;
        this.isAway = false;
        this.version++;
    }

    /** Shows a message, and fetches older ones until it is here. @param {string | undefined} id */
    async _jump(id) {
        const timeline = this._timeline;
        if (!id || !timeline) return;
        const placeOf = () => timeline.events().findIndex((event) => event.getId() === id);
        for (let page = 0; placeOf() < 0 && !timeline.isAtStart && page < PAGES_MAX; page++)
            await timeline.older();
        const place = placeOf();
        if (place < 0) return;
        this._isAtEnd = false;
        this._show(place - WINDOW / 2);
        await this.updateComplete;
        if (this._log) await settled(this._log);
        const row = this.querySelector(`li[data-id="${CSS.escape(id)}"]`);
        row?.scrollIntoView({ block: "center" });
        row?.classList.add("lit");
        setTimeout(() => row?.classList.remove("lit"), LIT_MS);
    }

    _markRead() {
        const client = this._client;
        const last = this._timeline?.events().findLast((event) => event.status === null);
        const id = last?.getId();
        if (!client || !last || !id || id === this._read) return;
        if (!this._isAtEnd || !document.hasFocus()) return;
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
            case "app-jump":
                return void this._jump(detail.replyTo);
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
            .map(({ userId, rawDisplayName }) => ({ id: userId, name: rawDisplayName || userId }));
    }

    // Drawing

    /** @param {Entry} entry */
    _head(entry) {
        const typing = this._timeline?.typing() ?? [];
        return html`<header class="chat-head">
            <a class="tool back" href=${hrefOf("chats")}
                >${icon("back")}<span class="hidden-text">${t("Back to the chats")}</span></a
            >
            <app-avatar
                .name=${entry.name}
                .address=${entry.address}
                .mxc=${entry.picture}
            ></app-avatar>
            <div class="chat-title">
                <h1 tabindex="-1"><bdi>${entry.name}</bdi></h1>
                <p class="small secondary-text" role="status">
                    ${typing.length ? typingWords(typing) : this._kindWords(entry)}
                </p>
            </div>
            <a
                class="tool"
                href=${hrefOf("chats", this.roomId, "info")}
                title=${t("About this chat")}
                >${icon("info")}<span class="hidden-text">${t("About this chat")}</span></a
            >
        </header>`;
    }

    /** @param {Entry} entry */
    _kindWords({ kind }) {
        const room = this._timeline?.room;
        if (kind === "office") return html`${icon("verified")} ${t("Official account")}`;
        if (kind === "group")
            return plural("{count} member", "{count} members", room?.getJoinedMemberCount() ?? 0);
        if (this.isVerified) return html`${icon("verified")} ${t("Verified")}`;
        return room?.hasEncryptionStateEvent() ? t("End-to-end encrypted") : t("Not encrypted");
    }

    _red() {
        const client = this._client;
        if (!this.replaced.length || !client) return nothing;
        return html`<div class="banner critical replaced" role="alert">
            ${icon("error")}
            <div>
                ${this.replaced.map(
                    ({ id, wasVerified }) =>
                        html`<p class="banner-title">
                                ${t("The keys of {name} have changed", {
                                    name: nameIn(this._timeline?.room ?? null, id),
                                })}
                            </p>
                            <p>
                                ${
                                    wasVerified
                                        ? t(
                                              "You had verified them. They may have a new device, or somebody may pretend to be them. Nothing is sent until you accept the new keys. Ask them in person or by phone first.",
                                          )
                                        : t(
                                              "They may have a new device, or somebody may pretend to be them. Nothing is sent until you accept the new keys. If in doubt, ask them by phone.",
                                          )
                                }
                            </p>
                            <p class="small"><bdi>${id}</bdi></p>
                            <p class="actions">
                                ${button({
                                    label: t("Accept the new keys"),
                                    style: "danger",
                                    press: () =>
                                        void acceptIdentity(client, id).then(() =>
                                            this._lookAtTrust(),
                                        ),
                                })}
                                <a class="button secondary" href=${hrefOf("chats", "verify", id)}
                                    >${t("Verify in person")}</a
                                >
                            </p>`,
                )}
            </div>
        </div>`;
    }

    /** @param {Message} message @param {Message | undefined} before */
    _row(message, before) {
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
                    ? html`<p class="day"><span>${showDay(message.at_ms, Date.now())}</span></p>`
                    : nothing
            }
            <app-message
                .message=${message}
                .roomId=${this.roomId}
                .replied=${replied && timeline?.message(replied)}
                .isFirst=${isFirst}
                .isGroup=${this._entry?.kind === "group"}
            ></app-message>
        </li>`;
    }

    /** @param {Entry} entry */
    _messages(entry) {
        const timeline = this._timeline;
        if (!timeline) return nothing;
        const { from, to } = this._window();
        const messages = timeline.messages(from, to);
        return html`<div
            class="log"
            role="log"
            tabindex="0"
            aria-label=${t("Messages with {name}", { name: entry.name })}
            @scroll=${() => this._scrolled()}
        >
            ${
                timeline.isAtStart && from === 0
                    ? html`<p class="note">${t("This is the beginning of the chat.")}</p>`
                    : nothing
            }
            ${this.isLoading ? spinner(t("Loading older messages…")) : nothing}
            ${
                this.loadFailed
                    ? html`<p class="note">
                          ${t("Older messages can't be loaded now.")}
                          <button type="button" class="link-button" @click=${() => this._older()}>
                              ${t("Try again")}
                          </button>
                      </p>`
                    : nothing
            }
            <ol class="messages">
                ${repeat(
                    messages,
                    ({ id }) => id,
                    (message, index) => this._row(message, messages[index - 1]),
                )}
            </ol>
        </div>`;
    }

    /** @param {Entry} entry */
    _invitation(entry) {
        const client = this._client;
        if (!client) return nothing;
        const name = nameIn(this._timeline?.room ?? null, entry.inviter);
        return html`<div class="log invitation">
            <div class="card">
                <h2>${t("{name} invites you to this chat", { name })}</h2>
                <p class="secondary-text"><bdi>${entry.inviter}</bdi></p>
                ${
                    entry.state === "request"
                        ? html`<p>
                              ${t("You share no chat with this person. Only accept if you know them. They can't see whether you have read this.")}
                          </p>`
                        : nothing
                }
                <div class="actions">
                    ${button({
                        label: t("Accept"),
                        press: () =>
                            void this._do(
                                () => accept(client, entry),
                                t(
                                    "The invitation can't be accepted now. Look at your connection, then try again.",
                                ),
                            ),
                    })}
                    ${button({
                        label: t("Decline"),
                        style: "secondary",
                        press: () =>
                            void this._do(async () => {
                                await leave(client, entry.id);
                                location.hash = hrefOf("chats");
                            }, t("The invitation can't be declined now. Try again later.")),
                    })}
                </div>
                ${this.error ? banner("critical", this.error) : nothing}
            </div>
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
        const entry = this._entry;
        if (!entry)
            return html`<div class="chat-missing">
                <p>${t("This chat is not here. You may have left it.")}</p>
                <p><a href=${hrefOf("chats")}>${t("All chats")}</a></p>
            </div>`;
        if (entry.state !== "join")
            return html`<section class="chat">
                ${this._head(entry)} ${this._invitation(entry)}
            </section>`;
        const told = (/** @type {Event} */ event) => this._told(event);
        return html`<section
            class="chat ${this.isDropping ? "dropping" : ""}"
            @app-reply=${told}
            @app-edit=${told}
            @app-stop=${told}
            @app-jump=${told}
            @app-menu=${told}
            @app-react=${told}
            @app-again=${told}
            @app-discard=${told}
            @app-remove=${told}
            @app-replaced=${told}
            @dragover=${this._drop}
            @dragleave=${this._drop}
            @drop=${this._drop}
        >
            ${this._head(entry)} ${this._red()}
            <div class="log-frame">
                ${this._messages(entry)}
                ${
                    this.isAway
                        ? html`<button type="button" class="to-end" @click=${() => this._toEnd()}>
                              ${icon("down")}
                              ${entry.unread ? html`<span class="count">${entry.unread}</span>` : nothing}
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
