/** What is wrong with what this browser keeps, in plain words. */
import { t } from "../../kit/i18n.js";

/** @param {unknown} error @returns {string} */
export function storageWords(error) {
    // The SDK puts the name into its own error: "DomException QuotaExceededError (22): …".
    const said = error instanceof DOMException ? error.name : String(error);
    if (said.includes("QuotaExceededError"))
        return t("This device has no room left. Delete something, then try again.");
    if (/SecurityError|InvalidStateError|UnknownError|NotAllowedError/.test(said))
        return t(
            "This browser keeps nothing for this page. Is this a private window? Open Veche in an ordinary one.",
        );
    return t("Something went wrong here. Reload the page, then try again.");
}
