/**
 * Home as an inbox: what waits for the person first, then what goes on by itself, the balance, and
 * the newest conversations.
 *
 * @typedef {import("../../cases/agency.js").CaseEntry} CaseEntry
 * @typedef {import("../../wallet/api.js").Wallet} Wallet
 */
import { html, nothing } from "lit";
import { followCases } from "../../cases/agency.js";
import { View } from "../../cases/view.js";
import { caseRow, closedRow, isOver } from "../../cases/views/home.js";
import { linkRow } from "../../kit/elements.js";
import { plural, showDateTime, showMoney, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { meta } from "../../kit/page.js";
import { session } from "../../kit/session.js";
import { followWallet } from "../../wallet/api.js";
import { paymentRow } from "../../wallet/parts.js";
import { paymentHref } from "../../wallet/route.js";
import { account } from "../account/account.js";
import { setCount, watchNew } from "../counts.js";
import { papers, paperRow, watchPapers } from "../elements/papers.js";
import { section } from "../elements/section.js";
import { hrefOf } from "../route.js";

const ROWS = 3;
const NEWS_MAX = 4;

/** Ends what follows: not before Home is there again, as its badge stands beside every place. @type {(() => void)[]} */
let ends = [];

export class AppHome extends View {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...View.properties,
        cases: { state: true },
        wallet: { state: true },
        news: { state: true },
    });

    constructor() {
        super();
        /** @type {CaseEntry[] | undefined} */
        this.cases = undefined;
        /** @type {Wallet | undefined} */
        this.wallet = undefined;
        /** @type {import("../client/rooms.js").Entry[]} */
        this.news = [];
    }

    get heading() {
        return t("Home");
    }

    start() {
        if (!session()) return;
        const failed = (/** @type {Error} */ error) => this.fail(error);
        for (const end of ends) end();
        ends = [
            followCases((state) => (this.cases = state.cases), failed),
            watchPapers(() => this.requestUpdate()),
            watchNew((chats) => (this.news = chats.slice(0, NEWS_MAX))),
        ];
        if (meta("veche-wallet"))
            ends.push(
                followWallet(
                    (wallet) => (this.wallet = wallet),
                    () => {},
                ),
            );
    }

    updated() {
        super.updated();
        setCount("home", this._waiting().length);
    }

    /** @returns {unknown[]} a row for each thing that waits */
    _waiting() {
        const cases = (this.cases ?? []).filter((one) => !isOver(one) && one.waits_for_you);
        const { open = [], mandates = [], disputes_open: disputes = 0 } = this.wallet ?? {};
        const proposed = mandates.filter(({ state }) => state === "proposed");
        const { opened } = account();
        const toSign = opened ? papers(opened.client).filter(({ isWaiting }) => isWaiting) : [];
        return [
            ...cases.map(caseRow),
            ...open
                .filter(({ state }) => state === "asked")
                .map((one) =>
                    paymentRow(
                        one,
                        paymentHref(one.id),
                        one.due_at_ms
                            ? t("until {time}", { time: showDateTime(one.due_at_ms) })
                            : showDateTime(one.at_ms),
                    ),
                ),
            ...toSign.map(paperRow),
            ...proposed.map(({ payee }) =>
                wayRow(
                    "/wallet/mandates",
                    "pay",
                    t("{name} asks for a mandate", { name: payee.name }),
                ),
            ),
            ...(disputes
                ? [
                      wayRow(
                          "/wallet/disputes",
                          "warning",
                          plural(
                              "{count} dispute waits for your answer",
                              "{count} disputes wait for your answer",
                              disputes,
                          ),
                      ),
                  ]
                : []),
        ];
    }

    render() {
        const { cases } = this;
        if (!session() && !cases) return html`${this.head()} ${this.loading(ROWS)}`;
        return html`${this.head()} ${this.error ? this.problem() : nothing} ${this._purse()}
        ${cases ? this._inbox(cases) : this.error ? nothing : this.loading(ROWS)} ${this._news()}`;
    }

    _purse() {
        if (!this.wallet) return nothing;
        const [first] = this.wallet.balances;
        if (!first) return nothing;
        return html`<a class="purse-line" href="/wallet">
            <span class="row-main">
                <span class="row-meta">${t("Balance")}</span>
                <span class="purse-line-amount">${showMoney(first.available)}</span>
            </span>
            ${icon("next")}
        </a>`;
    }

    /** @param {CaseEntry[]} cases */
    _inbox(cases) {
        const waiting = this._waiting();
        const running = cases.filter((one) => !isOver(one) && !one.waits_for_you);
        const closed = cases.filter(isOver);
        return html`${section("waiting", t("Waiting for you"), waiting)}
        ${waiting.length ? nothing : this._calm(cases.length === 0)}
        ${section("running", t("Running cases"), running.map(caseRow))}
        ${
            closed.length
                ? html`<details class="more closed-cases" ?open=${closed.length <= ROWS}>
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

    /** @param {boolean} isNew */
    _calm(isNew) {
        return html`<section class="empty">
            ${icon("check")}
            <p class="empty-title">${t("You have nothing to do now")}</p>
            ${isNew ? html`<p class="secondary-text">${t("Start with a service of your town.")}</p>` : nothing}
            <p class="actions">
                <a class="button ${isNew ? "primary" : "secondary"}" href="/services"
                    >${t("Find a service")}</a
                >
            </p>
        </section>`;
    }

    _news() {
        return section(
            "news",
            t("New in your chats"),
            this.news.map(({ id, name, unread }) =>
                linkRow({
                    href: hrefOf("chats", id),
                    title: html`<bdi>${name}</bdi>`,
                    meta: plural("{count} new message", "{count} new messages", unread),
                }),
            ),
        );
    }
}

/** @param {string} href @param {string} mark @param {string} title */
const wayRow = (href, mark, title) => linkRow({ href, mark: icon(mark), title, isWaiting: true });
customElements.define("app-home", AppHome);
