/**
 * All keys of the person, and revoking one.
 *
 * @typedef {object} Key as the service lists it
 * @property {string} id
 * @property {"p256" | "webauthn"} kind
 * @property {string} label
 * @property {string} words
 * @property {number} created_at_ms
 * @property {number | null} held_until_ms
 * @property {number | null} last_used_at_ms
 * @property {number | null} revoked_at_ms
 */
import { html, nothing } from "lit";
import { dropKey } from "../kit/approval.js";
import { call } from "../kit/api.js";
import { button, closeDialog, dialog, openDialog } from "../kit/elements.js";
import { plural, showDate, showDateTime, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { API, Section } from "./section.js";

const DIALOG = "revoke";

export class VecheKeyList extends Section {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...Section.properties,
        keys: { attribute: false },
        here: { attribute: false },
        doomed: { state: true },
        told: { state: true },
    });

    constructor() {
        super();
        /** @type {Key[]} */
        this.keys = [];
        /** Ids of the keys of this browser. */
        this.here = /** @type {Set<string>} */ (new Set());
        /** @type {Key | undefined} which one is about to be revoked */
        this.doomed = undefined;
        this.told = "";
    }

    /** @param {Key} key */
    async _ask(key) {
        this.doomed = key;
        await this.updateComplete;
        openDialog(DIALOG);
    }

    async _revoke() {
        const { doomed } = this;
        if (!doomed) return;
        const isDone = await this.act(doomed.id, async () => {
            await call("DELETE", `${API}/keys/${encodeURIComponent(doomed.id)}`);
            await dropKey(doomed.id).catch(() => {});
        });
        closeDialog(DIALOG);
        if (!isDone) return;
        this.told = t("{label} is revoked. It approves nothing any more.", { label: doomed.label });
        this.dispatchEvent(new CustomEvent("veche-keys-changed", { bubbles: true }));
    }

    /** @param {Key} key */
    _key(key) {
        const { label, kind, words, created_at_ms, last_used_at_ms, held_until_ms } = key;
        return html`<li class="card key">
            <div class="key-head">
                <h3>${icon("key")}<bdi>${label}</bdi></h3>
                ${
                    this.here.has(key.id)
                        ? html`<span class="badge accent">${t("This device")}</span>`
                        : nothing
                }
            </div>
            <p class="words">${words}</p>
            <p class="meta">
                ${kind === "webauthn" ? t("Passkey") : t("Key of a browser")} ·
                ${t("made {date}", { date: showDate(created_at_ms) })} ·
                ${last_used_at_ms === null ? t("never used") : t("last used {time}", { time: showDateTime(last_used_at_ms) })}
            </p>
            ${
                held_until_ms === null
                    ? nothing
                    : html`<p class="hold">
                          ${icon("time")}<span
                              >${t("New: it may approve everything from {time} on. Until then larger payments and other important things are refused.", { time: showDateTime(held_until_ms) })}</span
                          >
                      </p>`
            }
            <div class="actions">
                ${button({
                    label: html`<span>${t("Revoke")}</span
                        ><span class="hidden-text">: ${label}</span>`,
                    style: "secondary",
                    is_busy: this.busy === key.id,
                    press: () => void this._ask(key),
                })}
            </div>
        </li>`;
    }

    /** @param {Key[]} revoked */
    _revoked(revoked) {
        if (!revoked.length) return nothing;
        return html`<details>
            <summary>
                ${plural("{count} revoked key", "{count} revoked keys", revoked.length)}
            </summary>
            <ul class="plain">
                ${revoked.map(
                    ({ label, words, revoked_at_ms }) =>
                        html`<li>
                            <bdi>${label}</bdi> · ${words} ·
                            ${t("revoked {date}", { date: showDate(revoked_at_ms ?? 0) })}
                        </li>`,
                )}
            </ul>
        </details>`;
    }

    _dialog() {
        const label = this.doomed?.label ?? "";
        return dialog({
            id: DIALOG,
            title: t("Revoke this key?"),
            content: html`<p>
                    <bdi>${label}</bdi> ·
                    <span class="words">${this.doomed?.words ?? ""}</span>
                </p>
                <p>
                    ${t("It approves nothing from this moment on, and can't be taken back. Its earlier approvals stay valid. You can make a new key at any time.")}
                </p>`,
            actions: html`${button({
                label: t("Keep it"),
                style: "secondary",
                press: () => closeDialog(DIALOG),
            })}
            ${button({
                label: t("Revoke"),
                style: "danger",
                is_busy: Boolean(this.busy),
                press: () => void this._revoke(),
            })}`,
        });
    }

    render() {
        const good = this.keys.filter((key) => key.revoked_at_ms === null);
        const revoked = this.keys.filter((key) => key.revoked_at_ms !== null);
        return html`<h2>${t("All my keys")}</h2>
            <p role="status" class="note">${this.told}</p>
            ${this.trouble()}
            ${
                good.length
                    ? html`<ul class="cards">
                          ${good.map((key) => this._key(key))}
                      </ul>`
                    : html`<p class="secondary-text">${t("You have no key yet.")}</p>`
            }
            ${this._revoked(revoked)} ${this._dialog()}`;
    }
}
customElements.define("veche-key-list", VecheKeyList);
