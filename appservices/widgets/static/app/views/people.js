/** Finding people and making groups: by id, by link, by QR code. */
import { html, nothing } from "lit";
import {
    BusyElement,
    VecheElement,
    banner,
    button,
    field,
    spinner,
    textField,
    typedIn,
} from "../../kit/elements.js";
import { bare, plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account } from "../account/account.js";
import { direct, makeGroup } from "../client/rooms.js";
import { isPicture } from "../client/media.js";
import { avatarOf } from "../elements/avatar.js";
import "../../kit/camera.js";
import { paneHead, pictureButton } from "../elements/tool.js";
import { qrCode } from "../../kit/qr.js";
import { hrefOf, routeOf } from "../route.js";

const USER_ID = /^@[^:\s\u202a-\u202e\u2066-\u2069]{1,200}:[!-.0-~]{1,230}$/;
const PEOPLE_MAX = 50;
const NAME_CHARACTERS_MAX = 100;

/**
 * A person in what was typed, pasted or scanned: an id, a link of this app or of matrix.to, or the
 * name of somebody of this server.
 * @param {string} text
 * @param {string} server
 * @returns {string | undefined} their id
 */
export function personIn(text, server) {
    const typed = text.trim();
    const part = /#\/chats\/with\/|matrix\.to\/#\//.exec(typed);
    const found = part ? (typed.slice(part.index + part[0].length).split(/[?/]/)[0] ?? "") : typed;
    const [decoded = ""] = routeOf(`#/chats/${found.replaceAll("/", "%2F")}`).parts;
    const id = decoded.startsWith("@") ? decoded : `@${decoded}`;
    const whole = id.includes(":") ? id : `${id}:${server}`;
    return USER_ID.test(whole) ? whole : undefined;
}

const ownId = () => account().opened?.client.getUserId() ?? "";
export const ownServer = () => ownId().slice(ownId().indexOf(":") + 1);

export const noPerson = () =>
    t("This is no id, link or name of a person. An id looks like @anna:example.org.");

/** Opens the page of whom a text names. @param {string} text @returns {boolean} whether it names one */
function opens(text) {
    const id = personIn(text, ownServer());
    if (id) location.hash = hrefOf("chats", "with", id);
    return Boolean(id);
}

/** Who has no account yet begins with one. @param {string} id */
function inviteLink(id) {
    return `${location.origin}/${hrefOf("chats", "with", id)}`;
}

/** @param {string} href @param {string} mark @param {string} words */
const choice = (href, mark, words) =>
    html`<li>
        <a class="choice" href=${href}>${icon(mark)} <span>${words}</span> ${icon("next")}</a>
    </li>`;

/** Beginning a chat with one person. */
export class AppNewChat extends VecheElement {
    static properties = { error: { state: true } };

    constructor() {
        super();
        this.error = "";
    }

    /** @param {string} text */
    _open(text) {
        this.error = opens(text) ? "" : noPerson();
    }

    /** @param {SubmitEvent} event */
    _submit(event) {
        this._open(String(typedIn(event).get("person")));
    }

    render() {
        return html`<section
            class="pane-page"
            @veche-scanned=${(/** @type {CustomEvent} */ event) => this._open(event.detail)}
        >
            ${paneHead(t("New chat"))}
            <ul class="choices">
                ${choice(hrefOf("chats", "invite"), "user_add", t("Invite somebody by link or QR code"))}
                ${choice(hrefOf("chats", "group"), "group", t("Make a group"))}
                ${choice(hrefOf("services"), "bank", t("Write to an office"))}
            </ul>
            <h2>${t("Write to somebody you know")}</h2>
            <form novalidate @submit=${this._submit}>
                ${textField({
                    id: "person",
                    label: t("Name here, id or invite link"),
                    help: t("For example: anna, @anna:example.org, or a link that you got."),
                    error: this.error,
                })}
                ${button({ label: t("Continue"), type: "submit" })}
            </form>
            <veche-camera></veche-camera>
        </section>`;
    }
}
customElements.define("app-new-chat", AppNewChat);

/** A person of whom only the id is known: by link, or typed. */
export class AppWith extends BusyElement {
    static properties = {
        userId: { attribute: false },
        profile: { state: true },
    };

    constructor() {
        super();
        this.userId = "";
        /** @type {{displayname?: string, avatar_url?: string} | undefined} */
        this.profile = undefined;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (changed.has("userId") && this.userId) void this._look(this.userId);
    }

    /** @param {string} userId */
    async _look(userId) {
        Object.assign(this, { profile: undefined, error: "" });
        const client = account().opened?.client;
        if (!client || !USER_ID.test(userId)) {
            this.error = t("This link names no person. Ask for a new one.");
            return;
        }
        try {
            const profile = await client.getProfileInfo(userId);
            if (this.userId === userId) this.profile = profile;
        } catch (error) {
            this.error =
                /** @type {any} */ (error)?.errcode === "M_NOT_FOUND"
                    ? t("There is nobody with this id. Check that it is spelled right.")
                    : t("This person's server can't be reached now. You can write anyway.");
        }
    }

    _write() {
        const client = account().opened?.client;
        if (!client) return;
        void this.doOne(
            async () => (location.hash = hrefOf("chats", await direct(client, this.userId))),
            t("The chat can't be started now. Check the id and your connection, then try again."),
        );
    }

