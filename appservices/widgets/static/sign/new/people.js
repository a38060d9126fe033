/**
 * The rows of people: who, as what, in which step, and where their box is.
 *
 * @typedef {import("./rows.js").Form} Form
 * @typedef {import("./rows.js").Person} Person
 * @typedef {import("./rows.js").Role} Role
 *
 * @typedef {object} Editing
 * @property {Form} form
 * @property {number} pages of the document
 * @property {import("./levels.js").Own[] | undefined} own certificates by which people can sign here
 * @property {(field: string) => string | null} problem
 * @property {(changes: Partial<Form>) => void} change
 * @property {(file: File) => void} table takes people from a table
 * @property {(at: number) => void} move lets the box of a person be moved
 */
import { html, nothing } from "lit";
import { roleWords } from "../../approve/signing_words.js";
import { button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { CORNERS } from "../../pdf/boxes.js";
import { levelChoices, OWN, whyFewer } from "./levels.js";
import { STEPS_MAX, emptyPerson, hasBox } from "./rows.js";
import { ROWS_MAX } from "./table.js";

const ROLES = /** @type {Role[]} */ (["signer", "clerk", "approver", "witness", "viewer"]);

/**
 * @param {Editing} editing
 * @param {{typed: string, error: string | null, type: (typed: string) => void}} line as in the chat
 */
export function people(editing, line) {
    const { form, own, pages, change } = editing;
    const last = form.people.at(-1)?.step ?? 1;
    const fewer = whyFewer(own, pages);
    return html`<h2>${t("Who signs")}</h2>
        <p class="secondary-text">
            ${t("Steps follow one another: people of step 2 are asked once step 1 is done. In one step, everyone is asked at once.")}
        </p>
        ${field({
            id: "line",
            label: t("In one line, as in the chat"),
            help: t(
                "For example: 2 of bob, carol, dave then erin as witness of bob; copy to frank; or: each of bob, carol then dave",
            ),
            error: line.error,
            is_required: false,
            control: (wiring) =>
                html`<input
                    id=${wiring.id}
                    type="text"
                    autocomplete="off"
                    spellcheck="false"
                    .value=${line.typed}
                    aria-describedby=${wiring.describedby}
                    aria-invalid=${wiring.invalid}
                    @input=${(/** @type {Event} */ { target }) =>
                        line.type(/** @type {HTMLInputElement} */ (target).value)}
                />`,
        })}
        ${many(editing)}
        <ol class="plain-list">
            ${form.people.map((one, at) => html`<li class="card">${row(editing, one, at)}</li>`)}
        </ol>
        <p class="actions">
            ${button({
                label: html`${icon("plus")}<span>${t("One more person")}</span>`,
                style: "secondary",
                press: () => change({ people: [...form.people, emptyPerson(last)] }),
            })}
        </p>
        ${fewer ? html`<p class="secondary-text">${fewer}</p>` : nothing} ${needs(editing)}`;
}

/** @param {Editing} editing whether each of the first step gets a document of their own */
function many({ form, change, table }) {
    return html`<label class="tick">
            <input
                type="checkbox"
                .checked=${form.isEach === true}
                @change=${(/** @type {Event} */ { target }) =>
                    change({ isEach: /** @type {HTMLInputElement} */ (target).checked })}
            />
            <span>${t("Each of the first step gets a document of their own")}</span>
        </label>
        ${field({
            id: "table",
            label: t("People of the first step, from a table"),
            help: t(
                "CSV: an account on each line, then a name; at most {count}, since this page prepares and encrypts each document, and you send each link.",
                { count: ROWS_MAX },
            ),
            is_required: false,
            control: ({ id, describedby, invalid }) =>
                html`<input
                    id=${id}
                    type="file"
                    accept=".csv,text/csv,text/plain"
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    @change=${(/** @type {Event} */ { target }) => {
                        const input = /** @type {HTMLInputElement} */ (target);
                        const file = input.files?.[0];
                        if (file) table(file);
                        input.value = ""; // the same file again is read again
                    }}
                />`,
        })}`;
}

/** @param {Editing} editing @param {Person} one @param {number} at */
function row(editing, one, at) {
    const { form, problem } = editing;
    const set = (/** @type {Partial<Person>} */ changes) =>
        editing.change({
            people: form.people.map((other, index) =>
                index === at ? { ...other, ...changes } : other,
            ),
        });
    const drop = () => editing.change({ people: form.people.filter((_, index) => index !== at) });
    return html`<fieldset class="person">
        <legend class="hidden-text">${t("Person {number}", { number: at + 1 })}</legend>
        <div class="columns">
            ${text(`account-${at}`, t("Account"), one.account, problem(`account-${at}`), (account) => set({ account }), "@bob:example.org")}
            ${text(`name-${at}`, t("Name on the document"), one.name, null, (name) => set({ name }), "", false)}
        </div>
        <div class="columns">
            ${choice(
                `role-${at}`,
                t("Role"),
                one.role,
                ROLES.map((role) => [role, roleWords(role)]),
                (role) => set({ role: /** @type {Role} */ (role) }),
            )}
            ${hasBox(one.role) ? level(editing, one, at, set) : nothing}
            ${one.role === "witness" ? seen(form, one, at, problem, set) : nothing}
            ${
                one.role === "witness" || one.role === "viewer"
                    ? nothing
                    : number(`step-${at}`, t("Step"), one.step, STEPS_MAX, null, (step) =>
                          set({ step }),
                      )
            }
        </div>
        ${hasBox(one.role) && (editing.pages > 0 || one.place) ? place(editing, one, at, set) : nothing}
        ${
            form.people.length > 1
                ? html`<p class="actions">
                      ${button({ label: t("Remove"), style: "secondary", press: drop })}
                  </p>`
                : nothing
        }
    </fieldset>`;
}

/**
 * @param {Editing} editing
 * @param {Person} one who signs in a box
 * @param {number} at
 * @param {(changes: Partial<Person>) => void} set
 */
function level({ own, problem }, one, at, set) {
    const choices = levelChoices(own, one.level);
    if (choices.length === 1) return nothing; // there is nothing to choose
    const pick = (/** @type {string} */ picked) =>
        set({ level: OWN.find((known) => known === picked) });
    const id = `level-${at}`;
    return choice(id, t("Signs"), one.level ?? "", choices, pick, problem(id));
}

/**
 * @param {Form} form
 * @param {Person} one
 * @param {number} at
 * @param {Editing["problem"]} problem
 * @param {(changes: Partial<Person>) => void} set
 */
function seen(form, one, at, problem, set) {
    const others = form.people
        .filter(({ role, account }) => role !== "witness" && role !== "viewer" && account)
        .map(({ account, name }) => /** @type {[string, string]} */ ([account, name || account]));
    const options = /** @type {[string, string][]} */ ([["", t("Choose…")], ...others]);
    return choice(
        `of-${at}`,
        t("Sees this person sign"),
        one.of,
        options,
        (of) => set({ of }),
        problem(`of-${at}`),
    );
}

/**
 * @param {Editing} editing
 * @param {Person} one
 * @param {number} at
 * @param {(changes: Partial<Person>) => void} set
 */
function place({ pages, move, problem }, one, at, set) {
    const corners = CORNERS.map(
        (corner) => /** @type {[string, string]} */ ([corner, cornerWords(corner)]),
    );
    const chosen = one.place ? one.place.corner : "";
    const pick = (/** @type {string} */ corner) => {
        const page = one.place?.page ?? pages;
        const picked = /** @type {import("../../pdf/boxes.js").Corner} */ (corner);
        set({ place: corner ? { page, corner: picked } : null });
    };
    const options = /** @type {[string, string][]} */ ([
        ["", pages > 0 ? t("On a page of signatures at the end") : t("Nowhere: it has no pages")],
        ...corners,
    ]);
    return html`<div class="columns">
        ${choice(`place-${at}`, t("Box of the signature"), chosen, options, pick, problem(`place-${at}`))}
        ${
            one.place && pages > 0
                ? html`${number(`page-of-${at}`, t("Page"), one.place.page, pages, null, (page) =>
                          set({ place: { page, corner: one.place?.corner ?? "bottom right" } }),
                      )}
                      <p class="actions">
                          ${button({ label: t("Move on the page"), style: "secondary", press: () => move(at) })}
                      </p>`
                : nothing
        }
    </div>`;
}

/** @param {import("../../pdf/boxes.js").Corner} corner @returns {string} */
function cornerWords(corner) {
    switch (corner) {
        case "bottom left":
            return t("At the bottom left of a page");
        case "bottom middle":
            return t("At the bottom in the middle of a page");
        case "top right":
            return t("At the top right of a page");
        case "top left":
            return t("At the top left of a page");
        case "top middle":
            return t("At the top in the middle of a page");
        case "middle left":
            return t("Half way up a page at the left");
        case "middle middle":
            return t("In the middle of a page");
        case "middle right":
            return t("Half way up a page at the right");
        default:
            return t("At the bottom right of a page");
    }
}

/** @param {Editing} editing how many of a step are enough, where there is a choice */
function needs({ form, problem, change }) {
    const acting = form.people.filter(({ role }) => role !== "witness" && role !== "viewer");
    const all = [...new Set(acting.map(({ step }) => step))].toSorted((a, b) => a - b);
    const steps = all.slice(form.isEach ? 1 : 0); // each signs a document of their own
    const shared = steps.filter((step) => acting.filter((one) => one.step === step).length > 1);
    return shared.map((step) => {
        const count = acting.filter((one) => one.step === step).length;
        return number(
            `need-${step}`,
            all.length > 1
                ? t("Signatures that are enough in step {step}, of {count}", { step, count })
                : t("Signatures that are enough, of {count}", { count }),
            form.needs[step] ?? count,
            count,
            problem(`need-${step}`),
            (need) => change({ needs: { ...form.needs, [step]: need } }),
        );
    });
}

/**
 * @param {string} id
 * @param {string} label
 * @param {string} value
 * @param {string | null} error
 * @param {(value: string) => void} set
 * @param {string} [placeholder]
 * @param {boolean} [is_required]
 */
export function text(id, label, value, error, set, placeholder = "", is_required = true) {
    return field({
        id,
        label,
        error,
        is_required,
        control: (wiring) =>
            html`<input
                id=${wiring.id}
                type="text"
                autocomplete="off"
                spellcheck="false"
                placeholder=${placeholder}
                .value=${value}
                aria-describedby=${wiring.describedby}
                aria-invalid=${wiring.invalid}
                @input=${(/** @type {Event} */ { target }) =>
                    set(/** @type {HTMLInputElement} */ (target).value)}
            />`,
    });
}

/**
 * @param {string} id
 * @param {string} label
 * @param {number} value
 * @param {number} most
 * @param {string | null} error
 * @param {(value: number) => void} set
 * @param {number} [least]
 */
export function number(id, label, value, most, error, set, least = 1) {
    return field({
        id,
        label,
        error,
        control: (wiring) =>
            html`<input
                id=${wiring.id}
                type="number"
                min=${least}
                max=${most}
                .value=${String(value)}
                aria-describedby=${wiring.describedby}
                aria-invalid=${wiring.invalid}
                @input=${(/** @type {Event} */ { target }) => {
                    // At once, not when it is left: or what is pressed then moves away.
                    const typed = /** @type {HTMLInputElement} */ (target).valueAsNumber;
                    if (!Number.isNaN(typed)) set(Math.trunc(typed));
                }}
            />`,
    });
}

/**
 * @param {string} id
 * @param {string} label
 * @param {string} value
 * @param {[string, string][]} options
 * @param {(value: string) => void} set
 * @param {string | null} [error]
 */
export function choice(id, label, value, options, set, error = null) {
    return field({
        id,
        label,
        error,
        control: (wiring) =>
            html`<select
                id=${wiring.id}
                aria-describedby=${wiring.describedby}
                aria-invalid=${wiring.invalid}
                @change=${(/** @type {Event} */ { target }) =>
                    set(/** @type {HTMLSelectElement} */ (target).value)}
            >
                ${options.map(
                    ([key, words]) =>
                        html`<option value=${key} .selected=${key === value}>${words}</option>`,
                )}
            </select>`,
    });
}
