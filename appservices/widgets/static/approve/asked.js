/**
 * What is asked, and how it is shown: every field that will be signed, and nothing else. Pure.
 *
 * @typedef {"payment" | "release" | "signature" | "mandate"} Kind
 * @typedef {{kind: Kind, nonce: string, person: string, shown: Record<string, any>}} Asked
 *
 * @typedef {object} Fact
 * @property {string} name
 * @property {string} value
 * @property {boolean} [isCode] to be compared letter by letter
 *
 * @typedef {object} Sheet
 * @property {string} title what is done
 * @property {string} hero what it is all about, largest
 * @property {Fact[]} facts
 * @property {string} press words of the button
 * @property {string} done words when it is approved
 */
import { showDateTime, showMoney, t } from "../kit/i18n.js";

const NONCE = /^[a-z2-7]{32}$/;
const FRAGMENT_CHARACTERS_MAX = 100_000;
const TEXTS = {
    payment: ["payee", "payee_name", "reference"],
    release: ["to", "service", "number"],
    signature: ["title", "sha256", "requester"],
    mandate: ["what", "text"],
};
/** What is done once by a key, and is no permission that lasts: see docs/explanation/approvals.md. */
const DEEDS = new Set([
    "escrow.fund",
    "escrow.decide",
    "dispute.open",
    "dispute.agree",
    "dispute.decide",
]);
const OTHERS = {
    payment: ["amount"],
    release: ["values"],
    signature: [],
    mandate: ["cap", "period", "until_ms"],
};

/**
 * @param {string} hash of the address
 * @returns {{nonce: string, asked?: Record<string, any>} | undefined} none if it is damaged
 */
export function readFragment(hash) {
    if (hash.length > FRAGMENT_CHARACTERS_MAX) return undefined;
    try {
        const text = decodeURIComponent(hash.slice(1));
        if (NONCE.test(text)) return { nonce: text };
        const asked = JSON.parse(text);
        return NONCE.test(asked?.nonce) ? { nonce: asked.nonce, asked } : undefined;
    } catch {
        return undefined;
    }
}

/**
 * Whether something is of a form that this page can show to the last field. A field that it does
 * not know would be signed without being seen.
 * @param {any} asked
 * @returns {asked is Asked}
 */
export function isShowable(asked) {
    if (!isObject(asked) || !hasOnly(asked, ["kind", "nonce", "person", "shown"])) return false;
    const { kind, nonce, person, shown } = asked;
    if (!Object.hasOwn(TEXTS, kind) || !NONCE.test(nonce) || typeof person !== "string")
        return false;
    const texts = TEXTS[/** @type {Kind} */ (kind)];
    const others = OTHERS[/** @type {Kind} */ (kind)];
    if (!isObject(shown) || !hasOnly(shown, [...texts, ...others])) return false;
    return texts.every((name) => typeof shown[name] === "string") && isWhole(kind, shown);
}

/** @param {string} kind @param {Record<string, any>} shown */
function isWhole(kind, shown) {
    if (kind === "payment") return isMoney(shown.amount);
    if (kind === "release")
        return (
            Array.isArray(shown.values) &&
            shown.values.every(
                (one) =>
                    isObject(one) &&
                    hasOnly(one, ["label", "value"]) &&
                    typeof one.label === "string" &&
                    typeof one.value === "string",
            )
        );
    if (kind !== "mandate") return true;
    const { cap, period, until_ms } = shown;
    return (
        (cap == null || isMoney(cap)) &&
        (period == null || ["day", "week", "month", "year"].includes(period)) &&
        (until_ms == null || Number.isSafeInteger(until_ms))
    );
}

/** @param {any} value */
function isMoney(value) {
    return (
        isObject(value) &&
        hasOnly(value, ["minor", "currency"]) &&
        Number.isSafeInteger(value.minor) &&
        /^[A-Z]{3}$/.test(value.currency)
    );
}

/** @param {Record<string, any>} value @param {string[]} names */
function hasOnly(value, names) {
    return Object.keys(value).every((name) => names.includes(name));
}

/** @param {any} value @returns {value is Record<string, any>} */
function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {Asked} asked @returns {Sheet} in the person's language */
export function sheetOf({ kind, shown }) {
    switch (kind) {
        case "payment":
            return payment(shown);
        case "release":
            return release(shown);
        case "signature":
            return signature(shown);
        default:
            return DEEDS.has(shown.what) ? deed(shown) : mandate(shown);
    }
}

/** @param {Record<string, any>} shown @returns {Sheet} */
function payment(shown) {
    const amount = showMoney(shown.amount);
    return {
        title: t("You pay"),
        hero: amount,
        facts: [
            { name: t("To"), value: shown.payee_name },
            { name: t("Account"), value: shown.payee, isCode: true },
            { name: t("For"), value: shown.reference },
        ],
        press: t("Pay {amount}", { amount }),
        done: t("You approved the payment of {amount}.", { amount }),
    };
}

/** @param {Record<string, any>} shown @returns {Sheet} */
function release(shown) {
    return {
        title: t("You give data to"),
        hero: shown.to,
        facts: [
            { name: t("For"), value: shown.service },
            { name: t("Number"), value: shown.number, isCode: true },
            ...shown.values.map((/** @type {{label: string, value: string}} */ one) => ({
                name: one.label,
                value: one.value,
            })),
        ],
        press: t("Give these data"),
        done: t("You gave the data to {office}.", { office: shown.to }),
    };
}

/** @param {Record<string, any>} shown @returns {Sheet} */
function signature(shown) {
    return {
        title: t("You sign"),
        hero: shown.title,
        facts: [
            { name: t("Asked by"), value: shown.requester },
            { name: t("Fingerprint of the file"), value: shown.sha256, isCode: true },
        ],
        press: t("Sign"),
        done: t("You signed {title}.", { title: shown.title }),
    };
}

/** @param {Record<string, any>} shown @returns {Sheet} */
function deed({ what, text, cap, period, until_ms }) {
    return {
        title: t("You approve"),
        hero: text,
        facts: [
            ...(cap ? [{ name: t("Amount"), value: capWords(showMoney(cap), period) }] : []),
            ...(!cap && period ? [{ name: t("Each"), value: capWords("", period) }] : []),
            ...(until_ms == null ? [] : [{ name: t("Until"), value: showDateTime(until_ms) }]),
            { name: t("Kind of approval"), value: what, isCode: true },
        ],
        press: t("Approve"),
        done: t("You approved it."),
    };
}

/** @param {Record<string, any>} shown @returns {Sheet} */
function mandate({ what, text, cap, period, until_ms }) {
    return {
        title: t("You allow"),
        hero: text,
        facts: [
            ...(cap ? [{ name: t("At most"), value: capWords(showMoney(cap), period) }] : []),
            ...(!cap && period ? [{ name: t("Each"), value: capWords("", period) }] : []),
            {
                name: t("Until"),
                value: until_ms == null ? t("you take it back") : showDateTime(until_ms),
            },
            { name: t("Kind of permission"), value: what, isCode: true },
        ],
        press: t("Allow"),
        done: t("You allowed it."),
    };
}

/** @param {string} amount @param {string | null | undefined} period */
function capWords(amount, period) {
    switch (period) {
        case "day":
            return t("{amount} a day", { amount });
        case "week":
            return t("{amount} a week", { amount });
        case "month":
            return t("{amount} a month", { amount });
        case "year":
            return t("{amount} a year", { amount });
        default:
            return amount;
    }
}
