/**
 * Until when something is due: how far it is in words, and the day. By the service's time, so that a
 * wrong clock of this machine shows nothing wrong.
 */
import { html } from "lit";
import { plural, showDate, t } from "../../kit/i18n.js";
import { serverNow } from "../now.js";
import { icon } from "../../kit/icons.js";
import { daysUntil, weekdaysUntil } from "../days.js";
import { VecheElement } from "../../kit/elements.js";

const REFRESH_MS = 60_000;

/**
 * @param {number} nowMs
 * @param {number} dueAtMs
 * @returns {{words: string, tone: "calm" | "soon" | "late"}}
 */
export function clockWords(nowMs, dueAtMs) {
    const days = daysUntil(nowMs, dueAtMs);
    if (dueAtMs < nowMs) {
        const words = days
            ? plural("{count} day late", "{count} days late", -days)
            : t("overdue since today");
        return { words, tone: "late" };
    }
    if (days === 0) return { words: t("due today"), tone: "soon" };
    if (days === 1) return { words: t("due tomorrow"), tone: "soon" };
    const working = weekdaysUntil(nowMs, dueAtMs);
    // From Friday to Sunday there is none.
    const words = working
        ? plural("due in {count} working day", "due in {count} working days", working)
        : plural("due in {count} day", "due in {count} days", days);
    return { words, tone: "calm" };
}

export class VecheClock extends VecheElement {
    static properties = { dueAtMs: { attribute: false } };

    constructor() {
        super();
        this.dueAtMs = 0;
        this._timer = 0;
    }

    connectedCallback() {
        super.connectedCallback();
        this._timer = setInterval(() => this.requestUpdate(), REFRESH_MS);
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        clearInterval(this._timer);
    }

    render() {
        const { words, tone } = clockWords(serverNow(), this.dueAtMs);
        const day = new Date(this.dueAtMs);
        return html`<span class="clock ${tone}">
            ${icon("time")}
            <span class="clock-lines">
                <span class="clock-words">${words}</span>
                <time datetime=${day.toISOString()}>${showDate(this.dueAtMs)}</time>
            </span>
        </span>`;
    }
}
customElements.define("veche-clock", VecheClock);
