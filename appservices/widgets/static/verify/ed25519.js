/**
 * Signatures of Ed25519 by the one rule that holds everywhere: key and R are canonical points of
 * prime order, S is below the group's order, and the equation holds. Libraries differ in what they
 * take beside these; `veche.transparency.envelope` follows the same rule. Pure.
 */
import { isSame } from "./bytes.js";

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const IDENTITY = Uint8Array.of(1, ...Array(KEY_BYTES - 1).fill(0));

/** @typedef {[bigint, bigint, bigint, bigint]} Point extended coordinates */

/** @param {bigint} number */
function mod(number) {
    const rest = number % P;
    return rest < 0n ? rest + P : rest;
}

/** @param {bigint} base @param {bigint} exponent */
function power(base, exponent) {
    let found = 1n;
    for (let square = mod(base), left = exponent; left > 0n; left >>= 1n) {
        if (left & 1n) found = (found * square) % P;
        square = (square * square) % P;
    }
    return found;
}

const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

/** @param {Uint8Array} bytes the smallest first */
function numberOf(bytes) {
    return bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** @param {Point} one @param {Point} other @returns {Point} */
function sum([x1, y1, z1, t1], [x2, y2, z2, t2]) {
    const a = mod((y1 - x1) * (y2 - x2));
    const b = mod((y1 + x1) * (y2 + x2));
    const c = mod(2n * D * t1 * t2);
    const d = mod(2n * z1 * z2);
    const [e, f, g, h] = [b - a, d - c, d + c, b + a];
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

/** @param {Uint8Array} bytes @returns {Point | undefined} none if they are no canonical point (RFC 8032, 5.1.3) */
function decoded(bytes) {
    const sign = BigInt((bytes[KEY_BYTES - 1] ?? 0) >> 7);
    const y = numberOf(bytes) & ~(1n << 255n);
    if (y >= P) return undefined;
    const u = mod(y * y - 1n);
    const v = mod(D * y * y + 1n);
    let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
    if (mod(v * x * x) !== u) x = mod(x * ROOT_OF_MINUS_ONE);
    if (mod(v * x * x) !== u || (x === 0n && sign)) return undefined;
    if ((x & 1n) !== sign) x = P - x;
    return [x, y, 1n, mod(x * y)];
}

/** @param {Uint8Array} bytes @returns {boolean} whether they are a canonical point of prime order */
export function isKey(bytes) {
    let point = bytes.length === KEY_BYTES ? decoded(bytes) : undefined;
    if (!point || (point[0] === 0n && point[1] === 1n)) return false;
    /** @type {Point} */
    let found = [0n, 1n, 1n, 0n];
    for (let left = ORDER; left > 0n; left >>= 1n) {
        if (left & 1n) found = sum(found, point);
        point = sum(point, point);
    }
    return found[0] === 0n && found[1] === found[2];
}

/**
 * @param {import("./bytes.js").Bytes} key
 * @param {import("./bytes.js").Bytes} signature
 * @param {import("./bytes.js").Bytes} message
 * @returns {Promise<boolean>}
 * @throws {DOMException} this browser has no Ed25519
 */
export async function isSigned(key, signature, message) {
    if (!isKey(key) || signature.length !== SIGNATURE_BYTES) return false;
    // The browser compares R with [S]B - [k]A: of a key of prime order that is of prime order too,
    // or the identity.
    if (numberOf(signature.slice(KEY_BYTES)) >= ORDER) return false;
    if (isSame(signature.slice(0, KEY_BYTES), IDENTITY)) return false;
    const read = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return crypto.subtle.verify("Ed25519", read, signature, message);
}
