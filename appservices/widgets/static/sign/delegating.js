/**
 * Letting somebody else act, and taking that back: said by the device's key, so that nobody else
 * can, who may have the link.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./api.js").Session} Session
 */
import { html, nothing } from "lit";
import { clock, signedBy } from "../approve/handing.js";
import { button, closeDialog, dialog, textField } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { utf8 } from "../verify/bytes.js";
import { digest } from "./paper.js";
import { MismatchError, signerFor } from "./signing.js";

export const DELEGATE = "delegate";
const NAME_CHARACTERS_MAX = 300;

/**
 * @param {{view: View, session: Session}} task
 * @param {string | undefined} to whom, as it was typed; undefined: they act themselves again
 * @returns {Promise<View>}
 */
export async function delegatePaper({ view, session }, to) {
    const { party } = view.you;
    const { asked, now_ms, user } = await session.askDelegation({ party, ...(to && { to }) });
    clock.set(now_ms);
    const wanted = await whatOf(view, user);
    if (asked.shown.what !== wanted || !isWhoWasTyped(to, user))
        throw new MismatchError("approval");
    const signer = await signerFor(asked);
    const { kind, nonce, person, shown } = asked;
    const { signed } = await signedBy(signer, { v: 1, kind, nonce, person, shown });
    return session.delegate({ party, ...(user && { to: user }), approval: signed });
}

/** @param {View} view @param {string | null} user @returns {Promise<string>} what is approved */
async function whatOf({ session, you }, user) {
    const other = user ? await digest(utf8(user)) : "taken-back";
    return `delegated ${session} ${you.party} ${other}`;
}

/**
 * @param {string | undefined} typed
 * @param {string | null} user whom the service found
 * @returns {boolean}
 */
function isWhoWasTyped(typed, user) {
    if (!typed || !user) return !typed && !user;
    const said = typed.toLowerCase();
    const name = said.replace(/^@/, "");
    return said.includes(user) || user === `@${name}` || user.startsWith(`@${name}:`);
}

/** @param {View} view @returns {boolean} whether they may let somebody else act */
export function mayDelegate({ may_delegate, parties, you }) {
    const mine = parties.find(({ party }) => party === you.party);
    return may_delegate && you.can_act && !mine?.acts_for && !mine?.identified_by;
}

/** @param {(event: CustomEvent) => void} chosen with `{to}` */
export function delegateDialog(chosen) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        const to = String(data.get("to") ?? "").trim();
        if (!to) return;
        closeDialog(DELEGATE);
        chosen(new CustomEvent(DELEGATE, { detail: { to } }));
    };
    return dialog({
        id: DELEGATE,
        title: t("Let somebody else act for you?"),
        content: html`<p>
                ${t("They sign in your place; both names stand in the report, and everyone is told. You can take it back until they have signed.")}
            </p>
            <form id="delegate-form" @submit=${submit}>
                ${textField({
                    id: "delegate-to",
                    label: t("Who? A name here, or an account such as @dave:example.org"),
                    name: "to",
                    maxlength: NAME_CHARACTERS_MAX,
                })}
            </form>`,
        actions: html`<button class="button primary" type="submit" form="delegate-form">
                ${t("Approve with your key")}
            </button>
            ${button({ label: t("Back"), style: "secondary", press: () => closeDialog(DELEGATE) })}`,
    });
}

/**
 * @param {View} view
 * @param {boolean} isBusy
 * @param {() => void} press
 */
export function takeBack({ state, you }, isBusy, press) {
    if (state !== "open" || you.state !== "delegated") return nothing;
    return html`<p class="actions">
        ${button({ label: t("I act myself"), style: "secondary", is_busy: isBusy, press })}
    </p>`;
}
