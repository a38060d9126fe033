/** Saying no, and letting somebody else sign: each asked once more, in a dialog. */
import { html } from "lit";
import { button, closeDialog, dialog, field } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { REASONS, reasonWords } from "./words.js";

export const DECLINE = "decline";
export const DELEGATE = "delegate";
const REASON_CHARACTERS_MAX = 1000;
const NAME_CHARACTERS_MAX = 100;
const ACCOUNT = "@[^:\\s]+:[^\\s]+";

/** @param {string} id @param {(detail: CustomEvent) => void} chosen @param {Record<string, string>} detail */
function done(id, chosen, detail) {
    closeDialog(id);
    chosen(new CustomEvent(id, { detail }));
}

/** @param {SubmitEvent} event @returns {FormData} */
function submitted(event) {
    event.preventDefault();
    return new FormData(/** @type {HTMLFormElement} */ (event.target));
}

/** @param {(event: CustomEvent) => void} chosen with `{code, reason}` */
export function declineDialog(chosen) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        const data = submitted(event);
        const [code, reason] = [String(data.get("code")), String(data.get("reason")).trim()];
        done(DECLINE, chosen, { code, reason });
    };
    return dialog({
        id: DECLINE,
        title: t("Decline to sign?"),
        content: html`<p>
                ${t("This is final. Who asked, and everyone who has signed, is told, with your reason.")}
            </p>
            <form id="decline-form" @submit=${submit}>
                <fieldset class="clause-choice">
                    <legend>${t("Why?")}</legend>
                    ${REASONS.map(
                        (code, at) =>
                            html`<label class="tick">
                                <input
                                    type="radio"
                                    name="code"
                                    value=${code}
                                    ?checked=${at === 0}
                                />
                                <span>${reasonWords(code)}</span>
                            </label>`,
                    )}
                </fieldset>
                ${field({
                    id: "decline-reason",
                    label: t("In your words"),
                    is_required: false,
                    control: ({ id, describedby, invalid }) =>
                        html`<textarea
                            id=${id}
                            name="reason"
                            rows="3"
                            maxlength=${REASON_CHARACTERS_MAX}
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        ></textarea>`,
                })}
            </form>`,
        actions: html`<button class="button danger" type="submit" form="decline-form">
                ${t("Decline")}
            </button>
            ${button({ label: t("Back"), style: "secondary", press: () => closeDialog(DECLINE) })}`,
    });
}

/** @param {(event: CustomEvent) => void} chosen with `{to, name}` */
export function delegateDialog(chosen) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        const data = submitted(event);
        const [to, name] = [String(data.get("to")).trim(), String(data.get("name")).trim()];
        done(DELEGATE, chosen, { to, name });
    };
    return dialog({
        id: DELEGATE,
        title: t("Who signs in your place?"),
        content: html`<p>${t("Everyone is told. You can take it back until they have signed.")}</p>
            <form id="delegate-form" @submit=${submit}>
                ${field({
                    id: "delegate-to",
                    label: t("Their account"),
                    help: t("A Matrix id, as @carol:example.org."),
                    control: ({ id, describedby, invalid }) =>
                        html`<input
                            type="text"
                            id=${id}
                            name="to"
                            required
                            pattern=${ACCOUNT}
                            autocomplete="off"
                            autocapitalize="none"
                            spellcheck="false"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        />`,
                })}
                ${field({
                    id: "delegate-name",
                    label: t("Their name"),
                    control: ({ id, describedby, invalid }) =>
                        html`<input
                            type="text"
                            id=${id}
                            name="name"
                            required
                            maxlength=${NAME_CHARACTERS_MAX}
                            autocomplete="off"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        />`,
                })}
            </form>`,
        actions: html`<button class="button primary" type="submit" form="delegate-form">
                ${t("Let them sign")}
            </button>
            ${button({ label: t("Back"), style: "secondary", press: () => closeDialog(DELEGATE) })}`,
    });
}
