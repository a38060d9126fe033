/** The form of receipts and of acts, as the models of `veche.protocol` have it. Pure. */

/** @typedef {(value: any) => boolean} Check */

const DEEP = 2 ** 53 - 1;
const PLACES = 8192;

/** @param {number} least @param {number} most @returns {Check} */
function integer(least, most) {
    return (value) => typeof value === "number" && value >= least && value <= most;
}

/** @param {number} least @param {number} most @returns {Check} counted in whole characters */
function text(least, most) {
    return (value) => {
        if (typeof value !== "string") return false;
        const { length } = [...value];
        return length >= least && length <= most;
    };
}

/** @param {RegExp} pattern @returns {Check} */
function formed(pattern) {
    return (value) => typeof value === "string" && pattern.test(value);
}

/** @param {Check} check @param {number} most @returns {Check} */
function list(check, most) {
    return (value) => Array.isArray(value) && value.length <= most && value.every(check);
}

/** @param {Check} check @returns {Check} */
function optional(check) {
    return (value) => value === undefined || value === null || check(value);
}

/** @param {Check} check @returns {Check} as `optional`, but null is something else */
function orAbsent(check) {
    return (value) => value === undefined || check(value);
}

/** @param {Record<string, Check>} fields others may be there too @returns {Check} */
function object(fields) {
    return (value) =>
        isObject(value) &&
        Object.entries(fields).every(([name, check]) =>
            check(Object.hasOwn(value, name) ? value[name] : undefined),
        );
}

/** @param {unknown} value @returns {value is Record<string, any>} */
export function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

const ULID = formed(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
const HASH = formed(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/);
const SERVER = formed(/^[!-~]{1,230}$/);
const AT = integer(0, DEEP);

export const isReceipt = object({
    v: integer(1, 1),
    id: ULID,
    payment: ULID,
    payer_ref: formed(/^[A-Za-z0-9+/]{21}[AQgw]$/),
    payee: text(1, 255),
    amount: object({ minor: integer(-DEEP, DEEP), currency: formed(/^[A-Z]{3}$/) }),
    at_ms: AT,
    reference: text(0, 140),
    refund_of: optional(ULID),
    lines_sha256: optional(HASH),
    between: optional(object({ payer: SERVER, payee: SERVER })),
    ledger_proof: object({
        leaf: text(2, 1024),
        index: integer(0, PLACES - 1),
        block: object({
            seq: integer(1, Math.floor(DEEP / PLACES)),
            at_ms: AT,
            n: integer(1, PLACES),
            prev: HASH,
            root: HASH,
        }),
        path: list(HASH, 32),
    }),
});

export const isActs = object({
    v: integer(1, 1),
    checkpoint: text(1, 16_384),
    acts: list(
        object({
            e: text(2, 512),
            bound: HASH,
            salt: HASH,
            opening: isObject,
            index: integer(0, DEEP),
            path: list(HASH, 63),
        }),
        400,
    ),
    witnessed: optional(object({ checkpoint: text(1, 16_384), consistency: list(HASH, 63) })),
});

const WORDS = text(0, 1024);
const ANY = text(0, Infinity);

/** What an opening says, for whoever reads it. */
export const isOpening = object({
    act: ANY,
    agency: ANY,
    actor: WORDS,
    subject: ANY,
    seq: integer(1, DEEP),
    prev: ANY,
    ts: integer(0, 253_402_300_799_999),
    purpose: WORDS,
    basis: WORDS,
    why: orAbsent(WORDS),
    case: orAbsent(WORDS),
});

export const isPublished = object({ path: list(HASH, 63), checkpoint: text(1, 16_384) });

/** @param {...string} words @returns {Check} */
function oneOf(...words) {
    return (value) => typeof value === "string" && words.includes(value);
}

const NAME = text(1, 255);

/** The payload of a receipt of delivery. */
export const isDelivery = object({
    v: integer(1, 1),
    id: NAME,
    organisation: NAME,
    sender: NAME,
    recipient: NAME,
    case: NAME,
    event_id: (value) => value === null || NAME(value),
    sha256: formed(/^[0-9a-f]{64}$/),
    of: oneOf("text", "file"),
    evidence: oneOf("module", "absent"),
    rule: (value) =>
        value === null ||
        object({
            after: oneOf("accepted", "delivered"),
            days: integer(0, 365),
            law: text(1, 2_000),
        })(value),
    stages: list(
        object({
            stage: oneOf("accepted", "delivered", "displayed", "deemed", "lost"),
            how: oneOf(
                "outbox",
                "acknowledged",
                "stored",
                "answer",
                "read_receipt",
                "rule",
                "refused",
            ),
            at_ms: AT,
        }),
        5,
    ),
    at_ms: AT,
});
