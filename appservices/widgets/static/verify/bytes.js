/** Bytes, hashes and base64, as receipts and notes have them. Pure. */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/** @param {string} text @returns {Bytes} in UTF-8 */
export function utf8(text) {
    return new TextEncoder().encode(text);
}

/** @param {Uint8Array[]} parts @returns {Bytes} */
export function joined(...parts) {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
        whole.set(part, at);
        at += part.length;
    }
    return whole;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function isSame(one, other) {
    return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** @param {Uint8Array[]} parts @returns {Promise<Bytes>} SHA-256 */
export function sha256(...parts) {
    return digested("SHA-256", parts);
}

/** Above it a copy counts. */
const LARGE_BYTES = 1024 * 1024;

/**
 * The digest of parts one after the other. Nothing that is large is copied: WebCrypto does that once
 * itself, while it is called, and lets go of its copy only once the task ends in which it tells the digest:
 * whoever goes on there with another digest would have two copies.
 * @param {string} hash as WebCrypto calls it
 * @param {Uint8Array[]} parts
 * @returns {Promise<Bytes>}
 */
export async function digested(hash, parts) {
    const [one, other, ...more] = /** @type {Bytes[]} */ (parts);
    const isAround = one && other && more.length === 0 && isBehind(one, other);
    const pending = isAround
        ? around(hash, one, other)
        : crypto.subtle.digest(hash, one && !other ? one : joined(...parts));
    const digest = new Uint8Array(await pending);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length >= LARGE_BYTES) await new Promise((resolve) => setTimeout(resolve));
    return digest;
}

/** @param {Bytes} one @param {Bytes} other @returns {boolean} whether it is a later part of the same file */
function isBehind({ buffer, byteOffset, length }, other) {
    return buffer === other.buffer && byteOffset + length <= other.byteOffset;
}

/**
 * The digest of a file without its hole: what is behind it stands in the hole for as long as
 * WebCrypto copies. If a browser copied later, the digest would be another one, and nothing believed.
 * @param {string} hash
 * @param {Bytes} one
 * @param {Bytes} other
 * @returns {Promise<ArrayBuffer>}
 */
function around(hash, { buffer, byteOffset, length }, other) {
    const whole = new Uint8Array(buffer, byteOffset, length + other.length);
    const kept = whole.slice(length);
    whole.set(other, length);
    try {
        return crypto.subtle.digest(hash, whole);
    } finally {
        whole.set(kept, length);
    }
}

/** @param {Uint8Array} bytes @returns {string} lower-case hex digits */
export function hex(bytes) {
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {number} number @returns {Bytes} eight bytes, the largest first */
export function eightBytes(number) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
    return bytes;
}

/**
 * Padded base64, in the one form in which it is written.
 * @param {string} text
 * @returns {Bytes | undefined} none if it is of another form
 */
export function fromPadded(text) {
    try {
        const plain = atob(text);
        if (btoa(plain) !== text) return undefined;
        return Uint8Array.from(plain, (one) => one.charCodeAt(0));
    } catch {
        return undefined;
    }
}

/** @param {string} text unpadded base64 @returns {Bytes | undefined} as `fromPadded` */
export function fromUnpadded(text) {
    return text.endsWith("=") ? undefined : fromPadded(text + "=".repeat(-text.length & 3));
}
