/**
 * Parts of pages, by lit. They draw into the page itself and not into shadows, so that kit.css,
 * labels and descriptions by id, and the browser's own find and autofill reach them.
 */
import { LitElement, html, nothing } from "lit";
import { t, whenLanguageChanges } from "./i18n.js";
import { icon } from "./icons.js";
import { whenChanged } from "./session.js";

/** @typedef {import("lit").TemplateResult} Template */

/** Base of our elements: drawn anew when the language or the session changes. */
export class VecheElement extends LitElement {
    createRenderRoot() {
        return this;
    }

    connectedCallback() {
        super.connectedCallback();
        const draw = () => this.requestUpdate();
        this.stops = [whenLanguageChanges(draw), whenChanged(draw)];
    }

    /** @param {(() => void)[]} stops called when it leaves the page */
    keep(...stops) {
        this.stops?.push(...stops);
    }

    /** The first field that is wrong takes the focus, once it is drawn so. */
    async focusWrong() {
        await this.updateComplete;
        this.querySelector(/** @type {"input"} */ ('[aria-invalid="true"]'))?.focus();
    }

    disconnectedCallback() {
        for (const stop of this.stops ?? []) stop();
        super.disconnectedCallback();
    }
}

/** An element that does one thing at a time, and says what went wrong. */
export class BusyElement extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        isBusy: { state: true },
        error: { state: true },
    });

    constructor() {
        super();
        this.isBusy = false;
        this.error = "";
    }

    /**
     * @param {() => Promise<unknown>} work nothing while something else goes on
     * @param {string | ((error: unknown) => string)} failed words
     */
    async doOne(work, failed) {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "" });
        try {
            await work();
        } catch (error) {
            this.error = typeof failed === "string" ? failed : failed(error);
        } finally {
            this.isBusy = false;
        }
    }
}

/**
 * @typedef {object} ButtonParts
 * @property {unknown} label
 * @property {(event: Event) => void} [press]
 * @property {"primary" | "secondary" | "danger"} [style]
 * @property {"button" | "submit"} [type]
 * @property {boolean} [is_busy] waits for an answer: shown, and a press does nothing; not off, or the
 *     focus of who pressed it by the keyboard would be lost
 * @property {boolean} [is_off]
 *
 * @param {ButtonParts} parts
 * @returns {Template}
 */
export function button({ label, press, style = "primary", type = "button", is_busy, is_off }) {
    return html`<button
        class="button ${style}"
        type=${type}
        ?disabled=${is_off}
        aria-disabled=${is_busy ? "true" : nothing}
        aria-busy=${is_busy ? "true" : "false"}
        @click=${is_busy ? stay : (press ?? nothing)}
    >
        ${label}
    </button>`;
}

/** @param {Event} event */
const stay = (event) => event.preventDefault();

/**
 * @typedef {object} FieldParts
 * @property {string} id of the control, and the beginning of the ids around it
 * @property {string} label
 * @property {string | null} [help]
 * @property {string | null} [error]
 * @property {boolean} [is_required]
 * @property {(wiring: {id: string, describedby: string | typeof nothing, invalid: "true" | "false"}) => Template} control
 *     draws the control with id, aria-describedby and aria-invalid as given
 *
 * A labelled control with its explanation and what is wrong with it.
 * @param {FieldParts} parts
 * @returns {Template}
 */
export function field({ id, label, help, error, is_required = true, control }) {
    const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
    const wiring = {
        id,
        describedby: /** @type {string | typeof nothing} */ (described || nothing),
        invalid: /** @type {"true" | "false"} */ (error ? "true" : "false"),
    };
    return html`<div class="field">
        <label for=${id}>${label}${is_required ? nothing : optional()}</label>
        ${help ? html`<p class="help" id="${id}-help">${help}</p>` : nothing} ${control(wiring)}
        <p class="error" id="${id}-error" aria-live="polite">${error ?? nothing}</p>
    </div>`;
}

/**
 * A labelled field of one line.
 * @param {Omit<FieldParts, "control"> & {name?: string, type?: string, kind?: string, value?: string,
 *     autocomplete?: string, capitals?: "none" | "sentences" | "words", inputmode?: "decimal",
 *     maxlength?: number, typed?: (text: string) => void}} parts `name`: the id, if none is given;
 *     `kind`: a class; `capitals`: which letters a phone makes large
 * @returns {Template}
 */
export const textField = (parts) =>
    field({
        ...parts,
        control: ({ id, describedby, invalid }) =>
            html`<input
                id=${id}
                name=${parts.name ?? id}
                class=${parts.kind ?? nothing}
                type=${parts.type ?? "text"}
                inputmode=${parts.inputmode ?? nothing}
                autocomplete=${parts.autocomplete ?? "off"}
                autocapitalize=${parts.capitals ?? "none"}
                spellcheck="false"
                maxlength=${parts.maxlength ?? nothing}
                aria-describedby=${describedby}
                aria-invalid=${invalid}
                ?required=${parts.is_required ?? true}
                .value=${parts.value ?? ""}
                @input=${(/** @type {Event} */ { target }) => parts.typed?.(/** @type {HTMLInputElement} */ (target).value)}
            />`,
    });

function optional() {
    return html` <span class="optional">${t("(optional)")}</span>`;
}

/**
 * A sentence that matters: read out when it appears.
 * @param {"info" | "success" | "critical"} kind
 * @param {unknown} text
 * @returns {Template}
 */
export function banner(kind, text) {
    return html`<div class="banner ${kind}" role=${kind === "critical" ? "alert" : "status"}>
        ${text}
    </div>`;
}

/**
 * A line of a list that leads somewhere.
 * @param {{href: string, mark?: unknown, title: unknown, meta?: unknown, isWaiting?: boolean}} parts
 * @returns {Template}
 */
export const linkRow = ({ href, mark = nothing, title, meta, isWaiting }) =>
    html`<li>
        <a class="row ${isWaiting ? "waits" : ""}" href=${href}>
            ${mark}
            <span class="row-main">
                <span class="row-title">${title}</span>
                ${meta ? html`<span class="row-meta">${meta}</span>` : nothing}
            </span>
            ${icon("next")}
        </a>
    </li>`;

/**
 * What was typed into a form that is sent.
 * @param {Event} event its sending, which ends here
 */
export function typedIn(event) {
    event.preventDefault();
    return new FormData(/** @type {HTMLFormElement} */ (event.target));
}

/** @param {string} [text] @returns {Template} */
export function spinner(text = t("One moment…")) {
    return html`<p class="spinner" role="status">${text}</p>`;
}

/**
 * @typedef {object} DialogParts
 * @property {string} id
 * @property {string} title
 * @property {unknown} content
 * @property {unknown} actions buttons
 *
 * A dialog of the browser's own: it keeps the focus inside, and Escape closes it.
 * @param {DialogParts} parts
 * @returns {Template}
 */
export function dialog({ id, title, content, actions }) {
    return html`<dialog class="dialog" id=${id} aria-labelledby="${id}-title">
        <h2 id="${id}-title">${title}</h2>
        ${content}
        <div class="actions">${actions}</div>
    </dialog>`;
}

/** @param {string} id of a dialog on the page */
export function openDialog(id) {
    const found = document.getElementById(id);
    if (found instanceof HTMLDialogElement && !found.open) found.showModal();
}

/** @param {string} id */
export function closeDialog(id) {
    const found = document.getElementById(id);
    if (found instanceof HTMLDialogElement) found.close();
}
