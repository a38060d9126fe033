/** The place "Chats": the list of them, and beside it what was opened. */
import { html, nothing } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { safeGetRetryAfterMs } from "matrix-js-sdk";
import { VecheElement, banner, button } from "../../kit/elements.js";
import { plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { leave, roomList } from "../client/rooms.js";
import { search } from "../client/search.js";
import { avatarOf } from "../elements/avatar.js";
import "../elements/read_back.js";
import { paneHead, searchField, tool } from "../elements/tool.js";
import "../elements/windowed.js";
import { previewOf, showWhen } from "../elements/words.js";
import { hrefOf } from "../route.js";
import "./chat.js";
import "./people.js";
import "./room_info.js";
import "./verify.js";

/** @typedef {import("../client/rooms.js").Entry} Entry */
/** @typedef {import("../client/search.js").Hit} Hit */
/** @typedef {"all" | "office" | "person" | "group"} Shown */

const ROW_PX = 72;
const SEARCH_MS = 200;
const COUNT_MAX = 99;
const DECLINED_AT_ONCE = 4;
/** How long to wait where the homeserver is asked too often. */
const WAIT_MS_MAX = 60_000;
/** Whose invitations are declined together. @type {((invitation: Entry) => string)[]} */
const WHOSE = [({ inviter }) => inviter.slice(inviter.indexOf(":") + 1), ({ inviter }) => inviter];

export class AppChats extends VecheElement {
    static properties = {
        parts: { attribute: false },
        entries: { state: true },
        shown: { state: true },
        words: { state: true },
        hits: { state: true },
        isDeclining: { state: true },
        hasFailed: { state: true },
    };

    constructor() {
        super();
        /** What follows the place in the address. @type {string[]} */
        this.parts = [];
        /** @type {Entry[]} */
        this.entries = [];
        /** @type {Shown} */
        this.shown = "all";
        this.words = "";
        /** @type {Hit[]} */
        this.hits = [];
        this.isDeclining = false;
        this.hasFailed = false;
        this._timer = 0;
    }

    connectedCallback() {
        super.connectedCallback();
        const { opened } = account();
        if (!opened) return; // then one is not here
        const list = roomList(opened.client);
        const look = () => (this.entries = list.entries());
        this.keep(list.watch(look));
        look();
    }

    // Finding

    /** @param {string} words */
    _search(words) {
        this.words = words;
        clearTimeout(this._timer);
        this._timer = window.setTimeout(() => void this._searchMessages(words), SEARCH_MS);
    }

    /** @param {string} words */
    async _searchMessages(words) {
        const { opened } = account();
        const hits = opened && words.trim() ? await search(opened.client, words) : [];
        if (this.words === words) this.hits = hits;
    }

    /** @returns {Entry[]} */
    _found() {
        const wanted = this.words.trim().toLocaleLowerCase();
        return this.entries.filter(
            ({ state, kind, name, address }) =>
                state !== "request" &&
                (this.shown === "all" || this.shown === kind) &&
                (!wanted || `${name} ${address}`.toLocaleLowerCase().includes(wanted)),
        );
    }

    get _requests() {
        return this.entries.filter(({ state }) => state === "request");
    }

    // Drawing

    /** @param {Entry} entry */
    _row(entry) {
        const { id, name, unread, last, state, badge } = entry;
        const isOpen = this.parts[0] === id;
        return html`<a
            class="chat-row ${unread ? "unread" : ""}"
            href=${hrefOf("chats", id)}
            aria-current=${isOpen ? "page" : nothing}
        >
            ${avatarOf(entry)}
            <span class="row-words">
                <span class="row-top">
                    <span class="row-name"
                        ><bdi>${name}</bdi>${
                            badge === "official"
                                ? html`<span class="official">${icon("verified")}</span
                                      ><span class="hidden-text">${t("Official account")}</span>`
                                : nothing
                        }</span
                    >
                    <time class="row-time">${showWhen(entry.at_ms, Date.now())}</time>
                </span>
                <span class="row-bottom">
                    <span class="row-last" dir="auto"
                        >${state === "join" ? previewOf(last) : t("Invitation")}</span
                    >
                    ${
                        unread || state === "invite"
                            ? html`<span class="unread-count ${entry.isMentioned ? "mention" : ""}"
                                  >${unread > COUNT_MAX ? `${COUNT_MAX}+` : unread || "!"}<span
                                      class="hidden-text"
                                  >
                                      ${t("unread")}</span
                                  ></span
                              >`
                            : nothing
                    }
                </span>
            </span>
        </a>`;
    }

    /** @param {Hit} hit */
    _hit({ room, name, sender, text, id, at_ms }) {
        return html`<li>
            <a class="chat-row" href=${hrefOf("chats", room, "at", id)}>
                <span class="row-words">
                    <span class="row-top"
                        ><span class="row-name"><bdi>${name}</bdi></span
                        ><time class="row-time">${showWhen(at_ms, Date.now())}</time></span
                    >
                    <span class="row-last" dir="auto"><bdi>${sender}</bdi>: ${text}</span>
                </span>
            </a>
        </li>`;
    }

    _kinds() {
        /** @type {[Shown, string][]} */
        const kinds = [
            ["all", t("All")],
            ["office", t("Offices")],
            ["person", t("People")],
            ["group", t("Groups")],
        ];
        return html`<div class="kinds" role="group" aria-label=${t("Which chats are shown")}>
            ${kinds.map(
                ([kind, label]) =>
                    html`<button
                        type="button"
                        class="chat-chip"
                        aria-pressed=${this.shown === kind ? "true" : "false"}
                        @click=${() => (this.shown = kind)}
                    >
                        ${label}
                    </button>`,
            )}
        </div>`;
    }

    _list() {
        const found = this._found();
        const requests = this._requests;
        const isSearch = Boolean(this.words.trim());
        return html`<section class="chat-list" aria-label=${t("Chats")}>
            <div class="list-head">
                <h1 tabindex="-1">${t("Chats")}</h1>
                ${tool("write", t("New chat"), hrefOf("chats", "new"))}
            </div>
            ${searchField(t("Search chats and messages"), this.words, (words) => this._search(words))}
            ${isSearch ? nothing : this._kinds()}
            ${
                requests.length && !isSearch
                    ? html`<a class="requests-row" href=${hrefOf("chats", "requests")}
                          >${icon("person")}
                          ${plural("{count} request", "{count} requests", requests.length)} ·
                          <span class="secondary-text">${t("from people you don't know")}</span></a
                      >`
                    : nothing
            }
            ${found.length ? nothing : this._none(isSearch)}
            <app-windowed
                class=${isSearch && this.hits.length ? "is-short" : ""}
                .items=${found}
                .rowHeight=${ROW_PX}
                .row=${(/** @type {Entry} */ one) => this._row(one)}
                .label=${t("Chats")}
            ></app-windowed>
            ${
                isSearch && this.hits.length
                    ? html`<h2 class="list-title">${t("Messages")}</h2>
                          <ul class="window-rows hits">
                              ${this.hits.map((hit) => this._hit(hit))}
                          </ul>`
                    : nothing
            }
            ${
                isSearch
                    ? html`<app-read-back
                          class="none"
                          .label=${t("Search older messages")}
                          @veche-read=${() => void this._searchMessages(this.words)}
                      ></app-read-back>`
                    : nothing
            }
        </section>`;
    }

    /** @param {boolean} isSearch */
    _none(isSearch) {
        if (isSearch)
            return this.hits.length
                ? nothing
                : html`<p class="none secondary-text">
                      ${t("Nothing was found. Search finds names, and messages that this device has read.")}
                  </p>`;
        return html`<div class="none">
            <p class="secondary-text">${t("There are no chats here yet.")}</p>
            <p class="actions">
                <a class="button primary" href=${hrefOf("services")}>${t("Find an office")}</a>
                <a class="button secondary" href=${hrefOf("chats", "new")}
                    >${t("Write to somebody")}</a
                >
            </p>
        </div>`;
    }

    _requestList() {
        const all = this._requests;
        return html`<section class="pane-page">
            ${paneHead(t("Requests"))}
            <p class="secondary-text">
                ${t("These people invite you, and you share no chat with them. They don't see whether you look at this.")}
            </p>
            ${
                all.length
                    ? html`<p class="actions">
                          ${this._decline(all, plural("Decline {count}", "Decline all {count}", all.length))}
                          ${WHOSE.map((by) => this._declineMost(all, by))}
                      </p>`
                    : html`<p>${t("There are no requests.")}</p>`
            }
            ${this.hasFailed ? banner("critical", t("The invitation can't be declined now. Try again later.")) : nothing}
            <app-windowed
                .items=${all}
                .rowHeight=${ROW_PX}
                .row=${(/** @type {Entry} */ one) => this._row(one)}
                .label=${t("Requests")}
            ></app-windowed>
        </section>`;
    }

    /** @param {Entry[]} some @param {string} label */
    _decline(some, label) {
        const press = () => void this._declineAll(some);
        return button({ label, style: "secondary", is_busy: this.isDeclining, press });
    }

    /** @param {Entry[]} all @param {(one: Entry) => string} by */
    _declineMost(all, by) {
        const groups = [...Map.groupBy(all, by)].toSorted(([, a], [, b]) => b.length - a.length);
        const [name = "", some = []] = groups[0] ?? [];
        const label = plural(
            "Decline {count} from {name}",
            "Decline all {count} from {name}",
            some.length,
            { name },
        );
        return some.length < 2 || some.length === all.length ? nothing : this._decline(some, label);
    }

    /** @param {Entry[]} all */
    async _declineAll(all) {
        const client = account().opened?.client;
        if (!client) return;
        Object.assign(this, { isDeclining: true, hasFailed: false });
        const rest = [...all];
        const work = async () => {
            for (let one = rest.pop(); one; one = rest.pop())
                await leave(client, one.id).catch(async (error) => {
                    if (error.errcode !== "M_LIMIT_EXCEEDED") return void (this.hasFailed = true);
                    rest.push(one);
                    const ms = Math.min(safeGetRetryAfterMs(error, WAIT_MS_MAX), WAIT_MS_MAX);
                    await new Promise((next) => setTimeout(next, ms));
                });
        };
        await Promise.all(Array.from({ length: DECLINED_AT_ONCE }, work));
        this.isDeclining = false;
    }

    _pane() {
        const [first = "", second, third = ""] = this.parts;
        if (first === "new") return html`<app-new-chat></app-new-chat>`;
        if (first === "group") return html`<app-new-group></app-new-group>`;
        if (first === "invite") return html`<app-invite></app-invite>`;
        if (first === "with") return html`<app-with .userId=${second ?? ""}></app-with>`;
        if (first === "verify") return html`<app-verify .userId=${second ?? ""}></app-verify>`;
        if (first === "requests") return this._requestList();
        if (second === "info") return html`<app-room-info .roomId=${first}></app-room-info>`;
        if (first)
            return html`${keyed(
                first,
                html`<app-chat .roomId=${first} .at=${second === "at" ? third : ""}></app-chat>`,
            )}`;
        return html`<div class="pane-empty">
            ${icon("chat")}
            <p>${t("Choose a chat on the left, or start a new one.")}</p>
        </div>`;
    }

    render() {
        if (account().phase !== "ready") return nothing;
        return html`<div class="chats ${this.parts.length ? "is-open" : ""}">
            ${this._list()}
            <div class="pane">${this._pane()}</div>
        </div>`;
    }
}
customElements.define("app-chats", AppChats);
