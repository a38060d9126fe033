/**
 * Every act of every organisation on whoever is signed in. What comes from the server is checked here
 * against the signed head of the organisation's log; what does not hold is not shown.
 *
 * @typedef {{organisation: string, name: string, acts: number}} Actor
 * @typedef {object} Part acts of an organisation, as a file that proves them
 * @property {Blob} file
 * @property {import("../../verify/acts_view.js").Verdict} verdict
 * @property {number | undefined} before where older ones begin; none: there are none
 */
import { html, nothing } from "lit";
import { readActs } from "../../verify/acts.js";
import { actsList } from "../../verify/acts_list.js";
import { judged, keysOf } from "../../verify/acts_view.js";
import { actsFaultWords } from "../../verify/acts_words.js";
import { witnessWords } from "../../verify/witnesses.js";
import { call, download } from "../../kit/api.js";
import { banner, button } from "../../kit/elements.js";
import { currentLanguage, plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { save } from "../../kit/save.js";
import { View } from "../view.js";

const MINE = "/_veche/acts/v1/mine";
const ROWS = 3;

/**
 * @param {string} organisation
 * @param {number | undefined} before
 * @param {AbortSignal} signal
 * @returns {Promise<Part>}
 */
async function fetched(organisation, before, signal) {
    const path = `${MINE}/${encodeURIComponent(organisation)}`;
    const [file, keys] = await Promise.all([
        download(path, { query: { before }, signal }),
        keysOf(organisation),
    ]);
    const value = readActs(new Uint8Array(await file.arrayBuffer())) ?? {};
    const verdict = await judged(value, keys);
    if ("fault" in verdict) return { file, verdict, before: undefined };
    const [oldest] = verdict.proven.acts;
    const isFirst = !oldest || oldest.seq === 1;
    return { file, verdict, before: isFirst ? undefined : value["org.veche.acts"].acts[0].index };
}

class VecheActs extends View {
    static properties = {
        actors: { state: true },
        parts: { state: true },
        busy: { state: true },
    };

    constructor() {
        super();
        /** @type {Actor[] | undefined} */
        this.actors = undefined;
        /** @type {Record<string, Part[]>} by organisation, the newest first */
        this.parts = {};
        /** The organisation whose older acts are fetched. */
        this.busy = "";
    }

    get heading() {
        return t("Who did what");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        this.parts = {};
        void this._load(signal);
    }

    /** @param {AbortSignal} signal */
    async _load(signal) {
        try {
            const found = await call("GET", MINE, { query: { lang: currentLanguage() }, signal });
            this.actors = found.organisations;
            for (const { organisation } of found.organisations)
                await this._add(organisation, signal); // one after the other: it is asked gently
        } catch (error) {
            this.fail(error);
        }
    }

    /** @param {string} organisation @param {AbortSignal} signal */
    async _add(organisation, signal) {
        const shown = this.parts[organisation] ?? [];
        const part = await fetched(organisation, shown.at(-1)?.before, signal);
        if (!signal.aborted) this.parts = { ...this.parts, [organisation]: [...shown, part] };
    }

    /** @param {string} organisation */
    async _older(organisation) {
        if (this.busy) return;
        this.busy = organisation;
        try {
            await this._add(organisation, this._stopped.signal);
        } catch (error) {
            this.fail(error);
        } finally {
            this.busy = "";
        }
    }

    render() {
        const { actors } = this;
        return html`${this.head()}
            <p class="lead">
                ${t("Whatever an organisation does to you stands in its log before it is done. Your browser has checked each line against the signed log.")}
            </p>
            ${this.error ? this.problem() : nothing}
            ${actors ? actors.map((one) => this._actor(one)) : this.error ? nothing : this.loading(ROWS)}
            ${actors?.length === 0 ? this._nothing() : nothing}`;
    }

    _nothing() {
        return html`<section class="empty">
            ${icon("check")}
            <p class="empty-title">${t("No organisation here has done anything to you")}</p>
        </section>`;
    }

    /** @param {Actor} actor */
    _actor({ organisation, name, acts }) {
        const parts = this.parts[organisation];
        const id = `acts-${organisation}`;
        return html`<section aria-labelledby=${id}>
            <h2 id=${id}>${name}</h2>
            <p class="secondary-text">
                <bdi>${organisation}</bdi> · ${plural("{count} act", "{count} acts", acts)}
            </p>
            ${parts ? parts.map((one, number) => this._part(organisation, one, number)) : this.error ? nothing : this.loading(1)}
            ${
                parts?.at(-1)?.before === undefined
                    ? nothing
                    : button({
                          label: t("Older acts"),
                          style: "secondary",
                          is_busy: this.busy === organisation,
                          press: () => void this._older(organisation),
                      })
            }
        </section>`;
    }

    /** @param {string} organisation @param {Part} part @param {number} number */
    _part(organisation, { file, verdict }, number) {
        if ("fault" in verdict)
            return banner("critical", html`<p>${actsFaultWords(verdict.fault)}</p>`);
        const { acts, cosigned } = verdict.proven;
        if (!acts.length)
            return html`<p class="help">
                ${t("The organisation's words on these acts were deleted after their time. The log still has them.")}
            </p>`;
        const name = number
            ? `acts-${organisation}-${number + 1}.json`
            : `acts-${organisation}.json`;
        return html`${actsList(acts)}
            <p class="help">${t("Witnesses of the log")}: ${witnessWords(cosigned)}</p>
            <p class="actions">
                ${button({
                    label: html`${icon("download")}<span>${t("Save with the proof")}</span>`,
                    style: "secondary",
                    press: () => save(file, name),
                })}
            </p>`;
    }
}
customElements.define("veche-acts", VecheActs);
