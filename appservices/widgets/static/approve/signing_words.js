/** What is said of signatures, where they are asked for and where they are approved. Pure. */
import { t } from "../kit/i18n.js";

/** @param {"signer" | "clerk" | "seal" | "approver" | "witness" | "viewer"} role @returns {string} */
export function roleWords(role) {
    switch (role) {
        case "clerk":
            return t("Signs for an office");
        case "seal":
            return t("Seal of an organisation");
        case "approver":
            return t("Approves");
        case "witness":
            return t("Witness");
        case "viewer":
            return t("Gets a copy");
        default:
            return t("Signer");
    }
}

/** @param {string} papers kind of identity document @returns {string} */
export function papersWords(papers) {
    switch (papers) {
        case "passport":
            return t("showed a passport");
        case "identity_card":
            return t("showed an identity card");
        case "residence_permit":
            return t("showed a residence permit");
        default:
            return t("showed a driving licence");
    }
}

/** @param {"S1" | "S2" | "S3" | "S4"} level @returns {string} */
export function levelWords(level) {
    switch (level) {
        case "S4":
            return t("With a qualified certificate of your own, in the file");
        case "S3":
            return t("With a certificate of your own, in the file");
        case "S2":
            return t("Advanced electronic signature, in the file");
        default:
            return t("Approval with the key of your device");
    }
}

/** @param {"when_complete" | "each"} effect @returns {string} */
export function effectWords(effect) {
    return effect === "each"
        ? t("As soon as you have signed, whoever else signs")
        : t("Once everyone who is needed has signed; until then it binds nobody");
}
