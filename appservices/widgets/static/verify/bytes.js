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
export async function sha256(...parts) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
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
