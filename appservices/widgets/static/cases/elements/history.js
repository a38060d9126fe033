/**
 * What happened in a case, the newest first: people look for what is new.
 *
 * @typedef {{at_ms: number, who: string, what: string, text: string | null}} Entry
 */
import { html, nothing } from "lit";
import { plural, showDateTime, t } from "../../kit/i18n.js";
import { VecheElement } from "../../kit/elements.js";

/** More than these are folded. */
const SHOWN_MAX = 5;

export class VecheHistory extends VecheElement {
    static properties = { entries: { attribute: false } };

    constructor() {
        super();
        this.entries = /** @type {Entry[]} */ ([]);
    }

    /** @param {Entry} entry */
    _entry({ at_ms, who, what, text }) {
        return html`<li>
            <p class="entry-what">${what}</p>
            ${text ? html`<p class="entry-text">${text}</p>` : nothing}
            <p class="secondary-text small">
                <span class="entry-who">${who}</span> ·
                <time datetime=${new Date(at_ms).toISOString()}>${showDateTime(at_ms)}</time>
            </p>
        </li>`;
    }

    render() {
        const newest = this.entries.toReversed();
        const older = newest.slice(SHOWN_MAX);
        return html`<ol class="history" reversed>
                ${newest.slice(0, SHOWN_MAX).map((entry) => this._entry(entry))}
            </ol>
            ${
                older.length
                    ? html`<details class="more">
                          <summary>
                              ${plural(
                                  "{count} earlier entry",
                                  "{count} earlier entries",
                                  older.length,
                              )}
                          </summary>
                          <ol class="history" reversed start=${older.length}>
                              ${older.map((entry) => this._entry(entry))}
                          </ol>
                      </details>`
                    : nothing
            }`;
    }
}
customElements.define("veche-history", VecheHistory);

/** @returns {string} what stands where nothing has happened yet */
export const nothingHappened = () => t("Nothing has happened yet.");
