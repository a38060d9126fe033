/**
 * A form of `org.veche.prompt`, drawn so that everybody can fill it in.
 *
 * What is wrong is said when a person leaves a field, never while they type in it for the first
 * time; once an error stands there, it goes as soon as it is mended. Pressing *Send* checks all
 * fields, and a summary that links to each of them takes the focus.
 *
 * `<veche-form>` knows no service: whoever uses it gives it `fields`, `initial` values and, where
 * a service can check them, `check`. It tells `veche-typed` after each change and `veche-send` when
 * all is well, both with `detail.answers`: values by field id, as `org.veche.answer.data`.
 *
 * @typedef {import("./forms/kinds.js").Field} Field
 * @typedef {Record<string, unknown>} Answers
 * @typedef {(field: Field, ...sent: Parameters<import("./forms/upload.js").Send>) => Promise<void>} Upload
 * @typedef {(answers: Answers, fields: string[]) => Promise<Record<string, string>>} Check
 *   gives what is wrong, by field id; rejects if that cannot be known now
 */
import { html, nothing } from "lit";
import { VecheElement, button } from "./elements.js";
import { plural, t } from "./i18n.js";
import { kindOf } from "./forms/kinds.js";
import { isPulledDown } from "./forms/options.js";
import { icon } from "./icons.js";

const BLUR_CHECK_MS = 150;
const MEND_CHECK_MS = 600;

let formCount = 0;

/** @param {unknown} raw */
const isEmpty = (raw) =>
    raw === undefined ||
    raw === null ||
    (typeof raw === "string" && !raw.trim()) ||
    (Array.isArray(raw) && !raw.length);

export class VecheForm extends VecheElement {
    static properties = {
        fields: { attribute: false },
        initial: { attribute: false },
        /** Values of fields that are no part of what is sent, by id: files. */
        outside: { attribute: false },
        check: { attribute: false },
        /** Sends a file at once; none: files are sent in the chat. */
        upload: { attribute: false },
        sendLabel: { attribute: false },
        nowMs: { attribute: false },
        /** What is filled in is on its way. */
        isSending: { attribute: false },
        isChecking: { state: true },
        /** What stands beside the button: whether all is kept. */
        beside: { attribute: false },
        /** What the service found wrong with what was sent, by field id. */
        refused: { attribute: false },
        errors: { state: true },
        isSummaryShown: { state: true },
    };

    constructor() {
        super();
        this.fields = /** @type {Field[]} */ ([]);
        this.initial = /** @type {Answers} */ ({});
        this.outside = /** @type {Answers} */ ({});
        this.check = /** @type {Check | undefined} */ (undefined);
        this.upload = /** @type {Upload | undefined} */ (undefined);
        this.sendLabel = "";
        this.nowMs = Date.now();
        this.isSending = false;
        this.isChecking = false;
        this.beside = /** @type {unknown} */ (nothing);
        this.refused = /** @type {Record<string, string>} */ ({});
        this.errors = /** @type {Record<string, string>} */ ({});
        /** What was refused as it stood: a check of the same does not take that back. */
        this._refused = "";
        this.isSummaryShown = false;
        this._id = `form-${(formCount += 1)}`;
        this._raw = /** @type {Map<string, unknown>} */ (new Map());
        this._timers = /** @type {Map<string, number>} */ (new Map());
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        for (const timer of this._timers.values()) clearTimeout(timer);
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        // The same questions come again with every state that is followed: what is typed stays.
        if (changed.has("initial")) this._fill();
        else if (changed.has("fields")) this._fillNew();
        for (const [id, value] of Object.entries(this.outside)) {
            this._raw.set(id, value);
            if (this.errors[id] && !isEmpty(value)) this._showErrors({ ...this.errors, [id]: "" });
        }
        if (changed.has("refused") && Object.keys(this.refused).length) this._refuse(this.refused);
    }

