/** What is said of receipts that do not hold, and of what was checked. */
import { t } from "../kit/i18n.js";

/** @typedef {import("./receipt.js").Fault | "empty" | "no_ed25519"} Fault why a file does not hold */

/** @param {Fault} fault @returns {string} */
export function faultWords(fault) {
    switch (fault) {
        case "empty":
            return t("This file is empty: there is nothing in it.");
        case "not_a_receipt":
            return t("This file is not a receipt, or it was damaged.");
        case "unknown_signer":
            return t("Nobody can tell here: the key of whoever signed it is not known.");
        case "wrong_signature":
            return t("This receipt is false: it was changed, or its signer never signed it.");
        case "other_entry":
            return t("This receipt is false: the ledger's entry in it is of something else.");
        case "not_in_block":
            return t("This receipt is false: its entry is not in the ledger's block.");
        case "bad_head":
            return t("The published head beside it was not signed by the same ledger.");
        case "not_published":
            return t(
                "The published ledger does not have this payment. Keep the file: it proves that there are two ledgers.",
            );
        case "no_ed25519":
            return t("This browser can't check signatures. Please use a newer one.");
    }
}

/** @returns {string[]} what is checked, in its order */
export function stepWords() {
    return [
        t("The signature"),
        t("The entry of the ledger"),
        t("Its place in the ledger's block"),
        t("The block in the published ledger"),
    ];
}

/** @type {Fault[][]} what can be wrong at each step */
const FAULTS = [
    ["wrong_signature", "unknown_signer", "no_ed25519"],
    ["other_entry"],
    ["not_in_block"],
    ["bad_head", "not_published"],
];

/**
 * @param {Fault | undefined} fault
 * @param {boolean} isPublished whether a published head was checked
 * @returns {("good" | "bad" | "open")[]} how far it came
 */
export function stepStates(fault, isPublished) {
    const failed = FAULTS.findIndex((faults) => fault && faults.includes(fault));
    const isTold = fault !== "unknown_signer" && fault !== "no_ed25519";
    return FAULTS.map((_, step) => {
        if (step === failed) return isTold ? "bad" : "open";
        if (failed === -1) return step < FAULTS.length - 1 || isPublished ? "good" : "open";
        return step < failed ? "good" : "open";
    });
}
