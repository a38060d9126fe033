/** What is said of signed files. */
import { t } from "../kit/i18n.js";
import { line } from "../kit/showable.js";

/** @param {import("../signatures/judging.js").Report} report @returns {string} what the whole says */
export function headline({ verdict, findings }) {
    if (verdict !== "unproven") return verdictWords(verdict);
    return findings.some(({ reason }) => reason === "signed_an_earlier_state")
        ? t(
              "The signatures are intact, but something was added to the file after signing. That was not checked.",
          )
        : t("Nothing was changed, but who signed or when is not proven.");
}

/**
 * @param {import("../signatures/judging.js").Verdict} verdict
 * @returns {string} that is true whatever the reasons are
 */
export function verdictWords(verdict) {
    switch (verdict) {
        case "sealed":
            return t("This document is genuine: who signed it and when is proven.");
        case "signed":
            return t("The signatures hold and nothing was changed, but not all of it is proven.");
        case "unproven":
            return t("The signatures are intact, but not all of the file is proven or checked.");
        case "invalid":
            return t("Do not rely on this document: it was changed, or a signature is false.");
        case "unsigned":
            return t("Nobody has signed this document.");
        case "unreadable":
            return t("Nobody can tell: this file cannot be checked here.");
    }
}

/** @param {string} stopped why a file was not judged @returns {string} */
export function stoppedWords(stopped) {
    switch (stopped) {
        case "late":
            return t(
                "The check took too long and was stopped, so nothing is known of this file. Some files are made to keep programs busy; a very large one can also be too much for a slow device.",
            );
        case "cancelled":
            return t("The check was stopped. Nothing is known of this file.");
        default:
            return t("This browser could not check the file, so nothing is known of it.");
    }
}

/**
 * What certificates say of people is a stranger's word: it may not hide or turn round a part of itself.
 * @param {import("../signatures/judging.js").Report} report
 * @returns {import("../signatures/judging.js").Report} with texts that are shown as they are
 */
export function shownReport(report) {
    const signers = report.signers.map((one) => ({
        ...one,
        name: line(one.name),
        account: line(one.account),
        registrar: line(one.registrar),
        hand: line(one.hand),
        issuer: line(one.issuer),
        clause: line(one.clause),
    }));
    return { ...report, signers };
}

/** @param {string} reason @returns {string} */
export function reasonWords(reason) {
    switch (reason) {
        case "no_signature":
            return t("There is no signature in it.");
        case "outside_the_sealed_profile":
            return t("It has another form than those that are checked here.");
        case "bytes_before_the_container":
            return t(
                "Other bytes stand before the signed file in it, so not all programs find that. Ask for the file once more, as it was signed.",
            );
        case "locked_by_a_password":
            return t("It is locked by a password. Ask for a copy without one.");
        case "signature_not_readable":
            return t(
                "A signature in it has a form or an algorithm that is not checked here. Check it with the program that made it.",
            );
        case "signature_of_another_kind":
            return t(
                "It is a signature of another kind (CAdES or XAdES, such as .p7s, .p7m or .xml). Check it with the program that made it.",
            );
        case "container_of_another_program":
            return t(
                "Another program made this container and signed it. Check it with that program.",
            );
        case "too_many_signatures":
            return t("It has too many signatures.");
        case "hidden_bytes":
            return t("Something was added that not all programs show.");
        case "changed_after_signing":
            return t("It was changed after it was signed.");
        case "does_not_cover_its_revision":
            return t("A signature does not cover all of it.");
        case "certified_for_another_document":
            return t("A certificate is for another document.");
        case "revoked":
            return t("A certificate had been revoked.");
        case "who_is_not_proven":
            return t("Nobody whom you trust knows the signer. Choose their certificate below.");
        case "certificate_not_for_this":
            return t("A certificate is not for this.");
        case "when_is_not_proven":
            return t("No time stamp that you trust says when.");
        case "not_time_stamped":
            return t("There is no time stamp.");
        case "revocation_unknown":
            return t("Whether a certificate was revoked is not known by now.");
        case "tail_not_time_stamped":
            return t("No time stamp closes it.");
        case "first_signature_does_not_certify":
            return t("The first signature lets others change it.");
        case "active_content":
            return t("It can change what it shows by itself.");
        case "clause_not_signed_by_its_signer":
            return t(
                "A clause that needs a signature of its own was not signed by who signed the document.",
            );
        case "signed_elsewhere":
            return t(
                "It was signed with another program, in a form that not all programs show alike.",
            );
        case "signed_an_earlier_state":
            return t("Additions after a signature were not checked.");
        case "algorithm_no_longer_trusted":
            return t("An algorithm in it is not trusted any more.");
        case "other_signatures_before":
            return t("There are older signatures in it, which were not checked.");
        default:
            return t("A signature is broken.");
    }
}

/**
 * @param {string} level
 * @param {string} registrar who has identified them in person
 * @returns {string} how a signer is known
 */
export function levelWords(level, registrar) {
    switch (level) {
        case "account":
            return t("known by their account");
        case "substantial":
            return t("identity checked");
        case "high":
            return t("identity checked in person");
        case "in_person":
            return t("identified in person by {registrar}", { registrar: registrar || "?" });
        case "seal":
            return t("seal of an organisation, no person");
        default:
            return t("the certificate does not say how they are known");
    }
}

/**
 * An authority elsewhere, as the operator of this site has named it.
 * @typedef {{name: string, isQualified: boolean, root: string, policies: string[]}} Named
 *
 * @param {import("../signatures/judging.js").Signed} one
 * @param {Named[]} named
 * @returns {Named | undefined} below which its certificate is; of several, a qualified one
 */
export function authorityOf({ isProven, root, policies }, named) {
    const found = named.filter(
        (one) =>
            isProven &&
            one.root === root &&
            (one.policies.length === 0 || one.policies.some((policy) => policies.includes(policy))),
    );
    return found.find(({ isQualified }) => isQualified) ?? found[0];
}

/**
 * @param {import("../signatures/judging.js").Signed} one that is proven
 * @param {Named[]} named
 * @returns {string} how the signer is known, and by whose word
 */
export function knownWords(one, named) {
    const authority = authorityOf(one, named);
    if (!authority) return levelWords(one.level, one.registrar);
    const { name } = authority;
    return authority.isQualified
        ? t("below {name}: qualified, according to the operator of this site", { name })
        : t("below {name}, which the operator of this site takes", { name });
}
