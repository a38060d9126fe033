/** About one chat: who is in it, its name and picture, inviting, leaving. */
import { html, nothing } from "lit";
import {
    BusyElement,
    banner,
    button,
    dialog,
    closeDialog,
    openDialog,
    spinner,
    typedIn,
} from "../../kit/elements.js";
import { plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { changeGroup, leave, membersOf, roomList } from "../client/rooms.js";
import { isPersonVerified } from "../client/trust.js";
import { avatarOf } from "../elements/avatar.js";
import { paneHead, pictureButton, searchField } from "../elements/tool.js";
import "../elements/windowed.js";
import { hrefOf } from "../route.js";
import { noPerson, ownServer, personIn } from "./people.js";

/** @typedef {Awaited<ReturnType<typeof membersOf>>[number]} Member */

const ROW_PX = 60;
const LEAVE = "leave-chat";

export class AppRoomInfo extends BusyElement {
    static properties = {
        roomId: { attribute: false },
        members: { state: true },
        words: { state: true },
        isVerified: { state: true },
        done: { state: true },
    };

    constructor() {
        super();
        this.roomId = "";
        /** @type {Member[] | undefined} */
        this.members = undefined;
        this.words = "";
        this.isVerified = false;
        this.done = "";
    }

    get _client() {
        return account().opened?.client;
    }

    get _entry() {
        return this._client ? roomList(this._client).entry(this.roomId) : undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        const client = this._client;
        if (client) this.keep(roomList(client).watch(() => this.requestUpdate()));
        void this._load();
    }

    async _load() {
        const client = this._client;
        const entry = this._entry;
        if (!client || !entry) return;
        try {
            this.members = await membersOf(client, this.roomId);
        } catch {
            this.error = t(
                "The members can't be loaded now. Look at your connection, then try again.",
            );
        }
        if (entry.kind === "person")
            this.isVerified = await isPersonVerified(client, entry.address);
    }

    /** @param {() => Promise<unknown>} work @param {string} done @param {string} failed */
    _do(work, done, failed) {
        this.done = "";
        return this.doOne(
            async () => {
                await work();
                this.done = done;
                await this._load();
            },
            () => failed,
        );
    }

    /** @param {SubmitEvent} event */
    _invite(event) {
        const id = personIn(String(typedIn(event).get("person")), ownServer());
        const client = this._client;
        if (!client) return;
        if (!id) return void (this.error = noPerson());
        /** @type {HTMLFormElement} */ (event.target).reset();
        void this._do(
            () => client.invite(this.roomId, id),
            t("{name} was invited.", { name: id }),
            t(
                "{name} can't be invited. They may be here already, or you may not be allowed to invite.",
                { name: id },
            ),
        );
    }

    /** @param {SubmitEvent} event */
    _rename(event) {
        const name = String(typedIn(event).get("name")).trim();
        const client = this._client;
        if (!client || !name) return;
        void this._do(
            () => changeGroup(client, this.roomId, { name }),
            t("The name was changed."),
            t("The name was not changed. Look at your connection, then try again."),
        );
    }

    /** @param {File | undefined} picture */
    _picture(picture) {
        const client = this._client;
        if (!client || !picture) return;
        void this._do(
            () => changeGroup(client, this.roomId, { picture }),
            t("The picture was changed."),
            t("The picture was not changed. Choose a smaller one, or try again later."),
        );
    }

    async _leave() {
        const client = this._client;
        if (!client) return;
        closeDialog(LEAVE);
        await this._do(
            async () => {
                await leave(client, this.roomId);
                location.hash = hrefOf("chats");
            },
            "",
            t("You are still in this chat: it can't be left now. Try again later."),
        );
    }

    /** @param {string} id of somebody who is invited */
    _takeBack(id) {
        void this._do(
            async () => this._client?.kick(this.roomId, id),
            t("The invitation of {name} was taken back.", { name: id }),
            t("The invitation stands: it can't be taken back now, or not by you."),
        );
    }

    /** @param {Member} member */
    _member({ id, name, picture, isInvited }) {
        return html`<div class="member-row">
            <a class="chat-row member" href=${hrefOf("chats", "with", id)}>
                ${avatarOf({ name, address: id, picture })}
                <span class="row-words">
                    <span class="row-name"><bdi>${name}</bdi></span>
                    <span class="row-last"
                        >${isInvited ? html`${t("Invited")} · ` : nothing}<bdi>${id}</bdi></span
                    >
                </span>
            </a>
            ${
                isInvited
                    ? button({
                          label: t("Take back"),
                          style: "secondary",
                          press: () => this._takeBack(id),
                      })
                    : nothing
            }
        </div>`;
    }

    _members() {
        const { members } = this;
        if (!members) return this.error ? nothing : spinner();
        const wanted = this.words.trim().toLocaleLowerCase();
        const found = wanted
            ? members.filter(({ id, name }) => `${name} ${id}`.toLocaleLowerCase().includes(wanted))
            : members;
        const count = members.filter(({ isInvited }) => !isInvited).length;
        return html`<h2>${plural("{count} member", "{count} members", count)}</h2>
            ${
                members.length > 8
                    ? searchField(t("Search members"), this.words, (words) => (this.words = words))
                    : nothing
            }
            <app-windowed
                class="members"
                .items=${found}
                .rowHeight=${ROW_PX}
                .row=${(/** @type {Member} */ one) => this._member(one)}
                .label=${t("Members")}
            ></app-windowed>`;
    }

    _group() {
        const client = this._client;
        const room = client?.getRoom(this.roomId);
        const own = client?.getUserId() ?? "";
        if (!room?.currentState.maySendStateEvent("m.room.name", own)) return nothing;
        return html`${this._line("name", t("Name of the group"), t("Change"), this._rename, room.name)}
        ${pictureButton("small", t("Change the picture"), (picture) => this._picture(picture))}`;
    }

    /**
     * @param {"name" | "person"} name @param {string} words @param {string} label of the button
     * @param {(event: SubmitEvent) => void} sent @param {string} [value]
     */
    _line(name, words, label, sent, value = "") {
        return html`<form class="inline-form" novalidate @submit=${sent}>
            <label for="room-${name}">${words}</label>
            <input
                id="room-${name}"
                name=${name}
                .value=${value}
                maxlength=${name === "name" ? "100" : "500"}
                autocomplete="off"
                autocapitalize=${name === "name" ? "sentences" : "none"}
            />
            ${button({ label, style: "secondary", type: "submit" })}
        </form>`;
    }

    _leaving() {
        return dialog({
            id: LEAVE,
            title: t("Leave this chat?"),
            content: html`<p>
                ${t("You get no more messages from it, and it leaves your list.")}
            </p>`,
            actions: html`${button({
                label: t("Stay"),
                style: "secondary",
                press: () => closeDialog(LEAVE),
            })}
            ${button({ label: t("Leave"), style: "danger", press: () => void this._leave() })}`,
        });
    }

    render() {
        const entry = this._entry;
        if (!entry)
            return html`<section class="pane-page">${paneHead(t("About this chat"))}</section>`;
        const isEncrypted = this._client?.getRoom(this.roomId)?.hasEncryptionStateEvent();
        return html`<section class="pane-page">
            ${paneHead(t("About this chat"), hrefOf("chats", this.roomId))}
            <div class="person-card">
                ${avatarOf(entry, "large")}
                <p class="person-name"><bdi>${entry.name}</bdi></p>
                <p class="secondary-text small with-mark">
                    ${icon(isEncrypted ? "lock" : "warning")}
                    ${isEncrypted ? t("End-to-end encrypted") : t("Not encrypted")}
                </p>
            </div>
            ${this.error ? banner("critical", this.error) : nothing}
            ${this.done ? banner("success", this.done) : nothing}
            ${
                entry.kind === "person"
                    ? html`<p class="actions">
                          ${
                              this.isVerified
                                  ? html`<span class="badge accent">${t("Verified")}</span>`
                                  : html`<a
                                        class="button secondary"
                                        href=${hrefOf("chats", "verify", entry.address)}
                                        >${icon("shield")} ${t("Verify in person")}</a
                                    >`
                          }
                      </p>`
                    : nothing
            }
            ${entry.kind === "group" ? this._group() : nothing}
            ${
                entry.kind === "group"
                    ? this._line("person", t("Invite somebody"), t("Invite"), this._invite)
                    : nothing
            }
            ${this._members()}
            <p class="actions">
                ${button({
                    label: html`${icon("leave")} ${t("Leave this chat")}`,
                    style: "secondary",
                    press: () => openDialog(LEAVE),
                })}
            </p>
            ${this._leaving()}
        </section>`;
    }
}
customElements.define("app-room-info", AppRoomInfo);
