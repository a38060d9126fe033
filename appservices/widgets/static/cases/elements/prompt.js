/**
 * One question to the person: its words, its form or its buttons, and what came of the answer.
 * It knows no service and no room: whoever shows it gives it a port.
 *
 * @typedef {import("../agency.js").Asked} Asked
 * @typedef {import("../agency.js").AskedField} AskedField
 * @typedef {import("../agency.js").Choice} Choice
 * @typedef {Record<string, unknown>} Answers
 * @typedef {object} Port
 * @property {(asked: Asked, given: {text: string, choice?: string, data?: Answers}) => Promise<boolean>} answer
 *   true: it is done; false: it is kept, and will be done
 * @property {import("../../kit/forms.js").Check} [check]
 * @property {import("../../kit/forms.js").Upload} [upload]
 */
import { html, nothing } from "lit";
import "../../kit/forms.js";
import { VecheElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { signInHref } from "../../kit/shell.js";
import { formErrors } from "../agency.js";
import { approveHref, openApproval } from "../approving.js";
import { serverNow } from "../now.js";
import { problem } from "./problem.js";

/**
 * Whether a choice is only a quick answer to one question of the form that stands beside it.
 * @param {Choice} choice
 * @param {AskedField[]} fields
 */
function isOfForm({ id }, fields) {
    return fields.some(
        (field) =>
            field.choices?.some((one) => one.id === id) ||
            (field.kind === "yes_no" && (id === "yes" || id === "no")),
    );
}

export class VechePrompt extends VecheElement {
    static properties = {
        asked: { attribute: false },
        fields: { attribute: false },
        initial: { attribute: false },
        outside: { attribute: false },
        port: { attribute: false },
        beside: { attribute: false },
        sent: { state: true },
        chosen: { state: true },
        error: { state: true },
        refused: { state: true },
        isBlocked: { state: true },
    };

    constructor() {
        super();
        this.asked = /** @type {Asked | undefined} */ (undefined);
        /** Fields to fill in; none: buttons only. */
        this.fields = /** @type {AskedField[]} */ ([]);
        this.initial = /** @type {Answers} */ ({});
        /** Of fields that are filled in elsewhere. */
        this.outside = /** @type {Answers} */ ({});
        this.port = /** @type {Port | undefined} */ (undefined);
        this.beside = /** @type {unknown} */ (nothing);
        /** @type {"" | "sending" | "sent" | "waiting" | "approving"} */
        this.sent = "";
        /** @type {Choice | undefined} */
        this.chosen = undefined;
        /** @type {unknown} */
        this.error = undefined;
        this.refused = /** @type {Record<string, string>} */ ({});
        this.isBlocked = false;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        const before = /** @type {Asked | undefined} */ (changed.get("asked"));
        if (before && before.prompt.id !== this.asked?.prompt.id)
            Object.assign(this, { sent: "", chosen: undefined, error: undefined, refused: {} });
    }

    /** @param {{text: string, choice?: string, data?: Answers}} given */
    async _answer(given) {
        if (!this.asked || !this.port || this.sent === "sending") return;
        Object.assign(this, { sent: "sending", error: undefined, refused: {} });
        try {
            this.sent = (await this.port.answer(this.asked, given)) ? "sent" : "waiting";
            await this.updateComplete;
            this.querySelector(/** @type {"p"} */ (".prompt-status"))?.focus();
        } catch (error) {
            this.sent = "";
            this.chosen = undefined;
            const errors = formErrors(error);
            if (errors) this.refused = errors;
            else this.error = error;
        }
    }

    /** @param {Choice} choice */
    _press(choice) {
        if (this.sent === "sending") return;
        this.chosen = choice;
        if (!choice.approve) return void this._answer({ text: choice.label, choice: choice.id });
        // In the press itself, or the browser takes it for an advertisement.
        this.isBlocked = !openApproval(choice.approve);
        this.sent = "approving";
    }

    /** @param {Choice} choice @param {number} count */
    _choice(choice, count) {
        const style = choice.style ?? (count === 1 ? "primary" : "secondary");
        const isThis = this.chosen?.id === choice.id;
        return button({
            label: choice.approve
                ? html`<span>${choice.label}</span>${icon("out")}<span class="hidden-text">
                          ${t("(opens a new tab)")}</span
                      >`
                : choice.label,
            style,
            is_busy: this.sent === "sending" && isThis,
            is_off:
                this.sent === "sent" ||
                this.sent === "waiting" ||
                (this.sent === "sending" && !isThis),
            press: () => this._press(choice),
        });
    }

    _status() {
        if (this.sent === "sent") return t("Sent. This page goes on by itself.");
        if (this.sent === "waiting")
            return t("It is kept, and will be done in a moment. You can leave this page.");
        if (this.sent !== "approving") return nothing;
        if (!this.isBlocked || !this.chosen?.approve)
            return t("Approve it in the tab that opened. This page follows by itself.");
        return html`${t("Your browser did not open the tab.")}
            <a href=${approveHref(this.chosen.approve)} target="_blank" rel="noopener"
                >${t("Open the page for approving")}</a
            >`;
    }

    _form() {
        return html`<veche-form
            .fields=${this.fields}
            .initial=${this.initial}
            .outside=${this.outside}
            .check=${this.port?.check}
            .upload=${this.port?.upload}
            .nowMs=${serverNow()}
            .refused=${this.refused}
            .beside=${this.beside}
            .isSending=${this.sent === "sending"}
            @veche-send=${(/** @type {CustomEvent} */ event) =>
                this._answer({ text: t("My answers"), data: event.detail.answers })}
        ></veche-form>`;
    }

    render() {
        const asked = this.asked;
        if (!asked) return nothing;
        const { choices: all = [] } = asked.prompt;
        const choices = this.fields.length ? all.filter((one) => !isOfForm(one, this.fields)) : all;
        const isDone = this.sent === "sent" || this.sent === "waiting";
        return html`${asked.text ? html`<p class="lines prompt-text">${asked.text}</p>` : nothing}
            ${this.fields.length && !isDone ? this._form() : nothing}
            ${
                choices.length
                    ? html`<div class="actions">
                          ${choices.map((choice) => this._choice(choice, choices.length))}
                      </div>`
                    : nothing
            }
            <p role="status" class="prompt-status" tabindex="-1">${this._status()}</p>
            ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}`;
    }
}
customElements.define("veche-prompt", VechePrompt);
