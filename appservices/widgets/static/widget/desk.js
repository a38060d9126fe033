/** What waits for a person's signature, drawn: the whole of the signing widget. */
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { banner, button, spinner } from "../kit/elements.js";
import { plural, showDateTime, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import "../pdf/pages.js";
import { explained, partyStateWords } from "../sign/words.js";
import { VecheMatter } from "./matter.js";
import { documentOf, readRequest } from "./request.js";

/** @typedef {import("../kit/matter.js").Matter} Matter */
/** @typedef {import("./request.js").SignRequest} SignRequest */

const SHOWN_MAX = 10;
const ASK = "/sign/new";

export class VecheDesk extends VecheMatter {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...VecheMatter.properties,
        shown: { state: true },
        bytes: { state: true },
        fault: { state: true },
    });

    constructor() {
        super();
        /** Id of the request whose document is shown. */
        this.shown = "";
        /** @type {Uint8Array<ArrayBuffer> | undefined} none while it is fetched */
        this.bytes = undefined;
        /** @type {unknown} */
        this.fault = undefined;
    }

    get heading() {
        return t("Documents to sign");
    }

    /** @param {SignRequest} request */
    async _open(request) {
        Object.assign(this, { shown: request.id, bytes: undefined, fault: undefined });
        try {
            const bytes = await documentOf(request, this.matter?.files ?? [], this.link);
            if (this.shown === request.id) this.bytes = bytes;
        } catch (error) {
            if (this.shown === request.id) this.fault = error;
        }
    }

    /** @param {SignRequest} request */
    _request(request) {
        const { id, isPrivate, title, from, pages, code, deadline_at_ms, page } = request;
        const name = isPrivate || !title ? t("Private document") : title;
        /** @type {[string, unknown][]} */
        const rows = [
            [t("Asked by"), html`<bdi>${from}</bdi>`],
            [
                t("Document"),
                pages > 0 ? plural("{count} page", "{count} pages", pages) : t("A file, no PDF"),
            ],
            [t("Code"), html`<code>${code}</code>`],
            [t("Until"), showDateTime(deadline_at_ms)],
        ];
        return html`<section class="card" aria-labelledby="request-${id}">
            <h3 id="request-${id}"><bdi>${name}</bdi></h3>
            <dl class="facts small">
                ${rows.map(
                    ([key, value]) =>
                        html`<dt>${key}</dt>
                            <dd>${value}</dd>`,
                )}
            </dl>
            <ul class="plain-list small">
                ${request.parties.map(
                    (one) =>
                        html`<li>
                            <bdi>${one.name}</bdi>: ${partyStateWords(one.state, one.role)}
                        </li>`,
                )}
            </ul>
            ${page ? html`<p>${this._out(page, t("Read and sign in the browser"))}</p>` : nothing}
            ${isPrivate ? this._private(request) : this._public(request)}
        </section>`;
    }

    /** @param {SignRequest} request */
    _private({ from }) {
        return html`<p class="with-mark secondary-text small">
            ${icon("lock")}<span
                >${t("Its title and its pages are in the link that {person} sends you. Open that link in the browser, and don't write it here: the bot reads this chat.", { person: from })}</span
            >
        </p>`;
    }

    /** @param {SignRequest} request */
    _public(request) {
        // What is no PDF is looked at in the browser, where it can be saved.
        if (!request.page || request.pages === 0) return nothing;
        if (this.shown !== request.id)
            return html`<p class="actions">
                ${button({
                    label: t("Show the document here"),
                    style: "secondary",
                    press: () => void this._open(request),
                })}
            </p>`;
        if (this.fault !== undefined)
            return banner("critical", html`<p>${explained(this.fault)}</p>`);
        if (!this.bytes) return spinner(t("Fetching the document…"));
        return html`<veche-pages
            .bytes=${this.bytes}
            .label=${t("Pages of {title}", { title: request.title })}
        ></veche-pages>`;
    }

    _face() {
        const { matter } = this;
        if (this.error || !matter) return super._face();
        const known = matter.requests.flatMap((one) => readRequest(one) ?? []);
        const open = known.filter(({ isOpen }) => isOpen).slice(-SHOWN_MAX);
        // First what is asked: a client shows little more of us at once.
        return html`${this._prompts(matter)}
            ${
                open.length > 0
                    ? html`<section aria-labelledby="waiting">
                          <h2 id="waiting">${t("Documents to sign")}</h2>
                          ${repeat(
                              open.toReversed(),
                              ({ id }) => id,
                              (one) => this._request(one),
                          )}
                      </section>`
                    : banner("info", html`<p>${t("No document waits for you here now.")}</p>`)
            }
            <p class="with-mark">
                ${icon("plus")}${this._out(ASK, t("Ask for signatures in the browser"))}
            </p>`;
    }
}
customElements.define("veche-desk", VecheDesk);
