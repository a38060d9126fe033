/**
 * What a person can always do with a case: ask a human being, ask what it waits for, take it back.
 *
 * @typedef {import("../agency.js").Case} Case
 */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { newKey } from "../../kit/api.js";
import { VecheElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { signInHref } from "../../kit/shell.js";
import { giveCommand } from "../agency.js";
import { problem } from "./problem.js";

const QUESTION_CHARACTERS_MAX = 2000;
const HUMAN = "human";

/** @param {string} command @returns {string} as a button */
function label(command) {
    switch (command) {
        case HUMAN:
            return t("Talk to a person");
        case "why":
            return t("What is it waiting for?");
        case "withdraw":
            return t("Withdraw the case");
        case "export":
            return t("Get the whole case as a file");
        case "status":
            return t("Get the status in the chat");
        default:
            return command;
    }
}

export class VecheCommands extends VecheElement {
    static properties = {
        case: { attribute: false },
        busy: { state: true },
        done: { state: true },
        error: { state: true },
        isAsking: { state: true },
        question: { state: true },
    };

    constructor() {
        super();
        this.case = /** @type {Pick<Case, "case" | "commands"> | undefined} */ (undefined);
        this.busy = "";
        this.done = "";
        /** @type {unknown} */
        this.error = undefined;
        this.isAsking = false;
        this.question = "";
        /** What was given last, and the key of it: the same is tried again with the same one. */
        this._given = { content: "", key: "" };
    }

    /** @param {string} command @param {string | undefined} text @returns {string} */
    _keyOf(command, text) {
        const content = JSON.stringify([command, text]);
        if (this._given.content !== content) this._given = { content, key: newKey() };
        return this._given.key;
    }

    /** @param {string} command */
    async _give(command) {
        if (this.busy) return;
        if (command === HUMAN && !this.isAsking) {
            this.isAsking = true;
            await this.updateComplete;
            this.querySelector("textarea")?.focus();
            return;
        }
        Object.assign(this, { busy: command, error: undefined, done: "" });
        try {
            const text = command === HUMAN ? this.question.trim() || undefined : undefined;
            const key = this._keyOf(command, text);
            await giveCommand(this.case?.case ?? "", command, text, key);
            this._given = { content: "", key: "" };
            Object.assign(this, { done: command, isAsking: false, question: "" });
            this.dispatchEvent(new CustomEvent("veche-done", { detail: command, bubbles: true }));
        } catch (error) {
            this.error = error;
        } finally {
            this.busy = "";
        }
    }

    _status() {
        if (this.done === "withdraw") return t("You are asked above whether you are sure.");
        if (this.done === HUMAN) return t("Your question is with the office.");
        return this.done ? t("The answer is in the chat of this case.") : nothing;
    }

    _question() {
        return html`<form
            class="ask"
            @submit=${(/** @type {SubmitEvent} */ event) => {
                event.preventDefault();
                void this._give(HUMAN);
            }}
        >
            <div class="field">
                <label for="question-text"
                    >${t("What do you want to ask?")}
                    <span class="optional">${t("(optional)")}</span></label
                >
                <textarea
                    id="question-text"
                    rows="3"
                    maxlength=${QUESTION_CHARACTERS_MAX}
                    .value=${live(this.question)}
                    @input=${(/** @type {InputEvent} */ event) => {
                        this.question = /** @type {HTMLTextAreaElement} */ (event.target).value;
                    }}
                ></textarea>
            </div>
            <div class="actions">
                ${button({ label: t("Ask"), type: "submit", is_busy: this.busy === HUMAN })}
                ${button({
                    label: t("Never mind"),
                    style: "secondary",
                    press: () => (this.isAsking = false),
                })}
            </div>
        </form>`;
    }

    render() {
        const commands = this.case?.commands ?? [];
        if (!commands.length) return nothing;
        return html`<section aria-labelledby="commands">
            <h2 id="commands">${t("What you can do")}</h2>
            ${this.isAsking ? this._question() : nothing}
            <div class="actions quiet">
                ${commands
                    .filter(({ command }) => !(command === HUMAN && this.isAsking))
                    .map(({ command }) =>
                        button({
                            label: label(command),
                            style: "secondary",
                            is_busy: this.busy === command,
                            press: () => this._give(command),
                        }),
                    )}
            </div>
            <p role="status" class="secondary-text">${this._status()}</p>
            ${this.error ? problem(this.error, { signIn: signInHref() }) : nothing}
        </section>`;
    }
}
customElements.define("veche-commands", VecheCommands);
