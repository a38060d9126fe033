/**
 * Home: first what waits for an answer, then the open cases with their clocks, the services one
 * uses, and what is closed, folded.
 *
 * @typedef {import("../agency.js").CaseEntry} CaseEntry
 */
import { html, nothing } from "lit";
import { plural, showDate, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { session } from "../../kit/session.js";
import { signInHref } from "../../kit/shell.js";
import { followCases, homes } from "../agency.js";
import "../elements/clock.js";
import { hrefOf } from "../route.js";
import { safeHref } from "../safe.js";
import { View } from "../view.js";

const SERVICES_MAX = 6;
const ROWS = 3;

/** @param {CaseEntry} entry @returns {boolean} served ones too: one may ask, nothing is waited for */
export const isOver = (entry) => !entry.is_open || entry.state === "served";

/** @param {CaseEntry} entry */
export function caseRow(entry) {
    return html`<li>
        <a
            class="row ${entry.waits_for_you ? "waits" : ""}"
            href=${hrefOf({ view: "case", id: entry.case })}
        >
            <span class="row-main">
                <span class="row-title">${entry.title}</span>
                <span class="row-meta">${entry.office_name} · ${entry.state_text}</span>
                ${
                    entry.waits_for_you || entry.clock
                        ? html`<span class="row-clock"
                              >${
                                  entry.waits_for_you
                                      ? html`<span class="clock soon"
                                            >${icon("hand")}<span class="clock-words"
                                                >${entry.next}</span
                                            ></span
                                        >`
                                      : nothing
                              }
                              ${
                                  entry.clock
                                      ? html`<veche-clock
                                            .dueAtMs=${entry.clock.due_at_ms}
                                        ></veche-clock>`
                                      : nothing
                              }</span
                          >`
                        : nothing
                }
            </span>
            ${icon("next")}
        </a>
    </li>`;
}

/** @param {CaseEntry} entry */
export function closedRow(entry) {
    return html`<li>
        <a class="row" href=${hrefOf({ view: "case", id: entry.case })}>
            <span class="row-main">
                <span class="row-title">${entry.title}</span>
                <span class="row-meta"
                    >${entry.office_name} · ${entry.state_text} ·
                    ${showDate(entry.updated_at_ms)}</span
                >
            </span>
            ${icon("next")}
        </a>
    </li>`;
}

class VecheHome extends View {
    static properties = { cases: { state: true }, offices: { state: true } };

    constructor() {
        super();
        this.cases = /** @type {CaseEntry[] | undefined} */ (undefined);
        this.offices = /** @type {import("../agency.js").Home[]} */ ([]);
        this._unfollow = () => {};
    }

    get heading() {
        return t("Home");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        if (!session()) return;
        homes(signal).then(
            (found) => (this.offices = found.homes),
            () => {}, // the list below says what is wrong, if it is more than this
        );
        this._unfollow = followCases(
            (state) => (this.cases = state.cases),
            (error) => this.fail(error),
        );
    }

    stop() {
        this._unfollow();
    }

    render() {
        if (!session() && !this.cases && !this.error) return this._welcome();
        return html`${this.head()} ${this.error ? this.problem() : nothing}
        ${this.cases ? this._cases(this.cases) : this.error ? nothing : this.loading(ROWS)}
        ${this._services(this.cases ?? [])} ${this._offices()}`;
    }

    _welcome() {
        return html`${this.head(t("Services of your offices, in your chat and here"))}
            <p class="lead">
                ${t(
                    "Ask for a document, follow your case, see until when the office must answer. You can look at all services without signing in.",
                )}
            </p>
            <p class="actions">
                <a class="button primary" href=${signInHref()}>${t("Sign in")}</a>
                <a class="button secondary" href="/services">${t("Look at the services")}</a>
            </p>`;
    }

    /** @param {CaseEntry[]} cases */
    _cases(cases) {
        const closed = cases.filter(isOver);
        const going = cases.filter((one) => !isOver(one));
        const waiting = going.filter((one) => one.waits_for_you);
        const open = going.filter((one) => !one.waits_for_you);
        return html`${
            waiting.length
                ? html`<section aria-labelledby="waiting">
                      <h2 id="waiting">${t("Waiting for you")}</h2>
                      <ul class="rows">
                          ${waiting.map(caseRow)}
                      </ul>
                  </section>`
                : nothing
        }
        ${
            open.length
                ? html`<section aria-labelledby="open">
                      <h2 id="open">${t("Open cases")}</h2>
                      <ul class="rows">
                          ${open.map(caseRow)}
                      </ul>
                  </section>`
                : nothing
        }
        ${waiting.length || open.length ? nothing : this._nothingOpen()}
        ${
            closed.length
                ? html`<details class="more closed-cases">
                      <summary>
                          ${plural("{count} closed case", "{count} closed cases", closed.length)}
                      </summary>
                      <ul class="rows">
                          ${closed.map(closedRow)}
                      </ul>
                  </details>`
                : nothing
        }`;
    }

    _nothingOpen() {
        return html`<section class="empty">
            ${icon("check")}
            <p class="empty-title">${t("You have nothing to do now")}</p>
            <p class="secondary-text">${t("You have no open case. A service starts one.")}</p>
            <p class="actions">
                <a class="button secondary" href="/services">${t("Find a service")}</a>
            </p>
        </section>`;
    }

    /** @param {CaseEntry[]} cases */
    _services(cases) {
        const used = new Map(cases.map((one) => [`${one.office}/${one.service}`, one]));
        const list = [...used.values()].slice(0, SERVICES_MAX);
        return html`<section aria-labelledby="yours">
            <h2 id="yours">${t("Services")}</h2>
            <ul class="rows">
                ${list.map(
                    ({ office, service, title, office_name }) =>
                        html`<li>
                            <a class="row" href=${hrefOf({ view: "service", office, service })}>
                                <span class="row-main">
                                    <span class="row-title">${title}</span>
                                    <span class="row-meta">${office_name}</span>
                                </span>
                                ${icon("next")}
                            </a>
                        </li>`,
                )}
                <li>
                    <a class="row" href="/services">
                        <span class="row-main">
                            <span class="row-title">${t("Find a service")}</span>
                            <span class="row-meta"
                                >${t("Everything that the offices here do for you")}</span
                            >
                        </span>
                        ${icon("search")}
                    </a>
                </li>
            </ul>
        </section>`;
    }

    _offices() {
        if (!this.offices.length) return nothing;
        return html`<section aria-labelledby="offices">
            <h2 id="offices">${t("Your offices")}</h2>
            <ul class="rows">
                ${this.offices.map(({ office, name, organisation, chat }) => {
                    const address = safeHref(chat);
                    return html`<li class="row office">
                        <span class="row-main">
                            <span class="row-title">${name}</span>
                            <span class="row-meta">${organisation}</span>
                        </span>
                        <span class="row-links">
                            ${
                                address
                                    ? html`<a
                                          class="with-mark"
                                          href=${address}
                                          target="_blank"
                                          rel="noopener noreferrer"
                                          >${icon("chat")}<span
                                              >${t("Chat")}<span class="hidden-text">
                                                  ${name}</span
                                              ></span
                                          ></a
                                      >`
                                    : nothing
                            }
                            <a class="with-mark" href=${hrefOf({ view: "services", q: "", office })}
                                >${icon("search")}<span
                                    >${t("Services")}<span class="hidden-text"> ${name}</span></span
                                ></a
                            >
                        </span>
                    </li>`;
                })}
            </ul>
        </section>`;
    }
}
customElements.define("veche-home", VecheHome);
