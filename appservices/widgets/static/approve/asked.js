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
import { plural, showDateTime, showMoney, showNumber, t } from "../kit/i18n.js";
import { effectWords, levelWords, papersWords, roleWords } from "./signing_words.js";

const NONCE = /^[a-z2-7]{32}$/;
const FRAGMENT_CHARACTERS_MAX = 100_000;
const TEXTS = {
    payment: ["payee", "payee_name", "reference"],
    release: ["to", "service", "number"],
    signature: [
        "title",
        "sha256",
        "requester",
        "session",
        "party",
        "role",
        "level",
        "code",
        "parties_sha256",
        "effect",
        "read",
    ],
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
/** A word that somebody gives, such as on whom they have seen: see `IDENTIFIED` in evidence.py. */
const WORD = "identified ";
/** That a signer declined before somebody: a word, too. */
const DECLINED = "declined ";
/** That a party acts themselves again is done once, and is no permission that lasts. */
const TAKEN_BACK = /^delegated .* taken-back$/;
/** That somebody stands before a registrar: a word, too. */
const PRESENT = "present ";
const OTHERS = {
    payment: ["amount"],
    release: ["values"],
    signature: ["size", "pages", "clauses", "key", "documents", "hand"],
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
    if (!isObject(shown)) return false;
    const texts = TEXTS[/** @type {Kind} */ (kind)].map((name) => veiled(name, shown));
    const others = OTHERS[/** @type {Kind} */ (kind)];
    if (!hasOnly(shown, [...texts, ...others])) return false;
    return texts.every((name) => typeof shown[name] === "string") && isWhole(kind, shown);
}

/**
 * Of a document that the service can't read, the digest of its title stands for the title.
 * @param {string} name of a field
 * @param {Record<string, any>} shown
 * @returns {string}
 */
function veiled(name, shown) {
    return name === "title" && shown.title === undefined ? "title_sha256" : name;
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
    if (kind === "signature") return isSignature(shown);
    if (kind !== "mandate") return true;
    const { cap, period, until_ms } = shown;
    return (
        (cap == null || isMoney(cap)) &&
        (period == null || ["day", "week", "month", "year"].includes(period)) &&
        (until_ms == null || Number.isSafeInteger(until_ms))
    );
}

/** Of one of several documents: all texts but those of the signature itself. */
const OF_ONE = TEXTS.signature.filter((name) => name !== "level" && name !== "read");

/** @param {any} one */
function isDocument(one) {
    if (!isObject(one) || !hasOnly(one, [...OF_ONE, "size", "pages", "hand"])) return false;
    return OF_ONE.every((name) => typeof one[name] === "string") && isSigned(one);
}

/** @param {Record<string, any>} shown */
function isSigned({ size, pages, role, effect, hand }) {
    return (
        (hand == null || isHand(hand)) &&
        Number.isSafeInteger(size) &&
        Number.isSafeInteger(pages) &&
        ["signer", "clerk", "approver", "witness"].includes(role) &&
        ["when_complete", "each"].includes(effect)
    );
}

const HAND = ["party", "name", "papers", "drawing", "record"];
const PAPERS = new Set(["passport", "identity_card", "residence_permit", "driving_licence"]);

/** @param {any} hand what a witness has seen somebody write by hand */
function isHand(hand) {
    return (
        isObject(hand) &&
        hasOnly(hand, HAND) &&
        HAND.every((name) => typeof hand[name] === "string") &&
        PAPERS.has(hand.papers)
    );
}

/** @param {Record<string, any>} shown */
function isSignature({ clauses = [], key, level, read, documents = [], ...facts }) {
    return (
        isSigned(facts) &&
        (key == null || typeof key === "string") &&
        Array.isArray(documents) &&
        documents.every(isDocument) &&
        ["S1", "S2", "S3", "S4"].includes(level) &&
        ["all_pages", "elsewhere"].includes(read) &&
        Array.isArray(clauses) &&
        clauses.every(
            (one) =>
                isObject(one) &&
                hasOnly(one, ["id", veiled("title", one), "accepted"]) &&
                typeof one.id === "string" &&
                typeof one[veiled("title", one)] === "string" &&
                typeof one.accepted === "boolean",
        )
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
            if ([WORD, DECLINED, PRESENT].some((one) => shown.what.startsWith(one)))
                return word(shown);
            return isDeed(shown.what) ? deed(shown) : mandate(shown);
    }
}

/** @param {string} what @returns {boolean} */
function isDeed(what) {
    return DEEDS.has(what) || TAKEN_BACK.test(what);
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
    const { clauses = [], key, documents = [] } = shown;
    const count = documents.length;
    const title = shown.title ?? t("Private document");
    return {
        title: t("You sign"),
        hero: count > 0 ? plural("{count} document", "{count} documents", count) : title,
        facts: [
            { name: t("Asked by"), value: shown.requester },
            { name: t("Code of the document"), value: shown.code, isCode: true },
            // What is no PDF has none.
            ...(shown.pages ? [{ name: t("Pages"), value: showNumber(shown.pages) }] : []),
            { name: t("Bytes"), value: showNumber(shown.size) },
            { name: t("You sign as"), value: roleWords(shown.role) },
            { name: t("Kind of signature"), value: levelWords(shown.level) },
            { name: t("It counts"), value: effectWords(shown.effect) },
            shown.pages
                ? { name: t("The pages"), value: readWords(shown.read) }
                : { name: t("The file"), value: lookedWords(shown.read) },
            ...handFacts(shown.hand),
            ...clauses.map((/** @type {Record<string, any>} */ one) => ({
                name: t("Clause {id}", { id: one.id }),
                value: `${one.title ?? one.title_sha256}: ${one.accepted ? t("I agree") : t("I don't agree")}`,
            })),
            ...documents.map(
                (/** @type {Record<string, any>} */ one, /** @type {number} */ at) => ({
                    name: t("Document {number}", { number: showNumber(at + 1) }),
                    value: listed(one),
                }),
            ),
            ...(shown.title_sha256
                ? [{ name: t("Fingerprint of the title"), value: shown.title_sha256, isCode: true }]
                : []),
            { name: t("Fingerprint of the file"), value: shown.sha256, isCode: true },
            { name: t("Fingerprint of who signs"), value: shown.parties_sha256, isCode: true },
            ...(key ? [{ name: t("Fingerprint of the new key"), value: key, isCode: true }] : []),
            { name: t("Number"), value: `${shown.session} ${shown.party}`, isCode: true },
        ],
        press: t("Sign"),
        done: t("You signed {title}.", { title }),
    };
}

/** @param {Record<string, any> | null | undefined} hand @returns {Fact[]} */
function handFacts(hand) {
    if (!hand) return [];
    return [
        {
            name: t("You saw"),
            value: t("{name} ({papers}) wrote this by hand and agreed to it", {
                name: hand.name,
                papers: papersWords(hand.papers),
            }),
        },
        { name: t("Who wrote"), value: hand.party, isCode: true },
        { name: t("Fingerprint of what was written"), value: hand.drawing, isCode: true },
        { name: t("Fingerprint of what was agreed to"), value: hand.record, isCode: true },
    ];
}

/** @param {Record<string, any>} one of several documents @returns {string} all that is signed of it */
function listed(one) {
    const pages = plural("{count} page", "{count} pages", one.pages);
    const told = [
        one.title,
        t("Asked by {name}", { name: one.requester }),
        `${pages}, ${showNumber(one.size)} B`,
        t("Code {code}", { code: one.code }),
        roleWords(one.role),
        effectWords(one.effect),
    ];
    const codes = [one.sha256, one.parties_sha256, `${one.session} ${one.party}`];
    const hand = handFacts(one.hand).map(({ name, value }) => `${name}: ${value}`);
    return [...told, ...hand, ...codes].join(" · ");
}

/** @param {"all_pages" | "elsewhere"} read of what is no PDF */
function lookedWords(read) {
    return read === "all_pages" ? t("was on the screen") : t("was looked at elsewhere");
}

/** @param {"all_pages" | "elsewhere"} read */
function readWords(read) {
    return read === "all_pages" ? t("were all on the screen") : t("were read elsewhere");
}

/** @param {Record<string, any>} shown @returns {Sheet} */
function word({ what, text }) {
    return {
        title: t("You say"),
        hero: text,
        facts: [{ name: t("Number"), value: what.slice(what.indexOf(" ") + 1), isCode: true }],
        press: t("Confirm"),
        done: t("You confirmed it."),
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
        press: t("Confirm"),
        done: t("You confirmed it."),
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
