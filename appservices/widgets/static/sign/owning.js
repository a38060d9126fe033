/**
 * What who asks for the signatures does with a document on their page, as in the chat: remind, give
 * more time, take it back. What cannot be undone is asked first, with the names of who has signed.
 *
 * @typedef {import("./types.d.ts").View} View
 *
 * @typedef {"remind" | "extend" | "cancel"} Act
 * @typedef {(act: Act, deadline_at_ms?: number) => void} Do
 */
import { html, nothing } from "lit";
import { localDay } from "../kit/forms/dates.js";
import { button, closeDialog, dialog, field, openDialog } from "../kit/elements.js";
import { plural, showDateTime, t } from "../kit/i18n.js";
import { session as signedIn } from "../kit/session.js";
import { signInHref } from "../kit/shell.js";
import { actOwned } from "./api.js";

const EXTEND = "extend-document";
const CANCEL = "cancel-document";
const DAY_MS = 86_400_000;
/** As the service takes it at most. */
const DEADLINE_MS_MAX = 180 * DAY_MS;

/** @param {View} view @returns {boolean} whether the reader asks for the signatures, and takes no part */
export function isAskerAlone({ is_yours: isYours, parties, you }) {
    return isYours === true && !parties.some(({ party }) => party === you.party);
}

/**
 * @param {View} view
 * @param {Act} act
 * @param {number} [deadline_at_ms] of more time
 * @returns {Promise<string>} what came of it, in words; empty: that is seen
 */
export async function actAsAsker({ session }, act, deadline_at_ms) {
    const { count, waiting } = await actOwned(
        session,
        act,
        act === "extend" ? { deadline_at_ms } : {},
    );
    if (act !== "remind") return "";
    if (count > 0) return plural("One person is reminded.", "{count} persons are reminded.", count);
    return waiting > 0
        ? t("Nobody is reminded: each was reminded as often as is allowed, or has no chat yet.")
        : t("Nobody has to sign now.");
}

/**
 * @param {View} view
 * @param {string} doing what is being done; empty: nothing
 * @param {string} said what came of the last press
 * @param {Do} act
 */
export function owning(view, doing, said, act) {
    if (!view.is_yours || view.state !== "open") return nothing;
    if (!signedIn())
        return html`<h2>${t("You ask for these signatures")}</h2>
            <p>
                ${t("To remind, to give more time or to take it back, sign in from your encrypted chat.")}
            </p>
            <p class="actions">
                <a class="button secondary" href=${signInHref()}>${t("Sign in")}</a>
            </p>`;
    const press = (/** @type {string} */ name) => ({
        is_busy: doing === name,
        is_off: doing !== "" && doing !== name,
    });
    return html`<h2>${t("You ask for these signatures")}</h2>
        <div class="actions">
            ${button({ label: t("Remind"), style: "secondary", ...press("remind"), press: () => act("remind") })}
            ${button({
                label: t("Give more time"),
                style: "secondary",
                ...press("extend"),
                press: () => openDialog(EXTEND),
            })}
            ${button({
                label: t("Take it back"),
                style: "secondary",
                ...press("cancel"),
                press: () => openDialog(CANCEL),
            })}
        </div>
        <p class="secondary-text" role="status">${said}</p>
        ${extending(view, act)} ${cancelling(view, act)}`;
}

/** @param {View} view @param {Do} act */
function extending(view, act) {
    const { deadline_at_ms: until_ms, now_ms } = view;
    const first = Math.max(until_ms, now_ms) + DAY_MS;
    const submit = (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const at_ms = endOf(String(new FormData(form).get("until")));
        if (Number.isNaN(at_ms)) return;
        closeDialog(EXTEND);
        act("extend", Math.min(at_ms, Date.now() + DEADLINE_MS_MAX - DAY_MS));
    };
    return dialog({
        id: EXTEND,
        title: t("Give more time?"),
        content: html`<p>
                ${t("There is time until {moment}. Everyone who was asked is told.", { moment: showDateTime(until_ms) })}
            </p>
            <form id="extend-form" @submit=${submit}>
                ${field({
                    id: "extend-until",
                    label: t("The last day on which they can sign"),
                    control: ({ id, describedby, invalid }) =>
                        html`<input
                            id=${id}
                            name="until"
                            type="date"
                            required
                            min=${localDay(first)}
                            max=${localDay(now_ms + DEADLINE_MS_MAX - DAY_MS)}
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                        />`,
                })}
            </form>`,
        actions: html`<button class="button primary" type="submit" form="extend-form">
                ${t("Give more time")}
            </button>
            ${button({ label: t("Back"), style: "secondary", press: () => closeDialog(EXTEND) })}`,
    });
}

/** @param {View} view @param {Do} act */
function cancelling({ parties }, act) {
    const signed = parties.filter(({ state }) => state === "signed").map(({ name }) => name);
    return dialog({
        id: CANCEL,
        title: t("Take this document back?"),
        content: html`<p>
                ${
                    signed.length > 0
                        ? t(
                              "Signed already by: {names}. They are told, and get the file as it is now.",
                              {
                                  names: signed,
                              },
                          )
                        : t("Nobody has signed it yet.")
                }
            </p>
            <p>
                ${t("All who were asked are told that you have taken it back. It cannot be undone: to have it signed after all, you send it anew.")}
            </p>`,
        actions: html`${button({
            label: t("Take it back"),
            style: "danger",
            press: () => {
                closeDialog(CANCEL);
                act("cancel");
            },
        })}
        ${button({ label: t("Leave it as it is"), style: "secondary", press: () => closeDialog(CANCEL) })}`,
    });
}

/** @param {string} day of an input @returns {number} its last moment in the reader's zone */
function endOf(day) {
    const [year = NaN, month = NaN, date = NaN] = day.split("-").map(Number);
    return new Date(year, month - 1, date + 1).getTime() - 1;
}
