/**
 * My keys: making the one of this device, all of them, small payments by code, where I am signed
 * in, and what happened.
 */
import { html, nothing } from "lit";
import { call } from "../kit/api.js";
import { dropKey, hasPasskeys, keysHere } from "../kit/approval.js";
import { banner } from "../kit/elements.js";
import { showDateTime, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { isFromApp } from "../kit/page.js";
import { session } from "../kit/session.js";
import { backToApp, signInHref } from "../kit/shell.js";
import "./enrol.js";
import "./identity.js";
import "./limits.js";
import "./list.js";
import "./log.js";
import { API, Section } from "./section.js";
import "./sessions.js";

/** @typedef {import("./list.js").Key} Key */

export class VecheKeys extends Section {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...Section.properties,
        back: { attribute: false },
        code: { attribute: false },
        made: { state: true },
    });

    constructor() {
        super();
        /** A page of ours to go back to, or empty. */
        this.back = "";
        /** The code of a new key, where the app has brought it; or empty. */
        this.code = "";
        /** @type {Key | undefined} the key that was just made */
        this.made = undefined;
        /** @type {Set<string>} ids of the enrolled keys of this browser */
        this.here = new Set();
        this.canPasskey = false;
        this.canMakeMore = true;
        /** Whether there was a session before. */
        this.isOver = false;
        /** @type {string | undefined} whose keys are shown */
        this.person = undefined;
    }

    willUpdate() {
        const person = session()?.person;
        if (person === this.person) return;
        this.isOver = person === undefined && this.person !== undefined;
        this.person = person;
        Object.assign(this, { data: undefined, made: undefined, error: undefined });
        if (person) void this.refresh();
    }

    async load() {
        const person = session()?.person;
        if (!person) return undefined;
        const { keys, passkeys, keys_max } = await call("GET", `${API}/keys`);
        this.canPasskey = passkeys && (await hasPasskeys());
        const good = keys.filter((/** @type {Key} */ key) => key.revoked_at_ms === null);
        this.canMakeMore = good.length < keys_max;
        const kept = await keysHere(person).catch(() => []);
        // A key that was revoked elsewhere is of no use here.
        const listed = new Map(keys.map((/** @type {Key} */ key) => [key.id, key]));
        const dead = kept.filter((key) => listed.get(key.id)?.revoked_at_ms);
        await Promise.all(dead.map((key) => dropKey(key.id).catch(() => {})));
        this.here = new Set(
            good
                .map((/** @type {Key} */ key) => key.id)
                .filter((/** @type {string} */ id) => kept.some((key) => key.id === id)),
        );
        return keys;
    }

    /** @param {CustomEvent} event */
    async _changed({ detail }) {
        this.made = detail ?? undefined;
        await this.refresh();
        const parts = this.querySelectorAll("veche-key-log, veche-sessions");
        for (const part of parts) if (part instanceof Section) void part.refresh();
        if (detail) this.querySelector(/** @type {"div"} */ (".made"))?.focus();
    }

    _made() {
        if (!this.made) return nothing;
        const { held_until_ms } = this.made;
        return html`<div class="banner success made" tabindex="-1" role="status">
            ${icon("done")}
            <div>
                <p class="banner-title">${t("This device has its key now")}</p>
                ${
                    held_until_ms === null
                        ? nothing
                        : html`<p>
                              ${t("Until {time} this key is new: larger payments and other important things are refused. So whoever steals your account can't do harm at once.", { time: showDateTime(held_until_ms) })}
                          </p>`
                }
                ${!this.back && isFromApp() ? html`<p>${backToApp()}</p>` : nothing}
                ${this.back ? html`<p><a class="button primary" href=${this.back}>${t("Go on approving")}</a></p>` : nothing}
            </div>
        </div>`;
    }

    _enrol() {
        if (session()?.level === "low")
            return banner(
                "info",
                html`<p>
                        ${t("You are signed in by your homeserver only. So you can look at your keys and revoke one. To make a key, and for all else, sign in with a code from your chat.")}
                    </p>
                    <p>
                        <a class="button primary" href=${signInHref()}
                            >${t("Sign in with a code")}</a
                        >
                    </p>`,
            );
        if (this.here.size) return nothing;
        if (!this.canMakeMore)
            return banner(
                "info",
                html`<p>
                    ${t("You have as many keys as one may have. Revoke one to make another.")}
                </p>`,
            );
        return html`<veche-enrol
            .person=${session()?.person ?? ""}
            .canPasskey=${this.canPasskey}
            .given=${this.code}
        ></veche-enrol>`;
    }

    _parts() {
        if (!this.data) return html`${this.trouble()} ${this.waiting()}`;
        const isLow = session()?.level === "low";
        return html`${this.trouble()} ${isLow ? nothing : html`<veche-identity></veche-identity>`}
            ${this._made()} ${this._enrol()}
            <veche-key-list .keys=${this.data} .here=${this.here}></veche-key-list>
            ${isLow ? nothing : html`<veche-limits></veche-limits>`}
            <veche-sessions></veche-sessions>
            ${isLow ? nothing : html`<veche-key-log></veche-key-log>`}`;
    }

    _stranger() {
        return html`<div class="card">
            <p>
                ${this.isOver ? t("Your session is over. Please sign in again.") : t("Only you see your keys. Please sign in first.")}
            </p>
            <p class="actions">
                <a class="button primary" href=${signInHref()}>${t("Sign in")}</a>
            </p>
        </div>`;
    }

    render() {
        return html`<div
            class="keys"
            @veche-keys-changed=${(/** @type {CustomEvent} */ event) => void this._changed(event)}
        >
            <h1 tabindex="-1">${t("My keys")}</h1>
            <p class="secondary-text">
                ${t("A key approves in your name. It never leaves its device, and neither we nor a homeserver have it.")}
            </p>
            ${session() ? this._parts() : this._stranger()}
        </div>`;
    }
}
customElements.define("veche-keys", VecheKeys);