    _fill() {
        this._raw = new Map(
            this.fields.map((field) => [
                field.id,
                kindOf(field.kind).open(this.initial[field.id], field),
            ]),
        );
        this.errors = {};
        this.isSummaryShown = false;
    }

    /** Other fields than before: those that were there keep what they hold. */
    _fillNew() {
        const { _raw: before, errors, isSummaryShown } = this;
        this._fill();
        for (const { id } of this.fields) if (before.has(id)) this._raw.set(id, before.get(id));
        const isThere = new Set(this.fields.map(({ id }) => id));
        this.isSummaryShown = isSummaryShown;
        this._showErrors(
            Object.fromEntries(Object.entries(errors).filter(([id]) => isThere.has(id))),
        );
    }

    /** @returns {Answers} what is filled in now; a field without an answer is not in it */
    answers() {
        const entries = this.fields
            .map((field) => [field.id, kindOf(field.kind).answer(this._raw.get(field.id), field)])
            .filter(([, answer]) => answer !== undefined);
        return Object.fromEntries(entries);
    }

    /** @param {Field} field @param {unknown} raw */
    _typed(field, raw) {
        this._raw.set(field.id, raw);
        this.requestUpdate();
        if (this.errors[field.id]) this._later(field, MEND_CHECK_MS);
        this.dispatchEvent(
            new CustomEvent("veche-typed", { detail: { answers: this.answers() }, bubbles: true }),
        );
    }

    /** @param {Field} field @param {FocusEvent} event */
    _left(field, event) {
        const wrapper = /** @type {HTMLElement} */ (event.currentTarget);
        if (event.relatedTarget instanceof Node && wrapper.contains(event.relatedTarget)) return;
        // An empty field is told of when the form is sent: the person may come back to it.
        if (!isEmpty(this._raw.get(field.id)) || this.errors[field.id])
            this._later(field, BLUR_CHECK_MS);
    }

    /** @param {Field} field @param {number} waitMs */
    _later(field, waitMs) {
        clearTimeout(this._timers.get(field.id));
        this._timers.set(
            field.id,
            setTimeout(() => void this._checkOne(field), waitMs),
        );
    }

    /** @param {Field} field @returns {string} what this page itself can see */
    _problem(field) {
        const raw = this._raw.get(field.id);
        if (isEmpty(raw)) return field.required ? t("An answer is needed here.") : "";
        return kindOf(field.kind).problem?.(raw, field, this.nowMs) ?? "";
    }

    /** @param {Field} field */
    async _checkOne(field) {
        const raw = this._raw.get(field.id);
        let problem = this._problem(field);
        if (!problem && !isEmpty(raw) && this.check) {
            // A check that cannot be had now is had when the form is sent.
            const found = await this.check(this.answers(), [field.id]).catch(() => null);
            if (!found || this._raw.get(field.id) !== raw) return;
            problem = found[field.id] ?? "";
        }
        if (JSON.stringify(this.answers()) === this._refused) return;
        this._showErrors({ ...this.errors, [field.id]: problem });
    }

    /** @param {Record<string, string>} errors */
    _showErrors(errors) {
        this.errors = Object.fromEntries(Object.entries(errors).filter(([, text]) => text));
        if (!Object.keys(this.errors).length) this.isSummaryShown = false;
    }

    /** @param {SubmitEvent} event */
    async _submit(event) {
        event.preventDefault();
        if (this.isChecking || this.isSending) return;
        this.isChecking = true;
        try {
            let errors = Object.fromEntries(this.fields.map((one) => [one.id, this._problem(one)]));
            if (!Object.values(errors).some(Boolean) && this.check)
                errors = await this.check(
                    this.answers(),
                    this.fields.map(({ id }) => id),
                ).catch(() => ({}));
            if (Object.values(errors).some(Boolean)) return void this._refuse(errors);
            this._showErrors({});
            this.dispatchEvent(
                new CustomEvent("veche-send", {
                    detail: { answers: this.answers() },
                    bubbles: true,
                }),
            );
        } finally {
            this.isChecking = false;
        }
    }

