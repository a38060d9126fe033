/**
 * One service: what it is, what one needs, what happens then and by when, and the start.
 *
 * @typedef {import("../agency.js").ServicePage} ServicePage
 */
import { html, nothing } from "lit";
import { newKey } from "../../kit/api.js";
import { button } from "../../kit/elements.js";
import { currentLanguage, plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { pagesOrigin } from "../../kit/page.js";
import { session } from "../../kit/session.js";
import { servicePage, startCase } from "../agency.js";
import { NotYetError, problem } from "../elements/problem.js";
import { hrefOf } from "../route.js";
import { safeHref } from "../safe.js";
import { View } from "../view.js";
import "../../verify/badge.js";

const ROWS = 5;

/** @param {ServicePage} service what one needs, and what one is told to have */
export function needs(service) {
    const fields = service.form?.fields ?? [];
    return html`${
        fields.length
            ? html`<ul class="plain-list">
                  ${fields.map(
                      ({ label, required, purpose }) =>
                          html`<li>
                              ${label}${
                                  required
                                      ? nothing
                                      : html` <span class="optional">${t("(optional)")}</span>`
                              }
                              ${
                                  purpose
                                      ? html`<span class="secondary-text small"
                                            >${t("Not needed to decide the case")}</span
                                        >`
                                      : nothing
                              }
                          </li>`,
                  )}
              </ul>`
            : html`<p>${t("Nothing. You only start it.")}</p>`
    }
    ${
        service.needs_key
            ? html`<p class="secondary-text">
                  ${t("You approve your answers with the key of your device.")}
                  <a href="/keys">${t("My keys")}</a>
              </p>`
            : nothing
    }
    ${
        service.min_trust === "verified"
            ? html`<p class="secondary-text">
                  ${t("Your Matrix client must be verified to send it.")}
              </p>`
            : nothing
    }`;
}

/** @param {ServicePage} service */
export function course(service) {
    return html`<ol class="steps numbered">
            ${service.step_list.map(({ text }) => html`<li><span>${text}</span></li>`)}
        </ol>
        ${service.after ? html`<p class="secondary-text">${service.after}</p>` : nothing}
        ${
            service.appeal
                ? html`<details class="more">
                      <summary>${t("If it is refused")}</summary>
                      <p>${service.appeal}</p>
                      ${
                          service.appeal_days
                              ? html`<p class="secondary-text">
                                    ${plural(
                                        "You have {count} day for it.",
                                        "You have {count} days for it.",
                                        service.appeal_days,
                                    )}
                                </p>`
                              : nothing
                      }
                  </details>`
                : nothing
        }`;
}

class VecheService extends View {
    static properties = {
        service: { state: true },
        isStarting: { state: true },
        startError: { state: true },
    };

    constructor() {
        super();
        this.service = /** @type {ServicePage | undefined} */ (undefined);
        this.isStarting = false;
        /** @type {unknown} */
        this.startError = undefined;
        this._key = newKey();
    }

    get heading() {
        return this.service?.title ?? t("Service");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        if (this.route.view !== "service") return;
        const { office, service } = this.route;
        servicePage(office, service, currentLanguage(), signal).then(
            (found) => {
                this.service = found;
                void this._comeBack();
            },
            (error) => this.fail(error),
        );
    }

    /** Back from the sign-in: at the button that led there. */
    async _comeBack() {
        await this.updateComplete;
        const start = document.getElementById("start")?.closest("a, button");
        if (location.hash === "#start" && start instanceof HTMLElement) start.focus();
    }

    async _start() {
        if (this.isStarting || this.route.view !== "service") return;
        Object.assign(this, { isStarting: true, startError: undefined });
        const { office, service } = this.route;
        try {
            const begun = await startCase(office, service, this._key, this._stopped.signal);
            if (begun.case) this._goTo(begun.case, begun.is_chat_new);
            else this.startError = new NotYetError("no chat yet");
        } catch (error) {
            this.startError = error;
        } finally {
            this.isStarting = false;
        }
    }

    /** @param {string} id @param {boolean} isChatNew */
    _goTo(id, isChatNew) {
        this._key = newKey();
        const detail = { href: hrefOf({ view: "case", id }), state: { isChatNew } };
        this.dispatchEvent(new CustomEvent("veche-go", { detail, bubbles: true }));
    }

    render() {
        const { service } = this;
        if (!service)
            return html`${this.head()} ${this.error ? this.problem() : this.loading(ROWS)}`;
        const bot = safeHref(service.bot_link);
        return html`<p class="crumb"><a href="/services">${icon("back")}${t("Services")}</a></p>
            ${this.head()}
            ${service.summary ? html`<p class="lead">${service.summary}</p>` : nothing}
            <dl class="facts card">
                <dt>${t("Office")}</dt>
                <dd>
                    ${service.office_name}, ${service.organisation}
                    <div><veche-badge .account=${service.bot}></veche-badge></div>
                </dd>
                <dt>${t("Fee")}</dt>
                <dd>${service.cost}</dd>
                <dt>${t("Time")}</dt>
                <dd>
                    ${service.time}<span class="secondary-text small"
                        >${service.deadline.rule}</span
                    >
                </dd>
            </dl>
            ${this._startPart()}
            <section aria-labelledby="needs">
                <h2 id="needs">${t("What you need")}</h2>
                ${needs(service)}
            </section>
            <section aria-labelledby="then">
                <h2 id="then">${t("What happens then")}</h2>
                ${course(service)}
            </section>
            ${
                bot
                    ? html`<p class="secondary-text">
                          ${t("Would you rather chat?")}
                          <a href=${bot} target="_blank" rel="noopener noreferrer"
                              >${t("Write to the office")}</a
                          >
                      </p>`
                    : nothing
            }`;
    }

    _startPart() {
        if (!session()) {
            const isApp = Boolean(pagesOrigin());
            return html`<div class="actions">
                    <a id="start" class="button primary" href=${this._signIn()}
                        >${isApp ? t("Start") : t("Sign in and start")}</a
                    >
                </div>
                <p class="secondary-text small">
                    ${isApp ? t("You choose a name first. Then you come back to this page.") : t("You will come back to this page.")}
                </p>`;
        }
        return html`<div class="actions">
                ${button({
                    label: html`<span id="start">${t("Start")}</span>`,
                    is_busy: this.isStarting,
                    press: () => this._start(),
                })}
            </div>
            <p role="status" class="secondary-text">
                ${this.isStarting ? t("Your case is being opened…") : nothing}
            </p>
            ${
                this.startError
                    ? problem(this.startError, {
                          again: () => this._start(),
                          signIn: this._signIn(),
                      })
                    : nothing
            }`;
    }

    _signIn() {
        return `/signin#return=${encodeURIComponent(`${location.pathname}#start`)}`;
    }
}
customElements.define("veche-service", VecheService);
