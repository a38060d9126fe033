/** What happened to the person's keys: theirs alone to read. */
import { html, nothing } from "lit";
import { call } from "../kit/api.js";
import { button } from "../kit/elements.js";
import { currentLanguage, showDateTime, t } from "../kit/i18n.js";
import { API, Section } from "./section.js";

/** @typedef {{id: number, at_ms: number, what: string, text: string}} Line */

export class VecheKeyLog extends Section {
    constructor() {
        super();
        /** @type {Line[]} those before the newest page */
        this.older = [];
        /** @type {number | null | undefined} where older ones begin; null: there are none */
        this.next = undefined;
    }

    async load() {
        const answer = await this._page();
        if (!this.older.length) this.next = answer.before;
        return answer.events;
    }

    /** @param {number} [before] */
    _page(before) {
        return call("GET", `${API}/log`, { query: { before, lang: currentLanguage() } });
    }

    async _older() {
        await this.act("more", async () => {
            const answer = await this._page(this.next ?? undefined);
            this.older = [...this.older, ...answer.events];
            this.next = answer.before;
        });
    }

    render() {
        const lines = [...(this.data ?? []), ...this.older];
        const shown = [...new Map(lines.map((one) => [one.id, one])).values()];
        return html`<h2>${t("What happened")}</h2>
            <p class="secondary-text">
                ${t("If you did not do one of these, revoke the key, and ask in your chat.")}
            </p>
            ${this.trouble()} ${this.data ? nothing : this.waiting()}
            ${this.data && !shown.length ? html`<p>${t("Nothing yet.")}</p>` : nothing}
            <ol class="log">
                ${shown.map(
                    ({ at_ms, text, what }) =>
                        html`<li class=${what.includes("refused") ? "bad" : ""}>
                            <time datetime=${new Date(at_ms).toISOString()}
                                >${showDateTime(at_ms)}</time
                            >
                            <span>${text}</span>
                        </li>`,
                )}
            </ol>
            ${
                this.next
                    ? html`<div class="actions">
                          ${button({
                              label: t("Older ones"),
                              style: "secondary",
                              is_busy: this.busy === "more",
                              press: () => void this._older(),
                          })}
                      </div>`
                    : nothing
            }`;
    }
}
customElements.define("veche-key-log", VecheKeyLog);