    /** @param {Record<string, string>} errors */
    async _refuse(errors) {
        this._refused = JSON.stringify(this.answers());
        this._showErrors(errors);
        this.isSummaryShown = true;
        await this.updateComplete;
        this.querySelector(/** @type {"section"} */ (".summary"))?.focus();
    }

    /** @param {Field} field */
    _inputId(field) {
        return `${this._id}-${field.id}`;
    }

    _summary() {
        const wrong = this.fields.filter(({ id }) => this.errors[id]);
        if (!this.isSummaryShown || !wrong.length) return nothing;
        const heading = `${this._id}-summary`;
        return html`<section
            class="banner critical summary"
            tabindex="-1"
            aria-labelledby=${heading}
        >
            ${icon("error")}
            <div>
                <h3 id=${heading}>
                    ${plural(
                        "{count} answer needs another look",
                        "{count} answers need another look",
                        wrong.length,
                    )}
                </h3>
                <ul>
                    ${wrong.map(
                        (field) =>
                            html`<li>
                                <a
                                    href="#${this._inputId(field)}"
                                    @click=${(/** @type {Event} */ event) =>
                                        this._goTo(event, field)}
                                    >${field.label}</a
                                >: ${this.errors[field.id]}
                            </li>`,
                    )}
                </ul>
            </div>
        </section>`;
    }

    /** @param {Event} event @param {Field} field */
    _goTo(event, field) {
        event.preventDefault();
        event.stopPropagation();
        document.getElementById(this._inputId(field))?.focus();
    }

    /** @param {Field} field */
    _field(field) {
        const kind = kindOf(field.kind);
        const inputId = this._inputId(field);
        const error = this.errors[field.id];
        const hint = kind.hint?.(field);
        const said = [
            field.help && `${inputId}-help`,
            hint && `${inputId}-hint`,
            error && `${inputId}-error`,
        ].filter(Boolean);
        const isGroup = kind.isGroup && !isPulledDown(field);
        const control = kind.draw({
            field,
            inputId,
            describedBy: said.join(" "),
            raw: this._raw.get(field.id),
            isWrong: Boolean(error),
            changed: (raw) => this._typed(field, raw),
            nowMs: this.nowMs,
            send: this.upload && ((file, how) => this.upload?.(field, file, how)),
        });
        const optional = field.required
            ? nothing
            : html` <span class="optional">${t("(optional)")}</span>`;
        const around = html`${
                field.help ? html`<p id="${inputId}-help" class="help">${field.help}</p>` : nothing
            }
            ${hint ? html`<p id="${inputId}-hint" class="help">${hint}</p>` : nothing} ${control}
            <div aria-live="polite">
                ${
                    error
                        ? html`<p id="${inputId}-error" class="error">
                              ${icon("error")}<span>${error}</span>
                          </p>`
                        : nothing
                }
            </div>`;
        const classes = `field${error ? " wrong" : ""}`;
        const left = (/** @type {FocusEvent} */ event) => this._left(field, event);
        return isGroup
            ? html`<fieldset class=${classes} data-field=${field.id} @focusout=${left}>
                  <legend>${field.label}${optional}</legend>
                  ${around}
              </fieldset>`
            : html`<div class=${classes} data-field=${field.id} @focusout=${left}>
                  <label for=${inputId}>${field.label}${optional}</label>
                  ${around}
              </div>`;
    }

    render() {
        return html`<form novalidate @submit=${this._submit}>
            ${this._summary()} ${this.fields.map((field) => this._field(field))}
            <div class="actions">
                ${button({
                    label: this.sendLabel || t("Send"),
                    type: "submit",
                    is_busy: this.isChecking || this.isSending,
                })}
                ${this.beside}
            </div>
        </form>`;
    }
}
customElements.define("veche-form", VecheForm);
