/** What the messages of a room amount to, drawn: the whole of the widget. */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "../cases/elements/clock.js";
import { problem } from "../cases/elements/problem.js";
import "../cases/elements/prompt.js";
import { VecheElement, banner, spinner } from "../kit/elements.js";
import { showDate, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { caseHref, givenText, partsOfCard, questionOf } from "./words.js";

/** @typedef {import("../kit/link.js").Link} Link */
/** @typedef {import("../kit/matter.js").Matter} Matter */
/** @typedef {import("../kit/matter.js").Asked} Asked */

const HOME = "/";

export class VecheMatter extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        link: { attribute: false },
        error: { attribute: false },
        matter: { state: true },
    });

    constructor() {
        super();
        this.link = /** @type {Link | undefined} */ (undefined);
        this.error = /** @type {unknown} */ (undefined);
        this.matter = /** @type {Matter | undefined} */ (undefined);
        this._stop = () => {};
        /** @type {Set<string>} prompts that were answered here: their words stay until the bot's come */
        this._given = new Set();
    }

    connectedCallback() {
        super.connectedCallback();
        this._stop =
            this.link?.watch(
                (matter) => {
                    this.matter = matter;
                },
                (error) => {
                    this.error = error;
                },
            ) ?? this._stop;
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._stop();
    }

    /** @param {Asked} asked */
    _port(asked) {
        return {
            /** @param {unknown} _ @param {import("../kit/link.js").Given} given */
            answer: async (_, given) => {
                const text = givenText(given, asked.prompt.form?.fields ?? []);
                await this.link?.answer(asked, { ...given, text });
                this._given.add(asked.prompt.id);
                return true;
            },
        };
    }

    /** @param {Matter} matter */
    _card({ card, text }) {
        if (!card) return nothing;
        const { title, facts, rest } = partsOfCard(text, card.id);
        return html`<section class="card" aria-labelledby="case">
            <h2 id="case">${title}</h2>
            ${
                card.clock
                    ? html`<p>
                          <veche-clock .dueAtMs=${card.clock.due_at_ms}></veche-clock>
                      </p>`
                    : nothing
            }
            <dl class="facts small">
                ${facts.map(
                    ({ name, value }) =>
                        html`<dt>${name}</dt>
                            <dd>${value}</dd>`,
                )}
            </dl>
            ${rest ? html`<p class="lines">${rest}</p>` : nothing}
            <p>${this._out(caseHref(card.id), t("Open the case in the browser"))}</p>
        </section>`;
    }

    /** @param {string} href @param {string} label */
    _out(href, label) {
        return html`<a href=${href} target="_blank" rel="noopener" class="with-mark"
            ><span>${label}</span>${icon("out")}<span class="hidden-text">
                ${t("(opens a new tab)")}</span
            ></a
        >`;
    }

    /** @param {Asked} asked */
    _prompt(asked) {
        const { prompt, answered } = asked;
        if (answered !== undefined && !this._given.has(prompt.id)) return this._answered(asked);
        return html`<veche-prompt
            class="card prompt-card"
            .asked=${{ ...asked, text: questionOf(asked) }}
            .fields=${prompt.form?.fields ?? []}
            .port=${this._port(asked)}
        ></veche-prompt>`;
    }

    /** @param {Asked} asked */
    _answered(asked) {
        const label = asked.prompt.choices?.find(({ id }) => id === asked.answered)?.label;
        return html`<div class="card">
            <p class="lines">${questionOf(asked)}</p>
            <p role="status" class="secondary-text">
                ${label ? t("You answered: {answer}", { answer: label }) : t("You have answered.")}
            </p>
        </div>`;
    }

    /** @param {Matter} matter */
    _prompts({ prompts }) {
        const open = prompts.filter(({ is_open }) => is_open);
        if (!open.length) return nothing;
        return html`<section aria-labelledby="asked">
            <h2 id="asked">${t("Your answer is needed")}</h2>
            ${repeat(
                open,
                ({ prompt }) => prompt.id,
                (asked) => this._prompt(asked),
            )}
        </section>`;
    }

    /** @param {Matter} matter */
    _documents({ documents }) {
        if (!documents.length) return nothing;
        return html`<section aria-labelledby="documents">
            <h2 id="documents">${t("Documents")}</h2>
            <ul>
                ${documents.map(
                    (one) =>
                        html`<li>
                            ${String(one.title)}${
                                typeof one.valid_until_ms === "number"
                                    ? html` <span class="secondary-text"
                                          >${t("valid until {date}", {
                                              date: showDate(one.valid_until_ms),
                                          })}</span
                                      >`
                                    : nothing
                            }
                        </li>`,
                )}
            </ul>
            <p class="secondary-text">${t("The files are in the messages below.")}</p>
        </section>`;
    }

    /** @returns {string} what the widget is, for who cannot see it */
    get heading() {
        return t("Your case");
    }

    render() {
        return html`<h1 class="hidden-text">${this.heading}</h1>
            ${this._face()}`;
    }

    _face() {
        if (this.error)
            return html`${problem(this.error)}
                <p>${this._out(HOME, t("Open your page in the browser"))}</p>`;
        const { matter } = this;
        if (!matter) return spinner(t("Asking your Matrix client…"));
        const isEmpty =
            !matter.card && !matter.documents.length && !matter.prompts.some((one) => one.is_open);
        // First what is asked: a client shows little more of us at once.
        return html`${this._prompts(matter)} ${this._card(matter)} ${this._documents(matter)}
        ${isEmpty ? banner("info", html`<p>${t("Nothing is asked of you here now.")}</p>`) : nothing}`;
    }
}
customElements.define("veche-matter", VecheMatter);
