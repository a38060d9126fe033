/** What everyone agrees to, by what kind of signature, and until when. */
import { html, nothing } from "lit";
import { effectWords } from "../../approve/signing_words.js";
import { button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { choice, number, text } from "./people.js";
import { CLAUSES_MAX, DAYS_MAX } from "./rows.js";

/** @typedef {import("./rows.js").Form} Form */
/** @typedef {import("./rows.js").ClauseRow} ClauseRow */

/** @param {import("./people.js").Editing} editing */
export function conditions(editing) {
    const { form, change, problem } = editing;
    const levels = /** @type {[string, string][]} */ ([
        ["S2", t("Advanced electronic signature, in the file")],
        ["S1", t("Approval with the key of their device, or more")],
        ["S0", t("An answer in the chat, or more")],
    ]);
    const effects = /** @type {[string, string][]} */ (
        /** @type {const} */ (["when_complete", "each"]).map((one) => [one, effectWords(one)])
    );
    const hasClauses = editing.pages > 0 || form.clauses.length > 0;
    return html`${hasClauses ? clauses(editing) : nothing}
        <h2>${t("How it is signed")}</h2>
        ${choice("level", t("Kind of signature"), form.level, levels, (level) =>
            change({ level: /** @type {Form["level"]} */ (level) }),
        )}
        ${choice("effect", t("It counts"), form.effect, effects, (effect) =>
            change({ effect: /** @type {Form["effect"]} */ (effect) }),
        )}
        ${number("days", t("Days to sign"), form.days, DAYS_MAX, problem("days"), (days) =>
            change({ days }),
        )}
        <label class="tick">
            <input
                type="checkbox"
                .checked=${form.mayDelegate}
                @change=${(/** @type {Event} */ { target }) =>
                    change({ mayDelegate: /** @type {HTMLInputElement} */ (target).checked })}
            />
            <span>${t("A person who is asked may let somebody else sign")}</span>
        </label>`;
}

/** @param {import("./people.js").Editing} editing */
function clauses(editing) {
    const { form, change } = editing;
    const more = /** @type {ClauseRow} */ ({ title: "", kind: "unfair", page: 1 });
    return html`<h2>${t("Clauses with an answer of their own")}</h2>
        <ol class="plain-list">
            ${form.clauses.map((one, at) => html`<li class="card">${clause(editing, one, at)}</li>`)}
        </ol>
        <p class="actions">
            ${button({
                label: html`${icon("plus")}<span>${t("Add a clause")}</span>`,
                style: "secondary",
                is_off: form.clauses.length >= CLAUSES_MAX,
                press: () => change({ clauses: [...form.clauses, more] }),
            })}
        </p>`;
}

/** @param {import("./people.js").Editing} editing @param {ClauseRow} one @param {number} at */
function clause({ form, pages, change, problem }, one, at) {
    const set = (/** @type {Partial<ClauseRow>} */ changes) =>
        change({
            clauses: form.clauses.map((other, index) =>
                index === at ? { ...other, ...changes } : other,
            ),
        });
    const kinds = /** @type {[string, string][]} */ ([
        ["required", t("Agreed to by signing")],
        ["unfair", t("Has to be agreed to, and signed by itself")],
        ["optional", t("May be refused")],
    ]);
    const drop = () => change({ clauses: form.clauses.filter((_, index) => index !== at) });
    return html`<fieldset class="person">
        <legend class="hidden-text">${t("Clause {number}", { number: at + 1 })}</legend>
        ${text(`clause-${at}`, t("Clause"), one.title, problem(`clause-${at}`), (title) => set({ title }))}
        <div class="columns">
            ${choice(`kind-${at}`, t("Consent"), one.kind, kinds, (kind) =>
                set({ kind: /** @type {ClauseRow["kind"]} */ (kind) }),
            )}
            ${number(`page-${at}`, t("On page"), one.page, pages, problem(`page-${at}`), (page) => set({ page }))}
        </div>
        <p class="actions">${button({ label: t("Remove"), style: "secondary", press: drop })}</p>
    </fieldset>`;
}
