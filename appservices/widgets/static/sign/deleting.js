/**
 * Having a document deleted that is over, by who asked for the signatures: what goes and when, and
 * what stays, is said before.
 *
 * @typedef {import("./types.d.ts").View} View
 */
import { html, nothing } from "lit";
import { button, closeDialog, dialog, openDialog } from "../kit/elements.js";
import { showDate, t } from "../kit/i18n.js";
import { session as signedIn } from "../kit/session.js";
import { signInHref } from "../kit/shell.js";
import { deleteSession } from "./api.js";

const DELETE = "delete-document";
/** How long before it everybody is told. */
const WARNED_MS = 14 * 86_400_000;

/** @param {View} view @returns {Promise<boolean>} whether it is gone; else it will be */
export async function deletePaper({ session }) {
    const { deletes_at_ms } = await deleteSession(session);
    return !deletes_at_ms;
}

/** @param {View} view @param {boolean} isBusy @param {() => void} press */
export function deletion(view, isBusy, press) {
    if (!view.may_delete) return nothing;
    return html`<p class="actions">
            ${button({
                label: t("Delete it here"),
                style: "secondary",
                is_busy: isBusy,
                press: () => openDialog(DELETE),
            })}
        </p>
        ${question(view, press)}`;
}

/** @param {View} view @param {() => void} press */
function question(view, press) {
    const back = () => closeDialog(DELETE);
    return dialog({
        id: DELETE,
        title: t("Delete this document here?"),
        content: html`<p>${whenWords(view)}</p>
            <p>
                ${t("What stays with the service: digests of the document, who took part, who signed when and with which certificate, and the report. They prove what was signed to whoever has the file.")}
            </p>
            <p>
                ${t("Files that somebody has saved, and files in chats, are not deleted by it. You cannot take it back.")}
            </p>
            ${signedIn() ? nothing : html`<p>${t("Sign in from your encrypted chat to delete it.")}</p>`}`,
        actions: html`${
            signedIn()
                ? button({
                      label: t("Delete it"),
                      style: "danger",
                      press: () => {
                          back();
                          press();
                      },
                  })
                : html`<a class="button primary" href=${signInHref()}>${t("Sign in")}</a>`
        }
        ${button({ label: t("Back"), style: "secondary", press: back })}`,
    });
}

/** @param {View} view @returns {string} what goes, and when */
function whenWords({ parties, deletes_at_ms, now_ms }) {
    if (!parties.some(({ state }) => state === "signed"))
        return t("Nobody has signed it, so the service deletes it at once.");
    const at_ms = Math.min(deletes_at_ms ?? Infinity, now_ms + WARNED_MS);
    return t(
        "The service tells everyone who takes part, and deletes the document and all that was signed in it on {date}. Until then they can save the file.",
        { date: showDate(at_ms) },
    );
}
