/**
 * The keys of this device, and what they sign. A key is either a passkey, which the device uses
 * only for somebody whom it has recognised, or a P-256 key that this browser keeps and never gives
 * out. Which keys there are is kept here by person; whether a key counts, the service says.
 *
 * Only pages of their own use this: in a client's frame browsers refuse storage and passkeys.
 *
 * @typedef {"p256" | "webauthn"} KeyKind
 *
 * @typedef {object} Enrolling what an enrolment still needs
 * @property {string} enrolment id
 * @property {string} words
 * @property {Record<string, unknown>} to_sign
 * @property {number} expires_at_ms
 *
 * @typedef {object} DeviceKey
 * @property {string} id SHA-256 of the public key, base64url
 * @property {string} person Matrix id
 * @property {KeyKind} kind
 * @property {string} label
 * @property {CryptoKeyPair} [pair] of a P-256 key
 * @property {string} [credential_id] of a passkey, base64url
 * @property {Enrolling} [enrolling] while the service does not know it yet
 *
 * @typedef {{signature: string} | {webauthn: {client_data: string, authenticator_data: string,
 *   signature: string}}} Proof
 */
import { inDatabase } from "./database.js";

const STORE = "device_keys";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const PUBLIC_KEY_BYTES = 65;
const PASSKEY_MS_MAX = 120_000;

/** This browser keeps nothing for us: a private window, or storage that is switched off. */
export class StorageRefusedError extends Error {}

/** The person, or the device, did not let a passkey sign. */
export class PasskeyRefusedError extends Error {}

// Base64, as the service writes it: standard alphabet, without padding

/** @param {ArrayBuffer | Uint8Array} data */
export function base64(data) {
    let text = "";
    for (const byte of new Uint8Array(data)) text += String.fromCharCode(byte);
    return btoa(text).replace(/=+$/, "");
}

/** @param {ArrayBuffer | Uint8Array} data */
export function base64url(data) {
    return base64(data).replaceAll("+", "-").replaceAll("/", "_");
}

/** @param {string} text of either alphabet @returns {Uint8Array<ArrayBuffer>} */
export function fromBase64(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (one) => one.charCodeAt(0));
}

// What is kept

const KIND = {
    name: "veche",
    make: (/** @type {IDBDatabase} */ database) =>
        void database.createObjectStore(STORE, { keyPath: "id" }),
};

/**
 * @template T
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>} once it is durable
 * @throws {StorageRefusedError}
 */
async function kept(work) {
    try {
        return await inDatabase(KIND, STORE, work);
    } catch (error) {
        throw new StorageRefusedError("this browser keeps nothing", { cause: error });
    }
}

/** @param {string} person @returns {Promise<DeviceKey[]>} those of a person in this browser */
export async function keysHere(person) {
    /** @type {DeviceKey[]} */
    const all = await kept((store) => store.getAll());
    return all.filter((key) => key.person === person);
}

/** @param {DeviceKey} key replaces one with the same id */
export async function keepKey(key) {
    await kept((store) => store.put(key));
}

/** @param {string} id */
export async function dropKey(id) {
    await kept((store) => store.delete(id));
}

/**
 * Asks the browser not to throw our storage away when it needs room; it may say no. Nothing waits
 * for that: Firefox asks the person in a box of its own, which they may leave open.
 */
export function keepStorage() {
    navigator.storage?.persist().catch(() => {});
}

// Keys

/** @returns {Promise<{pair: CryptoKeyPair, public_key: Uint8Array<ArrayBuffer>, id: string}>} */
export async function makeBrowserKey() {
    const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    const public_key = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const id = base64url(await crypto.subtle.digest("SHA-256", public_key));
    return { pair, public_key, id };
}

/** @returns {Promise<boolean>} whether this device recognises its person and can make passkeys */
export async function hasPasskeys() {
    try {
        return await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
    } catch {
        return false; // no such interface here
    }
}

/**
 * @param {Record<string, any>} creation PublicKeyCredentialCreationOptionsJSON, by the service
 * @returns {Promise<{id: string, credential_id: string, client_data: string,
 *   attestation_object: string, transports: string[]}>} id: empty if the browser does not say it
 * @throws {PasskeyRefusedError}
 */
export async function makePasskey(creation) {
    const options = {
        ...creation,
        challenge: fromBase64(creation.challenge),
        user: { ...creation.user, id: fromBase64(creation.user.id) },
        excludeCredentials: (creation.excludeCredentials ?? []).map(withBytes),
    };
    const made = await asked(() =>
        navigator.credentials.create({ publicKey: /** @type {any} */ (options) }),
    );
    const response = /** @type {AuthenticatorAttestationResponse} */ (made.response);
    const written = response.getPublicKey?.(); // its last bytes are the point itself
    const point = written && new Uint8Array(written).slice(-PUBLIC_KEY_BYTES);
    return {
        credential_id: made.id,
        id: point ? base64url(await crypto.subtle.digest("SHA-256", point)) : "",
        client_data: base64(response.clientDataJSON),
        attestation_object: base64(response.attestationObject),
        transports: response.getTransports?.() ?? [],
    };
}

/** @param {CryptoKeyPair} pair @param {Uint8Array<ArrayBuffer>} data @returns {Promise<Proof>} */
export async function signHere(pair, data) {
    return { signature: base64(await crypto.subtle.sign(SIGNING, pair.privateKey, data)) };
}

/**
 * Has one of some passkeys sign.
 * @param {{credential_id: string, transports?: string[]}[]} passkeys
 * @param {Uint8Array<ArrayBuffer>} data
 * @returns {Promise<{credential_id: string, proof: Proof}>}
 * @throws {PasskeyRefusedError}
 */
export async function signByPasskey(passkeys, data) {
    const challenge = await crypto.subtle.digest("SHA-256", data);
    const got = await asked(() =>
        navigator.credentials.get({
            publicKey: {
                challenge,
                userVerification: "required",
                timeout: PASSKEY_MS_MAX,
                allowCredentials: passkeys.map(({ credential_id, transports }) => ({
                    type: "public-key",
                    id: fromBase64(credential_id),
                    ...(transports?.length && { transports: /** @type {any} */ (transports) }),
                })),
            },
        }),
    );
    const response = /** @type {AuthenticatorAssertionResponse} */ (got.response);
    const proof = {
        client_data: base64(response.clientDataJSON),
        authenticator_data: base64(response.authenticatorData),
        signature: base64(response.signature),
    };
    return { credential_id: got.id, proof: { webauthn: proof } };
}

/**
 * @param {() => Promise<Credential | null>} ask
 * @returns {Promise<PublicKeyCredential>}
 */
async function asked(ask) {
    try {
        const got = await ask();
        if (got instanceof PublicKeyCredential) return got;
    } catch (error) {
        throw new PasskeyRefusedError(error instanceof Error ? error.name : "refused", {
            cause: error,
        });
    }
    throw new PasskeyRefusedError("refused");
}

/** @param {{id: string}} descriptor */
function withBytes(descriptor) {
    return { ...descriptor, id: fromBase64(descriptor.id) };
}
