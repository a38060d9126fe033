/**
 * What a stranger sees at the printed address: what this town offers, and how to start.
 *
 * @typedef {import("../../cases/agency.js").Office & {picture?: string | null,
 *   hours?: string[]}} Office
 */
import { html, nothing } from "lit";
import { View } from "../../cases/view.js";
import { catalogue } from "../../cases/agency.js";
import { serviceFacts } from "../../cases/views/services.js";
import { linkRow, typedIn } from "../../kit/elements.js";
import { currentLanguage, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import "../../kit/shell.js";
import { officeRow } from "../elements/office.js";
import { section } from "../elements/section.js";
import { hrefOf } from "../route.js";
import { inOwnLanguage, site } from "../site.js";

const ROWS = 4;
const SERVICES_MAX = 5;

export class AppTown extends View {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...View.properties,
        offices: { state: true },
        site: { state: true },
    });

    constructor() {
        super();
        /** @type {Office[] | undefined} */
        this.offices = undefined;
        /** @type {import("../site.js").Site | undefined} */
        this.site = undefined;
    }

    get heading() {
        return inOwnLanguage(this.site?.name ?? null) || t("Welcome");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        catalogue("", currentLanguage(), signal).then(
            ({ offices }) => (this.offices = offices),
            (error) => this.fail(error),
        );
        site().then(
            (found) => (this.site = found),
            () => {}, // the list below says what is wrong
        );
    }

    /** @param {SubmitEvent} event */
    _find(event) {
        const q = new URLSearchParams({ q: String(typedIn(event).get("q")) });
        this.dispatchEvent(
            new CustomEvent("veche-go", { detail: { href: `#/services?${q}` }, bubbles: true }),
        );
    }

    _start() {
        return html`<section class="hero">
            ${this.head()}
            <p class="lead">
                ${t("Ask your offices for documents, pay, sign and chat, all in one place. Nobody else reads your messages.")}
            </p>
            <form class="town-search" role="search" @submit=${this._find}>
                <label for="town-q">${t("What do you need?")}</label>
                <div class="with-icon">
                    ${icon("search")}
                    <input
                        id="town-q"
                        name="q"
                        type="search"
                        autocomplete="off"
                        maxlength="200"
                        placeholder=${t("Birth certificate")}
                    />
                </div>
            </form>
            <p class="actions">
                <a class="button primary" href=${hrefOf("start")}>${t("Start")}</a>
                <a class="button secondary" href=${hrefOf("start", "sign-in")}
                    >${t("I have an account")}</a
                >
            </p>
        </section>`;
    }

    /** @param {Office[]} offices */
    _services(offices) {
        const all = offices.flatMap((office) =>
            office.services.map((service) => ({ office, service })),
        );
        return html`<section aria-labelledby="town-services">
            <div class="town-head">
                <h2 id="town-services">${t("Services")}</h2>
                <a href=${hrefOf("services")}>${t("All services")}</a>
            </div>
            <ul class="rows">
                ${all.slice(0, SERVICES_MAX).map(({ office, service }) =>
                    linkRow({
                        href: hrefOf("services", office.office, service.service),
                        title: service.title,
                        meta: html`${office.name} · ${serviceFacts(service)}`,
                    }),
                )}
            </ul>
        </section>`;
    }

    render() {
        return html`${this._start()} ${this.error ? this.problem() : nothing}
            ${
                this.offices
                    ? html`${section("town-offices", t("Offices"), this.offices.map(officeRow))}
                      ${this._services(this.offices)}`
                    : this.error
                      ? nothing
                      : this.loading(ROWS)
            } <veche-foot></veche-foot>`;
    }
}
customElements.define("app-town", AppTown);
