/** What went wrong while signing in, in words that say what to do next. */
import { ApiError, OfflineError } from "../kit/api.js";
import { plural, t } from "../kit/i18n.js";
import { HomeserverError } from "./homeserver.js";

const SECOND_MS = 1000;
const MINUTE_S = 60;

/** @param {number | undefined} wait_ms @returns {string} */
export function waitWords(wait_ms) {
    const seconds = Math.max(1, Math.ceil((wait_ms ?? SECOND_MS) / SECOND_MS));
    if (seconds > MINUTE_S)
        return plural(
            "That was too often. Please try again in {count} minute.",
            "That was too often. Please try again in {count} minutes.",
            Math.ceil(seconds / MINUTE_S),
        );
    return plural(
        "That was too often. Please try again in {count} second.",
        "That was too often. Please try again in {count} seconds.",
        seconds,
    );
}

/** @param {HomeserverError} error @param {string} server */
function homeserverWords({ trouble, retryAfterMs, said }, server) {
    switch (trouble) {
        case "unknown":
            return t(
                "There is no Matrix homeserver at {server}. Look at the spelling, or give its address.",
                { server },
            );
        case "down":
            return t(
                "The homeserver {server} can't be reached now. Try again later, or sign in with a code from your chat.",
                { server },
            );
        case "slow":
            return t(
                "The homeserver {server} takes too long to answer. Try again, or sign in with a code from your chat.",
                { server },
            );
        case "limited":
            return waitWords(retryAfterMs);
        case "deactivated":
            return t("This account was closed at its homeserver.");
        default:
            return said
                ? t("Your homeserver refused: {said}", { said })
                : t("Your homeserver refused. Sign in with a code from your chat instead.");
    }
}

/**
 * @param {unknown} error
 * @param {string} [server] which homeserver was spoken with
 * @returns {string}
 */
export function signInWords(error, server = "") {
    if (error instanceof HomeserverError) return homeserverWords(error, server);
    if (error instanceof OfflineError)
        return t(
            "The service can't be reached. Look at your connection, then try again: nothing you typed is lost.",
        );
    if (!(error instanceof ApiError))
        return t("Something went wrong on this page. Reload it and try again.");
    switch (error.errcode) {
        case "M_LIMIT_EXCEEDED":
            return waitWords(error.retryAfterMs);
        case "ORG.VECHE.WRONG_CODE":
            return t(
                "This is not the code. Look again: after three wrong ones you need a new code.",
            );
        case "ORG.VECHE.SIGN_IN_REFUSED":
            return t(
                "This code is not good any more: it was used, tried too often, or is older than ten minutes. Send a new one.",
            );
        case "ORG.VECHE.UNAVAILABLE":
            return t("The service is busy. Please try again in a moment.");
        default:
            return error.status >= 500
                ? t(
                      "Something went wrong on our side. We have recorded the error; please try again.",
                  )
                : t("This was not accepted. Check what you typed and try again.");
    }
}
