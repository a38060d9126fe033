/** What went wrong with an account, in plain words. */
import { plural, t } from "../../kit/i18n.js";
import { AccountError } from "./signing_up.js";
import { storageWords } from "./storage_words.js";

const SECOND_MS = 1000;

/** @typedef {{field: "username" | "password" | "", text: string}} Trouble field: which is wrong, or empty */

/** @param {unknown} error @returns {Trouble} */
export function accountTrouble(error) {
    if (!(error instanceof AccountError)) return { text: storageWords(error), field: "" };
    const [text, field = ""] = said(error);
    return { text, field };
}

/** @param {AccountError} error @returns {[text: string, field?: Trouble["field"]]} */
function said({ errcode, retryAfterMs = 0, message }) {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / SECOND_MS));
    switch (errcode) {
        case "":
            return [t("The server can't be reached. Check your connection, then try again.")];
        case "M_USER_IN_USE":
        case "M_EXCLUSIVE":
            return [t("Somebody has this name already. Choose another one."), "username"];
        case "M_INVALID_USERNAME":
            return [t("Use small Latin letters, digits, and the signs . _ - only."), "username"];
        case "M_WEAK_PASSWORD":
        case "M_PASSWORD_TOO_SHORT":
            return [t("This passphrase is too short. Add a few words."), "password"];
        case "M_LIMIT_EXCEEDED":
            return [
                plural(
                    "Too many attempts. Try again in {count} second.",
                    "Too many attempts. Try again in {count} seconds.",
                    seconds,
                ),
            ];
        case "invitation_needed":
            return [
                t(
                    "You need an invitation here. Ask an office for one: it is a link or a code to scan.",
                ),
            ];
        case "M_UNAUTHORIZED":
            return [t("This invitation is used up or too old. Ask the office for a new one.")];
        case "M_FORBIDDEN":
            return [t("Name or passphrase is wrong. Check both, then try again."), "password"];
        case "M_USER_DEACTIVATED":
            return [t("This account was closed. Make a new one.")];
        default:
            return [t("The server refused: {said}", { said: message })];
    }
}
