/**
 * What the page says of sessions, parties, and what went wrong. Pure.
 *
 * @typedef {import("./types.d.ts").View} View
 */
import { roleWords } from "../approve/signing_words.js";
import { ApiError, OfflineError } from "../kit/api.js";
import { PasskeyRefusedError, StorageRefusedError } from "../kit/approval.js";
import { t } from "../kit/i18n.js";
import { StampError } from "../signatures/stamps.js";
import { shapeOf } from "./legible.js";
import { PaperError } from "./paper_error.js";
import { ProviderDown, TooLate } from "./provider_error.js";
import { MismatchError, isBlind } from "./signing.js";
import { SilentStamperError } from "./silent_stamper.js";

/**
 * @param {string} state of a party
 * @param {string} role as what they take part: a seal stands for no person, who would have signed
 * @returns {string}
 */
export function partyStateWords(state, role) {
    if (role === "seal" && state === "signed") return t("has sealed");
    switch (state) {
        case "waiting":
            return t("others come first");
        case "invited":
            return t("was asked");
        case "viewed":
            return t("has looked at it");
        case "written":
            return t("has written by hand; the witness has not signed yet");
        case "signed":
            return t("has signed");
        case "declined":
            return t("has declined");
        case "delegated":
            return t("somebody else signs instead");
        case "lapsed":
            return t("did not answer in time");
        default:
            return t("not needed any more");
    }
}

/** @param {string} state of a session in which nobody signs @returns {string} */
export function overWords(state) {
    switch (state) {
        case "sealing":
            return t("Everyone who is needed has signed. The document is being closed.");
        case "completed":
            return t("Everyone who is needed has signed, and the document is closed.");
        case "declined":
            return t("Somebody declined, so nothing is signed here any more.");
        case "expired":
            return t("The time for signing is over.");
        case "cancelled":
            return t("The person who asked for signatures has taken it back.");
        default:
            return t("There is nothing to sign here now.");
    }
}

/** @param {View} view @returns {boolean} whether it is shown to somebody without an account, who has no chat */
export function isGuest({ parties, you }) {
    return parties.some((one) => one.party === you.party && one.identified_by);
}

/** @param {View} view @returns {string} how who has signed gets the closed document */
export function copyWords(view) {
    if (isBlind(view))
        return t(
            "When everyone who is needed has signed, open this link once more: the closed document is here then, and nowhere else.",
        );
    if (isGuest(view))
        return t(
            "Keep the link of this page: it shows the document when everyone has signed. The person who asked you has it too.",
        );
    return t("When everyone who is needed has signed, the closed document comes to your chat.");
}

/**
 * @param {import("../asic/growing.js").DataFile} file that is no PDF
 * @param {boolean} isBroken whether it could not be shown
 * @returns {string} what has to be done before it can be signed
 */
export function missingParts(file, isBroken) {
    if (isBroken || shapeOf(file) === "nothing")
        return t("Look at the file with a program of your own, and say so above.");
    return t("Not all of the file was on the screen yet.");
}

/** @param {import("./paper.js").Paper} paper of what is no PDF @returns {string} as what it is saved */
export function containerName({ file, additions }) {
    const name = file?.name ?? "";
    if (additions.length === 0 && !file?.beside) return name;
    return `${name.replace(/(?<=.)\.[^.]*$/, "")}${t("-signed.asice")}`;
}

/** @param {View} view @returns {string} as what they sign, as the box in the document has it */
export function boxRole({ you, parties }) {
    const seen = parties.find(({ party }) => party === you.sees);
    if (!seen) return roleWords(you.role);
    return t("Witness: {name} signed by hand before me", { name: seen.name });
}

/** @param {"S1" | "S2" | "S3" | "S4"} level @returns {string} as the box in the document has it */
export function boxWords(level) {
    return level === "S2" ? t("Advanced electronic signature") : t("Approved");
}

/** @param {import("./signing.js").Step} step @returns {string} */
export function stepWords(step) {
    switch (step) {
        case "key":
            return t("Making a key for this one signature…");
        case "approve":
            return t("Your device's key approves it…");
        case "certificate":
            return t("Getting the certificate of the key…");
        case "sign":
            return t("Signing, and getting the time stamp…");
        case "order":
            return t("Getting the newest list of revoked certificates…");
        case "provider":
            return t("Having the digest signed at your provider…");
        case "clause":
            return t("Signing a clause by itself, and getting its time stamp…");
        case "again":
            return t("Somebody else has signed meanwhile. Signing the newer file…");
        case "close":
            return t("Everyone has signed. Closing the document with a time stamp…");
        default:
            return t("Handing the signature in…");
    }
}

/** @param {string} code of a reason to decline @returns {string} */
export function reasonWords(code) {
    switch (code) {
        case "wrong_terms":
            return t("I don't agree to what it says");
        case "wrong_person":
            return t("I am the wrong person for it");
        case "not_mine":
            return t("I have nothing to do with it");
        case "need_time":
            return t("I need more time");
        default:
            return t("Another reason");
    }
}

export const REASONS = ["wrong_terms", "wrong_person", "not_mine", "need_time", "other"];

