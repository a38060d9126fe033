/** What is said of acts: what they are, and why a file of them does not hold. */
import { t } from "../kit/i18n.js";

/** @param {import("./acts.js").Fault | "no_ed25519"} fault @returns {string} */
export function actsFaultWords(fault) {
    switch (fault) {
        case "not_acts":
            return t("This file has no acts, or it was damaged.");
        case "unknown_signer":
            return t("Nobody can tell here: the key of the organisation's log is not known.");
        case "wrong_signature":
            return t("This file is false: it was changed, or the organisation never signed it.");
        case "bad_head":
            return t("This file is false: the log has not signed the head in it.");
        case "other_act":
            return t("This file is false: an act in it is not the one that the log has.");
        case "not_in_log":
            return t(
                "The signed log does not have an act in this file. Keep the file: it proves that there are two logs.",
            );
        case "other_order":
            return t("This file is false: the acts in it do not follow one another.");
        case "no_ed25519":
            return t("This browser can't check signatures. Please use a newer one.");
    }
}

/** @param {string} act class of an act @returns {string} */
export function actWords(act) {
    switch (act) {
        case "message":
            return t("Wrote to you");
        case "notice":
            return t("Told you of something");
        case "data_request":
            return t("Asked you for data");
        case "doc_issued":
            return t("Issued a document");
        case "record_write":
            return t("Wrote into a record");
        case "invoice":
            return t("Asked you to pay");
        case "payment_pull":
            return t("Took money by a mandate");
        case "payout":
            return t("Paid you money");
        case "restriction":
            return t("Restricted something");
        case "certificate":
            return t("Issued a certificate in your name");
        case "seal":
            return t("Sealed a document");
        default:
            return act;
    }
}
