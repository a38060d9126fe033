/**
 * How documents and increments are encrypted, as `appservices.signing.keys.document_cipher` does: 12 bytes of
 * chance, the ciphertext, the tag; what it is for is authenticated. Pure.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { joined, utf8 } from "../verify/bytes.js";

const NONCE_BYTES = 12;
const NAME = "AES-GCM";
/** What the document is for. */
export const DOCUMENT = "veche.signing.blob";
/** What the list of all that waits for a person is for. */
export const WAITING = "veche.signing.waiting";

/** @param {number} number @returns {string} what the increment of a revision is for */
export function incrementOf(number) {
    return `veche.signing.${number}`;
}

/** @param {Bytes} key 32 bytes @returns {Promise<CryptoKey>} */
export function importKey(key) {
    return crypto.subtle.importKey("raw", key, NAME, false, ["encrypt", "decrypt"]);
}

/** @param {CryptoKey} key @param {Bytes} data @param {string} purpose @returns {Promise<Bytes>} */
export async function encrypt(key, data, purpose) {
    const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const how = { name: NAME, iv, additionalData: utf8(purpose) };
    return joined(iv, new Uint8Array(await crypto.subtle.encrypt(how, key, data)));
}

/**
 * @param {CryptoKey} key
 * @param {Bytes} data
 * @param {string} purpose
 * @returns {Promise<Bytes | undefined>} none: it is of another key or purpose, or was changed
 */
export async function decrypt(key, data, purpose) {
    const iv = data.subarray(0, NONCE_BYTES);
    const how = { name: NAME, iv, additionalData: utf8(purpose) };
    return crypto.subtle.decrypt(how, key, data.subarray(NONCE_BYTES)).then(
        (plain) => new Uint8Array(plain),
        () => undefined,
    );
}
