/**
 * Who is official here: all organisations of the directories, or one with those above it.
 *
 * @typedef {import("../../verify/official.js").Organisation} Organisation
 * @typedef {import("../../verify/official.js").Directory} Directory
 */
import { html, nothing } from "lit";
import { directories } from "../../verify/directories.js";
import { nameOf } from "../../verify/official.js";
import { banner, linkRow } from "../../kit/elements.js";
import { currentLanguage, showDate, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { hrefOf } from "../route.js";
import { View } from "../view.js";

const ROWS = 3;

/** @param {Organisation} one */
function domainOf({ domain, domain_seen_ms: seen }) {
    if (seen === null) return t("{domain} (not proven)", { domain });
    return t("{domain}, as it proved on {day}", { domain, day: showDate(seen) });
}

class VecheOfficial extends View {
    static properties = { found: { state: true } };

    constructor() {
        super();
        /** @type {Directory[] | undefined} */
        this.found = undefined;
    }

    get heading() {
        const one = this._one;
        return one ? nameOf(one.organisation, currentLanguage()) : t("Who is official");
    }

    get _id() {
        return this.route.view === "official" ? this.route.organisation : "";
    }

    get _one() {
        for (const directory of this.found ?? [])
            for (const organisation of directory.organisations)
                if (organisation.id === this._id) return { directory, organisation };
        return undefined;
    }

    start() {
        directories().then(
            (found) => (this.found = found),
            (error) => this.fail(error),
        );
    }

    render() {
        if (this.error) return html`${this.head()} ${this.problem()}`;
        if (!this.found) return html`${this.head()} ${this.loading(ROWS)}`;
        const one = this._one;
        const all = hrefOf({ view: "official", organisation: "" });
        const back = html`<p class="crumb">
            <a href=${all}>${icon("back")}${t("Who is official")}</a>
        </p>`;
        return html`${this._id ? back : nothing} ${this.head()}
        ${one ? this._shown(one) : this._list()}`;
    }

    _list() {
        const all = (this.found ?? []).flatMap(({ organisations }) => organisations);
        return html`<p class="lead">
                ${t("Offices and banks that somebody vouches for, and the accounts from which they write. Nobody else writes in their name.")}
            </p>
            ${this._id ? banner("critical", t("No directory that is trusted here has {name}.", { name: this._id })) : nothing}
            ${all.length ? nothing : html`<p>${t("There is no directory here.")}</p>`}
            <ul class="rows">
                ${all.map((one) =>
                    linkRow({
                        href: hrefOf({ view: "official", organisation: one.id }),
                        mark: icon(one.standing === "official" ? "verified" : "error"),
                        title: nameOf(one, currentLanguage()),
                        meta:
                            one.standing === "official"
                                ? this._names(one.chain.slice(0, -1)) || one.domain
                                : t("Not official now"),
                    }),
                )}
            </ul>`;
    }

    /** @param {string[]} ids @returns {string} their names, one below the other */
    _names(ids) {
        const known = (this.found ?? []).flatMap(({ organisations }) => organisations);
        return ids
            .map((id) => known.find((one) => one.id === id))
            .map((one) => (one ? nameOf(one, currentLanguage()) : ""))
            .join(" → ");
    }

    /** @param {{directory: Directory, organisation: Organisation}} one */
    _shown({ directory, organisation: one }) {
        const by = directory.organisations.find(({ id }) => id === one.vouched_by);
        const isOfficial = one.standing === "official";
        const language = currentLanguage();
        const facts = [
            ...(one.chain.length > 1 ? [[t("It belongs to"), this._names(one.chain)]] : []),
            [t("In the directory since"), showDate(one.since_ms)],
            [t("Verified by"), by ? nameOf(by, language) : (directory.log.split("/").at(-1) ?? "")],
            [t("On the web"), domainOf(one)],
            [t("Complaints"), one.complaints],
        ];
        return html`${
                isOfficial
                    ? html`<p class="with-mark">${icon("verified")} ${t("Official account")}</p>`
                    : banner("critical", `${t("Not official now")}. ${one.reason}`)
            }
            <dl class="facts">
                ${facts.map(
                    ([name, value]) =>
                        html`<dt>${name}</dt>
                            <dd><bdi>${value}</bdi></dd>`,
                )}
            </dl>
            <h2>${t("It writes to you from these accounts alone")}</h2>
            <ul>
                ${Object.keys(one.accounts).map((account) => html`<li><bdi>${account}</bdi></li>`)}
            </ul>
            <h2>${t("What it may ask you for")}</h2>
            ${
                one.purposes.length
                    ? html`<ul>
                          ${one.purposes.map(
                              ({ title, basis }) =>
                                  html`<li>
                                      ${title[language] ?? title.en ?? Object.values(title)[0]}
                                      (${basis})
                                  </li>`,
                          )}
                      </ul>`
                    : html`<p>${t("The directory lists nothing that it may ask you for.")}</p>`
            }`;
    }
}
customElements.define("veche-official", VecheOfficial);
