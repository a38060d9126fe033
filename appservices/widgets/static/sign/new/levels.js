/**
 * By which certificates of their own people can sign here: those for which the operator has named an
 * authority.
 *
 * @typedef {"S3" | "S4"} Own
 */
import { call } from "../../kit/api.js";
import { t } from "../../kit/i18n.js";

const AUTHORITIES = "/_veche/signing/v1/authorities";
/** @type {readonly Own[]} */
export const OWN = ["S3", "S4"];

/**
 * @returns {Promise<Own[] | undefined>} none: the service did not say, and decides once it is sent
 */
export async function ownLevels() {
    try {
        const { authorities } = await call("GET", AUTHORITIES);
        const levels = authorities.map((/** @type {{level: Own}} */ { level }) => level);
        // Whoever is taken for a qualified signature is taken for one that need not be.
        return OWN.filter((own) => levels.some((/** @type {Own} */ one) => one >= own));
    } catch {
        return undefined;
    }
}

/**
 * @param {Own[] | undefined} own that are offered
 * @param {Own | undefined} chosen one that was chosen before stays to be seen
 * @returns {[string, string][]} by which key somebody signs
 */
export function levelChoices(own, chosen) {
    /** @type {[Own, string][]} */
    const all = [
        ["S3", t("with a certificate of their own")],
        ["S4", t("with a qualified certificate of their own")],
    ];
    const found = all.filter(([level]) => !own || own.includes(level) || level === chosen);
    return [["", t("as everybody")], ...found];
}

/**
 * @param {Own[] | undefined} own that are offered
 * @param {number} pages of the document
 * @returns {string} why the others are not; empty: all are
 */
export function whyFewer(own, pages) {
    if (pages === 0)
        return t(
            "Only a PDF can be signed with a certificate of one's own, and has boxes for signatures and clauses.",
        );
    if (!own || own.length === OWN.length) return "";
    if (own.length > 0)
        return t(
            "With a qualified certificate of their own nobody can sign here: the operator of this service has named no authority whose certificates are qualified.",
        );
    return t(
        "With a certificate of their own nobody can sign here: the operator of this service has named no authority whose certificates are taken.",
    );
}
