/** Where the person is signed in, and ending it. */
import { html, nothing } from "lit";
import { call } from "../kit/api.js";
import { button } from "../kit/elements.js";
import { showDateTime, t } from "../kit/i18n.js";
import { end, forgetTab, session } from "../kit/session.js";
import { levelWords } from "../kit/shell.js";
import { Section } from "./section.js";

const SESSIONS = "/_veche/sessions/v1/sessions";
const ALL = "all";

/**
 * @typedef {{id: string, level: string, browser: string, system: string, begun_at_ms: number,
 *   used_at_ms: number, is_this: boolean}} Signed
 */

/** @param {Signed} one */
function nameOf({ browser, system }) {
    if (browser && system) return t("{browser} on {system}", { browser, system });
    return browser || system || t("Unknown browser");
}

export class VecheSessions extends Section {
    async load() {
        return session()?.level === "low" ? [] : (await call("GET", SESSIONS)).sessions;
    }

    /** @param {string} id */
    async _end(id) {
        const isThis =
            id === ALL ||
            this.data?.some((/** @type {Signed} */ one) => one.id === id && one.is_this);
        const isDone = await this.act(id, () => call("DELETE", `${SESSIONS}/${id}`));
        if (!isDone || !isThis) return void (await this.refresh());
        end();
        forgetTab();
    }

    /** @param {Signed} one */
    _session(one) {
        return html`<li class="card session">
            <div class="key-head">
                <h3>${nameOf(one)}</h3>
                ${one.is_this ? html`<span class="badge accent">${t("This one")}</span>` : nothing}
            </div>
            <p class="secondary-text small">
                ${levelWords(one.level)} ·
                ${t("since {time}", { time: showDateTime(one.begun_at_ms) })} ·
                ${t("last used {time}", { time: showDateTime(one.used_at_ms) })}
            </p>
            <div class="actions">
                ${button({
                    label: html`<span>${t("Sign out")}</span
                        ><span class="hidden-text">: ${nameOf(one)}</span>`,
                    style: "secondary",
                    is_busy: this.busy === one.id,
                    press: () => void this._end(one.id),
                })}
            </div>
        </li>`;
    }

    render() {
        return html`<h2 id="sessions" tabindex="-1">${t("Where I am signed in")}</h2>
            ${this.trouble()}
            ${
                this.data
                    ? html`<ul class="cards">
                          ${this.data.map((/** @type {Signed} */ one) => this._session(one))}
                      </ul>`
                    : this.waiting()
            }
            <div class="actions">
                ${button({
                    label: t("Sign out everywhere"),
                    style: "secondary",
                    is_busy: this.busy === ALL,
                    press: () => void this._end(ALL),
                })}
            </div>`;
    }
}
customElements.define("veche-sessions", VecheSessions);
