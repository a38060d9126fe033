/**
 * The catalogue: open to anybody, searched while one types, by office if one likes.
 *
 * @typedef {import("../agency.js").Office} Office
 * @typedef {import("../agency.js").Service} Service
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { currentLanguage, plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { catalogue } from "../agency.js";
import { hrefOf } from "../route.js";
import { View } from "../view.js";

const TYPING_MS = 250;
const QUERY_CHARACTERS_MAX = 200;
const ROWS = 4;

/** @param {Service} service */
export function serviceFacts({ fee, deadline }) {
    return [
        fee ?? t("free of charge"),
        plural(
            "at most {count} working day",
            "at most {count} working days",
            deadline.working_days,
        ),
    ].join(" · ");
}

export class VecheServices extends View {
    static properties = {
        q: { state: true },
        office: { state: true },
        found: { state: true },
        names: { state: true },
    };

    constructor() {
        super();
        this.q = "";
        this.office = "";
        this.found = /** @type {Office[] | undefined} */ (undefined);
        this.names = /** @type {{office: string, name: string}[]} */ ([]);
        this._timer = 0;
        this._search = new AbortController();
    }

    get heading() {
        return t("Services");
    }

    /** @param {AbortSignal} _signal */
    start(_signal) {
        // Begun anew, what was typed stands: the address is that of it.
        if (!this.hasUpdated && this.route.view === "services") {
            this.q = this.route.q;
            this.office = this.route.office;
        }
        void this._find();
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        super.willUpdate(changed);
        // The back button changes the address under a view that stays.
        const { route } = this;
        if (!this.hasUpdated || !changed.has("route") || route.view !== "services") return;
        if (route.q !== this.q) {
            this.q = route.q;
            void this._find();
        }
        this.office = route.office;
    }

    stop() {
        clearTimeout(this._timer);
        this._search.abort();
    }

    async _find() {
        this._search.abort();
        this._search = new AbortController();
        const { signal } = this._search;
        try {
            const { offices } = await catalogue(this.q, currentLanguage(), signal);
            this.found = offices;
            this.error = undefined;
            if (!this.q) this.names = offices.map(({ office, name }) => ({ office, name }));
        } catch (error) {
            if (!signal.aborted) this.fail(error);
        }
    }

    /** @param {string} q */
    _typed(q) {
        this.q = q;
        this._remember();
        clearTimeout(this._timer);
        this._timer = setTimeout(() => void this._find(), TYPING_MS);
    }

    /** The address names what is shown, so that it can be sent to somebody, and come back to. */
    _remember() {
        this.dispatchEvent(
            new CustomEvent("veche-place", {
                detail: hrefOf({ view: "services", q: this.q, office: this.office }),
                bubbles: true,
            }),
        );
    }

    /** @param {Service} service @param {Office} office */
    _row(service, office) {
        return html`<li>
            <a
                class="row"
                href=${hrefOf({ view: "service", office: office.office, service: service.service })}
            >
                <span class="row-main">
                    <span class="row-title">${service.title}</span>
                    ${
                        service.summary
                            ? html`<span class="row-text">${service.summary}</span>`
                            : nothing
                    }
                    <span class="row-meta">${office.name} · ${serviceFacts(service)}</span>
                </span>
                ${icon("next")}
            </a>
        </li>`;
    }

    render() {
        return html`${this.head()}
            <div class="search" role="search">
                <div class="field search-words">
                    <label for="q">${t("What do you need?")}</label>
                    <div class="with-icon">
                        ${icon("search")}
                        <input
                            id="q"
                            type="search"
                            autocomplete="off"
                            maxlength=${QUERY_CHARACTERS_MAX}
                            .value=${live(this.q)}
                            @input=${(/** @type {InputEvent} */ event) =>
                                this._typed(/** @type {HTMLInputElement} */ (event.target).value)}
                        />
                    </div>
                </div>
                ${this._offices()}
            </div>
            ${this.error ? this.problem() : nothing} ${this._results()}`;
    }

    _offices() {
        const names = this.names.length
            ? this.names
            : (this.found ?? []).map(({ office, name }) => ({ office, name }));
        if (names.length < 2 && !this.office) return nothing;
        return html`<div class="field search-office">
            <label for="office">${t("Office")}</label>
            <select
                id="office"
                @change=${(/** @type {Event} */ event) => {
                    this.office = /** @type {HTMLSelectElement} */ (event.target).value;
                    this._remember();
                }}
            >
                <option value="" .selected=${live(!this.office)}>${t("All offices")}</option>
                ${names.map(
                    ({ office, name }) =>
                        html`<option value=${office} .selected=${live(office === this.office)}>
                            ${name}
                        </option>`,
                )}
            </select>
        </div>`;
    }

    _results() {
        if (!this.found) return this.error ? nothing : this.loading(ROWS);
        const offices = this.found.filter((one) => !this.office || one.office === this.office);
        const rows = offices.flatMap((office) =>
            office.services.map((service) => this._row(service, office)),
        );
        return html`<p role="status" class="secondary-text count">
                ${plural("{count} service", "{count} services", rows.length)}
            </p>
            ${
                rows.length
                    ? html`<ul class="rows">
                          ${rows}
                      </ul>`
                    : this._nothing()
            }`;
    }

    _nothing() {
        return html`<section class="empty">
            ${icon("search")}
            <p class="empty-title">${t("No service has all of these words")}</p>
            <p class="secondary-text">${t("Try fewer words, or other ones.")}</p>
            <button
                type="button"
                class="button secondary"
                @click=${() => {
                    this.office = "";
                    this._typed("");
                }}
            >
                ${t("Show all services")}
            </button>
        </section>`;
    }
}
customElements.define("veche-services", VecheServices);
