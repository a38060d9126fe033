/** What went wrong with an account, in plain words. */
import { plural, t } from "../../kit/i18n.js";
import { AccountError } from "./signing_up.js";
import { storageWords } from "./storage_words.js";

const SECOND_MS = 1000;

/**
 * @param {unknown} error
 * @returns {{field: "username" | "password" | "", text: string}} field: which is wrong, or empty
 */
export function accountTrouble(error) {
    if (!(error instanceof AccountError)) return about("", storageWords(error));
    const { errcode, retryAfterMs = 0, message } = error;
    const seconds = Math.max(1, Math.ceil(retryAfterMs / SECOND_MS));
    switch (errcode) {
        case "":
            return about(
                "",
                t("The server can't be reached. Check your connection, then try again."),
            );
        case "M_USER_IN_USE":
        case "M_EXCLUSIVE":
            return about("username", t("Somebody has this name already. Choose another one."));
        case "M_INVALID_USERNAME":
            return about(
                "username",
                t("Use small Latin letters, digits, and the signs . _ - only."),
            );
        case "M_WEAK_PASSWORD":
        case "M_PASSWORD_TOO_SHORT":
            return about("password", t("This passphrase is too short. Add a few words."));
        case "M_LIMIT_EXCEEDED":
            return about(
                "",
                plural(
                    "Too many attempts. Try again in {count} second.",
                    "Too many attempts. Try again in {count} seconds.",
                    seconds,
                ),
            );
        case "invitation_needed":
            return about(
                "",
                t(
                    "You need an invitation here. Ask an office for one: it is a link or a code to scan.",
                ),
            );
        case "M_UNAUTHORIZED":
            return about(
                "",
                t("This invitation is used up or too old. Ask the office for a new one."),
            );
        case "M_FORBIDDEN":
            return about("password", t("Name or passphrase is wrong. Check both, then try again."));
        case "M_USER_DEACTIVATED":
            return about("", t("This account was closed. Make a new one."));
        default:
            return about("", t("The server refused: {said}", { said: message }));
    }
}

/** @param {"username" | "password" | ""} field @param {string} text */
const about = (field, text) => ({ field, text });
