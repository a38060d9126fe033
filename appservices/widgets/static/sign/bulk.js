/**
 * Signing many documents at once: the list, line by line; each can be opened and read; one press.
 *
 * @typedef {import("./many.js").Line} Line
 * @typedef {import("./paper.js").Paper} Paper
 * @typedef {import("./types.d.ts").WaitingParty} WaitingParty
 * @typedef {import("./types.d.ts").PrivateParty} PrivateParty
 *
 * @typedef {object} Item a line of the list, and how it stands
 * @property {Line} line
 * @property {boolean} isTicked
 * @property {boolean} isOpen whether its pages are shown
 * @property {Paper | undefined} paper while it is open
 * @property {number} seen pages that were on the screen
 * @property {"" | "begun" | "signed"} state
 * @property {boolean} isUnclosed whether it is signed, and its file waits for a page that closes it
 * @property {unknown} error why it was not signed, or can't be opened
 */
import { html, nothing } from "lit";
import { VecheElement, banner, button, spinner } from "../kit/elements.js";
import { plural, showNumber, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import "../pdf/pages.js";
import { Guard } from "./guard.js";
import { readListLink } from "./link.js";
import { others, outcome, summary } from "./bulk_parts.js";
import { hidden, readPasted } from "./hidden.js";
import { fetchList, openLine, openPrivateLine, paperOf, signMany } from "./many.js";
import { code, parties, problem } from "./parts.js";
import { explained } from "./words.js";

const FETCHED_AT_ONCE = 4;
/** How much of a line has to be in sight to count as seen. */
const SEEN = 0.5;

export class VecheSignAll extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        items: { state: true },
        others: { state: true },
        more: { state: true },
        failed: { state: true },
        keyless: { state: true },
        strange: { state: true },
        fetched: { state: true },
        total: { state: true },
        fault: { state: true },
        error: { state: true },
        looked: { state: true },
        isElsewhere: { state: true },
        isBusy: { state: true },
        isOver: { state: true },
    });

    constructor() {
        super();
        /** @type {Item[] | undefined} none while they are fetched */
        this.items = undefined;
        /** @type {WaitingParty[]} to be signed one at a time */
        this.others = [];
        this.more = 0;
        /** @type {{title: string, error: unknown}[]} that could not be fetched */
        this.failed = [];
        /** @type {PrivateParty[]} whose links were not pasted yet */
        this.keyless = [];
        /** @type {string | null} what is wrong with what was pasted */
        this.strange = null;
        this.fetched = 0;
        this.total = 0;
        /** @type {unknown} why there is no list */
        this.fault = undefined;
        /** @type {unknown} why the last press did nothing */
        this.error = undefined;
        /** @type {Set<string>} sessions whose lines were on the screen */
        this.looked = new Set();
        this.isElsewhere = false;
        this.isBusy = false;
        /** Whether the press has been carried out. */
        this.isOver = false;
        this._link = readListLink(location.hash);
        this._guard = new Guard();
        this._again = () => {
            this._link = readListLink(location.hash);
            void this._open();
        };
        /** How often it was opened: an older answer that comes later shows nothing. */
        this._begun = 0;
        /** Leaving in the middle leaves the rest unsigned: the browser asks whether that is meant. */
        this._leave = (/** @type {Event} */ event) => {
            if (this.isBusy) event.preventDefault();
        };
        /** @type {IntersectionObserver | undefined} */
        this._observer = undefined;
        /** @type {WeakSet<Element>} */
        this._observed = new WeakSet();
    }

    connectedCallback() {
        super.connectedCallback();
        this._guard.watch();
        window.addEventListener("hashchange", this._again);
        window.addEventListener("beforeunload", this._leave);
        this._observer = new IntersectionObserver((entries) => this._look(entries), {
            threshold: SEEN,
        });
        void this._open();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._guard.stop();
        window.removeEventListener("hashchange", this._again);
        window.removeEventListener("beforeunload", this._leave);
        this._observer?.disconnect();
    }

    async _open() {
        this._begun += 1;
        const mine = this._begun;
        Object.assign(this, {
            ...{ items: undefined, others: [], failed: [], more: 0, fetched: 0, total: 0 },
            ...{ fault: undefined, error: undefined, looked: new Set(), isElsewhere: false },
            ...{ isOver: false, keyless: [], strange: null },
        });
        if (!this._link?.key) return;
        try {
            const { documents, others, more, private: keyless } = await fetchList(this._link);
            if (mine !== this._begun) return;
            Object.assign(this, { others, more, keyless, total: documents.length });
            const items = await this._fetch(documents, mine);
            if (mine === this._begun) this.items = items;
        } catch (error) {
            if (mine === this._begun) this.fault = error;
        }
    }

    /**
     * @param {WaitingParty[]} documents
     * @param {number} mine
     * @returns {Promise<Item[]>} in their order; those that can't be fetched are named
     */
    async _fetch(documents, mine) {
        /** @type {(Item | undefined)[]} */
        const items = [];
        const left = documents.entries();
        const work = async () => {
            for (const [at, told] of left) {
                try {
                    items[at] = itemOf(await openLine(told));
                } catch (error) {
                    this.failed = [...this.failed, { title: told.title, error }];
                }
                if (mine !== this._begun) return;
                this.fetched += 1;
            }
        };
        await Promise.all(Array.from({ length: FETCHED_AT_ONCE }, work));
        return items.flatMap((one) => one ?? []);
    }

    /** @param {string} pasted links of private documents, which get lines of their own */
    async _paste(pasted) {
        const mine = this._begun;
        const { found, strange } = readPasted(pasted, this.keyless);
        this.strange = pasted.trim() && (strange > 0 || found.length === 0) ? strangeWords() : null;
        for (const { told, link } of found) {
            try {
                const item = itemOf(await openPrivateLine(told, link));
                if (mine !== this._begun) return;
                this.items = [...(this.items ?? []), item];
                this.keyless = this.keyless.filter((one) => one !== told);
            } catch (error) {
                this.strange = explained(error);
            }
        }
    }

    /** @param {IntersectionObserverEntry[]} entries */
    _look(entries) {
        const seen = entries
            .filter(({ isIntersecting }) => isIntersecting)
            .flatMap(({ target }) => /** @type {HTMLElement} */ (target).dataset.session ?? []);
        if (seen.some((id) => !this.looked.has(id)))
            this.looked = new Set([...this.looked, ...seen]);
    }

    updated() {
        for (const one of this.querySelectorAll(".line-head")) {
            if (this._observed.has(one)) continue;
            this._observed.add(one);
            this._observer?.observe(one);
        }
    }

    /** @returns {Item[]} that are ticked, and not signed yet */
    get chosen() {
        return (this.items ?? []).filter((one) => one.isTicked && one.state !== "signed");
    }

    get isRead() {
        return this.chosen.every(({ seen, line }) => seen >= line.view.document.pages);
    }

    /** What has to be done before the press; empty: nothing. */
    get missing() {
        const { chosen, looked } = this;
        if (chosen.length === 0) return t("No document is chosen.");
        const left = chosen.filter(({ line }) => !looked.has(line.view.session)).length;
        if (left > 0)
            return plural(
                "{count} line of the list was not on the screen yet: go through it to its end.",
                "{count} lines of the list were not on the screen yet: go through it to its end.",
                left,
            );
        if (!this.isRead && !this.isElsewhere)
            return t("Open the documents and read them, or say that you know them.");
        return "";
    }

    willUpdate() {
        this._guard.set(this.missing === "" && !this.isBusy);
    }

    async _sign() {
        const { chosen } = this;
        if (!this._guard.isReady || this.isBusy) return;
        Object.assign(this, { isBusy: true, error: undefined, isOver: false });
        for (const one of chosen) this._change(one, { state: "", error: undefined });
        try {
            const lines = chosen.map(({ line }) => line);
            await signMany(lines, this.isRead, (line, outcome) => this._told(line, outcome));
            this.isOver = true;
        } catch (error) {
            this.error = error;
        }
        this.isBusy = false;
        if (!this.isOver) return;
        await this.updateComplete;
        /** @type {HTMLElement | null} */ (this.querySelector("h1"))?.focus();
    }

    /** @param {Line} line @param {import("./many.js").Outcome} outcome */
    _told(line, outcome) {
        const one = (this.items ?? []).find((item) => item.line.link.session === line.link.session);
        if (!one) return;
        if (outcome === "begun") this._change(one, { state: "begun" });
        else if (outcome === "signed" || outcome === "unclosed")
            this._change(one, {
                state: "signed",
                isOpen: false,
                isUnclosed: outcome === "unclosed",
            });
        else this._change(one, { state: "", error: outcome.error });
    }

    /** @param {Item} item @param {Partial<Item>} changes */
    _change(item, changes) {
        Object.assign(item, changes);
        this.items = [...(this.items ?? [])];
    }

    /** @param {Item} item opens its pages, or closes them */
    async _toggle(item) {
        this._change(item, { isOpen: !item.isOpen, error: undefined });
        if (!item.isOpen) {
            this._change(item, { paper: undefined });
            return;
        }
        try {
            this._change(item, { paper: await paperOf(item.line) });
            await item.line.session.viewed().catch(() => {});
        } catch (error) {
            // What is not the document that was agreed on is not signed with the others.
            this._change(item, { isOpen: false, isTicked: false, error });
        }
    }

    _noLink() {
        return html`<h1 tabindex="-1">${t("Open the link from your chat")}</h1>
            <p>
                ${
                    this._link
                        ? t("This link was cut off: the key of the list is missing at its end.")
                        : t("This page needs the link that the bot sent you.")
                }
            </p>
            <p>${t("Write “sign all” to the bot for a new one.")}</p>`;
    }

    _failed() {
        return html`<h1 tabindex="-1">${t("The list can't be shown")}</h1>
            ${banner("critical", html`<p>${explained(this.fault)}</p>`)}
            <p>${t("Write “sign all” to the bot for a new one.")}</p>
            <p class="actions">
                ${button({ label: t("Try again"), press: () => void this._open() })}
            </p>`;
    }

    /** @param {Item} item */
    _line(item) {
        const { line, state, error } = item;
        const { view } = line;
        const is_signed = state === "signed";
        const id = `tick-${view.session}`;
        return html`<li class="card document-line">
            <div class="line-head" data-session=${view.session}>
                ${
                    is_signed
                        ? html`<span class="with-mark good">${icon("done")}</span>`
                        : html`<input
                              type="checkbox"
                              id=${id}
                              .checked=${item.isTicked}
                              ?disabled=${this.isBusy}
                              @change=${(/** @type {Event} */ { target }) => {
                                  const { checked } = /** @type {HTMLInputElement} */ (target);
                                  this._change(item, { isTicked: checked });
                              }}
                          />`
                }
                <label for=${id}>
                    <bdi>${view.title}</bdi>
                    <span class="secondary-text small">${summary(item)}</span>
                </label>
                <span class="line-code">${t("Code {code}", { code: view.code })}</span>
                ${button({
                    label: item.isOpen ? t("Hide the pages") : t("Read"),
                    style: "secondary",
                    is_off: this.isBusy,
                    press: () => void this._toggle(item),
                })}
            </div>
            ${
                error === undefined
                    ? nothing
                    : banner("critical", html`<p>${t("Not signed.")} ${explained(error)}</p>`)
            }
            ${item.isOpen ? this._opened(item) : nothing}
        </li>`;
    }

    /** @param {Item} item */
    _opened(item) {
        const { paper, line } = item;
        if (!paper) return spinner(t("Opening the document…"));
        const { view } = line;
        return html`${code(view)} ${parties(view)}
            <veche-pages
                .bytes=${paper.whole}
                .label=${t("Pages of {title}", { title: view.title })}
                @veche-page-seen=${(/** @type {CustomEvent} */ { detail }) => {
                    const seen = Math.min(detail.seen, view.document.pages);
                    this._change(item, { seen: Math.max(item.seen, seen) });
                }}
            ></veche-pages>`;
    }

    _act() {
        const { missing, isBusy, chosen } = this;
        return html`<label class="tick">
                <input
                    type="checkbox"
                    .checked=${this.isElsewhere}
                    ?disabled=${isBusy}
                    @change=${(/** @type {Event} */ { target }) => {
                        this.isElsewhere = /** @type {HTMLInputElement} */ (target).checked;
                    }}
                />
                <span
                    >${t("I know these documents: I have read them elsewhere. This is written down with the signatures.")}</span
                >
            </label>
            <p class="secondary-text small">
                ${t("You approve once; each document gets a signature of its own. The report of each names all documents of this list.")}
            </p>
            <div class="missing">
                ${problem(this.error)} ${isBusy ? this._progress() : nothing}
                <p id="missing" class="secondary-text">${isBusy ? "" : missing}</p>
            </div>
            <div class="actions">
                ${button({
                    label: html`${icon("key")}<span
                            >${plural(
                                "Sign {count} document",
                                "Sign {count} documents",
                                chosen.length,
                            )}</span
                        >`,
                    is_busy: isBusy,
                    is_off: missing !== "" && !isBusy,
                    press: () => void this._sign(),
                })}
            </div>`;
    }

    _progress() {
        const ticked = (this.items ?? []).filter(({ isTicked }) => isTicked);
        const done = ticked.filter(({ state, error }) => state === "signed" || error).length;
        const values = { done: showNumber(done), count: showNumber(ticked.length) };
        return html`<progress max=${ticked.length} value=${done}></progress>
            <p role="status">
                ${t("{done} of {count} documents are signed. Leave this page open until all are.", values)}
            </p>`;
    }

    render() {
        if (!this._link?.key) return html`<div class="alone">${this._noLink()}</div>`;
        if (this.fault !== undefined) return html`<div class="alone">${this._failed()}</div>`;
        const { items } = this;
        if (!items) {
            const values = { done: showNumber(this.fetched), count: showNumber(this.total) };
            return html`<div class="alone">
                <h1 tabindex="-1">${t("Sign documents")}</h1>
                ${spinner(t("Fetching the documents: {done} of {count}", values))}
            </div>`;
        }
        const isLeft = items.some(({ state }) => state !== "signed");
        return html`<div class="alone wide">
            <h1 tabindex="-1">${t("Sign documents")}</h1>
            ${this.isOver ? outcome(items) : nothing}
            ${
                items.length > 0
                    ? html`<ul class="clauses">
                          ${items.map((one) => this._line(one))}
                      </ul>`
                    : this.keyless.length > 0
                      ? nothing
                      : html`<p>${t("Nothing waits for you here.")}</p>`
            }
            ${this.isBusy ? nothing : hidden(this.keyless, this.strange, (pasted) => void this._paste(pasted))}
            ${isLeft ? this._act() : nothing} ${others(this)}
        </div>`;
    }
}
customElements.define("veche-sign-all", VecheSignAll);

/** @param {Line} line @returns {Item} */
function itemOf(line) {
    const rest = {
        ...{ isTicked: true, isOpen: false, isUnclosed: false },
        ...{ paper: undefined, seen: 0, error: undefined },
    };
    return { line, state: "", ...rest };
}

/** @returns {string} */
function strangeWords() {
    return t("A link that you pasted is of no private document that waits for you.");
}
