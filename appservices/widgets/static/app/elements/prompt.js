/** A question of one of our bots in a conversation: its words, its form or its buttons. */
import { html, nothing } from "lit";
import { VecheElement } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { answerContent } from "../../kit/link.js";
import "../../cases/elements/prompt.js";
import { serverNow } from "../../cases/now.js";
import { givenText, questionOf } from "../../widget/words.js";
import { account } from "../account/account.js";
import { registerCard, saidOf } from "../registry.js";
import { timelineOf } from "../client/timeline.js";

/** @typedef {import("../client/timeline.js").Message} Message */
/** @typedef {import("../../kit/matter.js").Asked} Asked */

export class AppPrompt extends VecheElement {
    static properties = {
        message: { attribute: false },
        roomId: { attribute: false },
        isGiven: { state: true },
    };

    constructor() {
        super();
        /** @type {Message | undefined} */
        this.message = undefined;
        this.roomId = "";
        /** Answered in this page: the prompt's own words stay until the bot's come. */
        this.isGiven = false;
    }

    connectedCallback() {
        super.connectedCallback();
        const { opened } = account();
        // What was answered, and what is closed, stands in other messages.
        if (opened)
            this.keep(timelineOf(opened.client, this.roomId).watch(() => this.requestUpdate()));
    }

    /** @param {Asked} asked */
    _port(asked) {
        return {
            /** @param {unknown} _ @param {import("../../kit/link.js").Given} given */
            answer: async (_, given) => {
                const { opened } = account();
                if (!opened) return false;
                const { send } = await import("../client/sending.js");
                const text = givenText(given, asked.prompt.form?.fields ?? []);
                this.isGiven = true;
                try {
                    await send(
                        opened.client,
                        this.roomId,
                        answerContent(asked, { ...given, text }),
                    );
                } catch (error) {
                    this.isGiven = false;
                    throw error;
                }
                return true;
            },
        };
    }

    /** @param {Asked} asked */
    _past({ prompt, answered, is_open }) {
        const chosen = answered ?? prompt.chosen ?? undefined;
        const label = prompt.choices?.find(({ id }) => id === chosen)?.label;
        if (label) return t("You answered: {answer}", { answer: label });
        if (answered !== undefined) return t("You have answered.");
        if (is_open) return nothing;
        return Number(prompt.expires_at_ms) <= serverNow()
            ? t("The time to answer has run out.")
            : t("This question is closed.");
    }

    render() {
        const { opened } = account();
        if (!this.message || !opened) return nothing;
        const asked = timelineOf(opened.client, this.roomId).asked(this.message.id, serverNow());
        const text = String(this.message.content.body ?? "");
        if (!asked) return html`<p class="lines">${text}</p>`;
        const isOpen = asked.is_open && (asked.answered === undefined || this.isGiven);
        const { url } = asked.prompt;
        const hasAnswers = asked.prompt.choices?.length || asked.prompt.form;
        const question = questionOf(asked).split("\n\n").slice(saidOf(this.message)).join("\n\n");
        if (!isOpen || !hasAnswers)
            return html`<p class="lines">${question}</p>
                ${isOpen && url ? openButton(url) : nothing}
                <p class="prompt-past small">${isOpen ? nothing : this._past(asked)}</p>`;
        return html`<veche-prompt
                .asked=${{ ...asked, text: question }}
                .fields=${asked.prompt.form?.fields ?? []}
                .port=${this._port(asked)}
            ></veche-prompt>
            ${url ? openButton(url) : nothing}`;
    }
}
customElements.define("app-prompt", AppPrompt);

/** @param {string} url of one of our pages */
function openButton(url) {
    if (!/^https?:\/\//.test(url)) return nothing;
    return html`<p class="actions">
        <a class="button secondary" href=${url} target="_blank" rel="noopener"
            >${t("Open the page")}</a
        >
    </p>`;
}

registerCard(
    "org.veche.prompt",
    (message, _, roomId) => html`<app-prompt .message=${message} .roomId=${roomId}></app-prompt>`,
);
