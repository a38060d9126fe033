/**
 * Matrix' canonical JSON: the bytes that are signed, the same as `veche.protocol.canonical` writes.
 * Whatever two readers could see differently is refused. Pure.
 *
 * Source: Matrix spec v1.18, appendices, "Canonical JSON".
 */

const DEPTH_MAX = 32;

/**
 * @param {unknown} value objects, lists, texts, safe integers, booleans and null
 * @returns {string}
 * @throws {TypeError} it has no canonical form
 */
export function canonical(value) {
    return written(value, DEPTH_MAX);
}

/** @param {unknown} value @returns {Uint8Array<ArrayBuffer>} in UTF-8 */
export function canonicalBytes(value) {
    return new TextEncoder().encode(canonical(value));
}

/** @param {unknown} value @param {number} depth @returns {string} */
function written(value, depth) {
    switch (typeof value) {
        case "string":
            return writtenText(value);
        case "boolean":
            return String(value);
        case "number":
            if (!Number.isSafeInteger(value)) throw new TypeError("not a safe integer");
            return String(value === 0 ? 0 : value); // never "-0"
        case "object":
            break;
        default:
            throw new TypeError(`${typeof value} has no place in canonical JSON`);
    }
    if (value === null) return "null";
    if (depth === 0) throw new TypeError("nested too deeply");
    if (Array.isArray(value)) return `[${value.map((one) => written(one, depth - 1)).join(",")}]`;
    const fields = Object.entries(value).toSorted(([a], [b]) => byCodePoints(a, b));
    return `{${fields.map(([key, one]) => `${writtenText(key)}:${written(one, depth - 1)}`).join(",")}}`;
}

/** @param {string} text @returns {string} */
function writtenText(text) {
    if (/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text))
        throw new TypeError("half a character");
    return JSON.stringify(text);
}

/**
 * JavaScript compares halves of characters, which puts U+10000 before U+E000.
 * @param {string} a @param {string} b
 */
function byCodePoints(a, b) {
    const [left, right] = [[...a], [...b]];
    for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
        const way = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
        if (way) return way;
    }
    return left.length - right.length;
}