/** @param {import("./paper_error.js").Fault} fault @returns {string} */
function faultWords(fault) {
    switch (fault) {
        case "key":
        case "blob":
            return t(
                "The document can't be opened: the link is damaged, or the file was changed. Open the link in your chat once more.",
            );
        case "deleted":
            return t(
                "The service has deleted what it kept of this document, as its people were told. People who saved the file can still check and renew it.",
            );
        case "matter":
            return t(
                "The service tells another title or other clauses than who asks you. Don't sign it; tell who sent you the link.",
            );
        case "unseen":
            return t(
                "The title, a clause or a name of this document has characters that nobody sees, or that turn others round. Don't sign it; tell who sent you the link.",
            );
        case "increment":
        case "signature":
            return t(
                "A signature of somebody else in this document does not hold. Don't sign it; tell who sent it to you.",
            );
        default:
            return t(
                "This is not the document that was agreed on: it was changed on its way. Don't sign it; tell who sent it to you.",
            );
    }
}

/** @param {unknown} error @returns {string} what happened, and what to do next */
export function explained(error) {
    if (error instanceof PaperError) return faultWords(error.fault);
    if (error instanceof PasskeyRefusedError)
        return t("Your passkey was not used, so nothing was signed. Press again to try once more.");
    if (error instanceof StorageRefusedError)
        return t(
            "This browser keeps no keys here: a private window, perhaps. Open the link in an ordinary window.",
        );
    if (error instanceof SilentStamperError)
        return t(
            "The authority for time stamps does not answer as it should. Nothing was signed now, and nothing is lost. In a few minutes press again, or open this page again; if that does not help, tell those who run this service.",
        );
    if (error instanceof StampError)
        return t("No time stamp could be got, so nothing was signed. Press again in a minute.");
    if (error instanceof MismatchError)
        return t(
            "The service gave something else than what stands on this page, so nothing was signed. Tell who sent you the link.",
        );
    if (error instanceof OfflineError)
        return t("The service can't be reached. Look at your connection, then press again.");
    if (error instanceof ProviderDown)
        return t(
            "{provider} does not answer as it should now, so nothing was signed. Press again in a minute.",
            { provider: error.provider },
        );
    if (error instanceof TooLate)
        return t(
            "You did not agree in time, or on another page, so nothing was signed. Press again.",
        );
    if (error instanceof ApiError) return apiWords(error);
    return t("Something went wrong, so nothing was signed. Reload the page and try again.");
}

const PROVIDER_SAYS = "the provider refuses: ";

/** @param {ApiError} error */
function apiWords({ status, errcode, message, body }) {
    if (errcode === "ORG.VECHE.LEVEL_TOO_LOW")
        return t("Sign in from your encrypted chat: by your homeserver alone is not enough here.");
    if (status === 404 || status === 401)
        return t("This link is not valid any more. Ask for a new one in your chat.");
    if (status === 503 || status === 429) return t("The service is busy. Press again in a moment.");
    if (status >= 500) return t("Something went wrong on our side. Press again.");
    if (errcode === "ORG.VECHE.GUARDIANS_FIRST")
        return t(
            "Persons whom you trust have to agree first, as you wanted it. They are asked; your chat tells you when you can sign.",
        );
    if (errcode === "ORG.VECHE.PROVIDER_REFUSED")
        return t("Your provider says no: {why}", { why: message.replace(PROVIDER_SAYS, "") });
    if (errcode === "ORG.VECHE.NO_PROOF")
        return t(
            "Nobody says now whether your certificate was revoked, so nothing was signed. Press again in a few minutes; if that does not help, ask who has issued it.",
        );
    if (errcode === "ORG.VECHE.LEVEL_NOT_OFFERED") return notOffered(body["why"]);
    if (errcode === "ORG.VECHE.NOT_OVER")
        return t("This document is not over yet, so it can't be deleted. Load the page again.");
    if (errcode === "ORG.VECHE.SIGNATURE_LEVEL") return tooLow(body["required"]);
    if (errcode === "ORG.VECHE.APPROVAL_CLOCK")
        return t("The clock of your device changed meanwhile. Press again.");
    return message;
}

/** @param {unknown} why @returns {string} */
function notOffered(why) {
    switch (why) {
        case "authority":
            return t(
                "Nobody can sign so here: the operator of this service has named no authority whose certificates are taken for that. Choose another kind of signature.",
            );
        case "file":
            return t(
                "Only a PDF can be signed with a certificate of one's own, and this is another file. Choose another kind of signature.",
            );
        default:
            return t(
                "People who sign in person have no certificate of their own. Choose another kind of signature.",
            );
    }
}

/** @param {unknown} required @returns {string} */
function tooLow(required) {
    switch (required) {
        case "S4":
            return t(
                "This document asks for a signature with a qualified certificate of your own: with the command veche sign, or at a provider.",
            );
        case "S3":
            return t(
                "This document asks for a signature with a certificate of your own: with the command veche sign, or at a provider.",
            );
        default:
            return t(
                "This document asks for a surer kind of signature. Open its link in your chat, and sign on the page.",
            );
    }
}