    render() {
        const { profile, userId } = this;
        const name = bare(String(profile?.displayname || userId)).slice(0, NAME_CHARACTERS_MAX);
        const isMe = userId === ownId();
        return html`<section class="pane-page">
            ${paneHead(t("Write to somebody"), hrefOf("chats", "new"))}
            ${
                profile || this.error
                    ? html`<div class="person-card card">
                          ${avatarOf({ name, address: userId, picture: profile?.avatar_url })}
                          <p class="person-name"><bdi>${name}</bdi></p>
                          <p class="secondary-text small"><bdi>${userId}</bdi></p>
                          ${this.error ? banner("critical", this.error) : nothing}
                          ${
                              isMe
                                  ? html`<p>
                                        ${t("This is your own link. Others open it to write to you.")}
                                    </p>`
                                  : html`<div class="actions">
                                        ${button({
                                            label: t("Write"),
                                            is_busy: this.isBusy,
                                            is_off: !USER_ID.test(userId),
                                            press: () => this._write(),
                                        })}
                                        <a
                                            class="button secondary"
                                            href=${hrefOf("chats", "verify", userId)}
                                            >${t("Verify in person")}</a
                                        >
                                    </div>`
                          }
                      </div>`
                    : spinner()
            }
        </section>`;
    }
}
customElements.define("app-with", AppWith);

/** One's own link and QR code. */
export class AppInvite extends VecheElement {
    static properties = { isCopied: { state: true } };

    constructor() {
        super();
        this.isCopied = false;
    }

    async _share() {
        const url = inviteLink(ownId());
        try {
            if (navigator.share) await navigator.share({ url });
            else await navigator.clipboard.writeText(url);
            this.isCopied = !navigator.share;
        } catch {
            // The person changed their mind, or copies it by hand.
        }
    }

    render() {
        const link = inviteLink(ownId());
        return html`<section
            class="pane-page"
            @veche-scanned=${(/** @type {CustomEvent} */ event) => opens(event.detail)}
        >
            ${paneHead(t("Invite somebody"), hrefOf("chats", "new"))}
            <div class="card person-card">
                ${qrCode(link, t("QR code of your link"))}
                <p>
                    ${t("Let others scan this code, or send them the link. They can then write to you.")}
                </p>
                <p class="link-text"><code>${link}</code></p>
                <div class="actions">
                    ${button({
                        label: html`${icon("copy")} ${t("Share the link")}`,
                        press: () => void this._share(),
                    })}
                </div>
                <p role="status" class="small">${this.isCopied ? t("Copied.") : nothing}</p>
            </div>
            <h2>${t("Scan somebody's code")}</h2>
            <veche-camera></veche-camera>
        </section>`;
    }
}
customElements.define("app-invite", AppInvite);

/** Making a group. */
export class AppNewGroup extends BusyElement {
    static properties = { errors: { state: true }, picture: { state: true } };

    constructor() {
        super();
        /** @type {{name?: string, people?: string}} */
        this.errors = {};
        /** @type {File | undefined} */
        this.picture = undefined;
    }

    /** @param {SubmitEvent} event */
    _make(event) {
        const form = typedIn(event);
        const client = account().opened?.client;
        if (!client) return;
        const name = String(form.get("name")).trim();
        const typed = String(form.get("people"))
            .split(/[\s,;]+/)
            .filter(Boolean);
        const wrong = typed.filter((one) => !personIn(one, ownServer()));
        const people = [...new Set(typed.flatMap((one) => personIn(one, ownServer()) ?? []))];
        this.errors = {
            ...(!name && { name: t("Give the group a name.") }),
            ...(wrong.length && {
                people: t("Not an id of a person: {names}", { names: wrong }),
            }),
            ...(people.length > PEOPLE_MAX && {
                people: plural(
                    "Invite at most {count} person at once. You can invite more later.",
                    "Invite at most {count} people at once. You can invite more later.",
                    PEOPLE_MAX,
                ),
            }),
        };
        if (Object.keys(this.errors).length) return;
        void this.doOne(async () => {
            const id = await makeGroup(client, { name, people, picture: this.picture });
            location.hash = hrefOf("chats", id);
        }, t("The group can't be made now. Check the ids and your connection, then try again."));
    }

    render() {
        const { errors } = this;
        return html`<section class="pane-page">
            ${paneHead(t("Make a group"), hrefOf("chats", "new"))}
            <form novalidate @submit=${this._make}>
                ${textField({
                    id: "name",
                    label: t("Name of the group"),
                    error: errors.name,
                    maxlength: NAME_CHARACTERS_MAX,
                    capitals: "sentences",
                })}
                ${field({
                    id: "people",
                    label: t("People"),
                    is_required: false,
                    help: t("Names here or ids, one a line. They get an invitation."),
                    error: errors.people,
                    control: ({ id, describedby, invalid }) =>
                        html`<textarea
                            id=${id}
                            name="people"
                            rows="3"
                            autocapitalize="none"
                            spellcheck="false"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        ></textarea>`,
                })}
                ${pictureButton(
                    "",
                    html`${icon("plus")} ${this.picture?.name ?? t("Choose a picture")}`,
                    (file) => (this.picture = file && isPicture(file.type) ? file : undefined),
                )}
                ${this.error ? banner("critical", this.error) : nothing}
                ${button({ label: t("Make the group"), type: "submit", is_busy: this.isBusy })}
            </form>
        </section>`;
    }
}
customElements.define("app-new-group", AppNewGroup);
