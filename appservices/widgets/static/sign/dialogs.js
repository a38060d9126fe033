/** Saying no: asked once more, in a dialog, and why. */
import { html, nothing } from "lit";
import { button, closeDialog, dialog, field } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { REASONS, reasonWords } from "./words.js";

export const DECLINE = "decline";
const REASON_CHARACTERS_MAX = 1000;

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

/**
 * @param {(event: CustomEvent) => void} chosen with `{code, reason}`
 * @param {boolean} [hasWords] whether the service may be told why in words
 */
export function declineDialog(chosen, hasWords = true) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        const data = submitted(event);
        const [code, reason] = [String(data.get("code")), String(data.get("reason") ?? "").trim()];
        done(DECLINE, chosen, { code, reason });
    };
    return dialog({
        id: DECLINE,
        title: t("Decline to sign?"),
        content: html`<p>
                ${t("This is final. The person who asked, and everyone who has signed, gets your reason.")}
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
                ${hasWords ? words() : nothing}
            </form>`,
        actions: html`<button class="button danger" type="submit" form="decline-form">
                ${t("Decline")}
            </button>
            ${button({ label: t("Back"), style: "secondary", press: () => closeDialog(DECLINE) })}`,
    });
}

/**
 * The same of a witness: it is not final, and has no reason.
 * @param {(event: CustomEvent) => void} chosen with `{code, reason}`
 */
export function refuseDialog(chosen) {
    return dialog({
        id: DECLINE,
        title: t("Refuse to be the witness?"),
        content: html`<p>
            ${t("Nothing of what was written counts then. It can be written anew, by a new code.")}
        </p>`,
        actions: html`${button({
            label: t("Refuse"),
            style: "danger",
            press: () => done(DECLINE, chosen, { code: "other", reason: "" }),
        })}
        ${button({ label: t("Back"), style: "secondary", press: () => closeDialog(DECLINE) })}`,
    });
}

function words() {
    return field({
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
    });
}
