/**
 * Encrypted files of Matrix (client-server API, "Sending encrypted attachments"): AES-CTR with 256
 * bits, and the digest of the ciphertext. Pure.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { base64, fromBase64 } from "./approval.js";

const NAME = "AES-CTR";
const IV_BYTES = 16;
/** The upper half of the counter is chance and stays. */
const COUNTER_BITS = 64;

/**
 * @param {Bytes} cipher
 * @param {Record<string, any>} file `EncryptedFile`, as a message has it
 * @returns {Promise<Bytes | undefined>} none: it is another file, or the key is none
 */
export async function openAttachment(cipher, { v, key, iv, hashes }) {
    const digest = base64(await crypto.subtle.digest("SHA-256", cipher));
    if (v !== "v2" || hashes?.sha256 !== digest || typeof iv !== "string") return undefined;
    const counter = fromBase64(iv);
    if (counter.length !== IV_BYTES) return undefined;
    try {
        const held = await crypto.subtle.importKey("jwk", key, NAME, false, ["decrypt"]);
        const how = { name: NAME, counter, length: COUNTER_BITS };
        return new Uint8Array(await crypto.subtle.decrypt(how, held, cipher));
    } catch {
        return undefined;
    }
}

/**
 * @param {Bytes} plain
 * @returns {Promise<{cipher: Bytes, file: Record<string, any>}>} what to upload, and the
 *   `EncryptedFile` that opens it, without its address
 */
export async function sealAttachment(plain) {
    const how = { name: NAME, length: 256 };
    const key = await crypto.subtle.generateKey(how, true, ["encrypt", "decrypt"]);
    const counter = new Uint8Array(IV_BYTES);
    crypto.getRandomValues(counter.subarray(0, IV_BYTES / 2));
    const asked = { name: NAME, counter, length: COUNTER_BITS };
    const cipher = new Uint8Array(await crypto.subtle.encrypt(asked, key, plain));
    const file = {
        v: "v2",
        key: await crypto.subtle.exportKey("jwk", key),
        iv: base64(counter),
        hashes: { sha256: base64(await crypto.subtle.digest("SHA-256", cipher)) },
    };
    return { cipher, file };
}
