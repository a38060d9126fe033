/**
 * What this browser keeps of an account, for the app and its service worker alike: workers have no
 * localStorage. The keys lie in a database beside it, encrypted with `storeKey`: that hinders
 * whoever copies one of the two, not a script that runs on our origin.
 *
 * @typedef {object} Session
 * @property {string} baseUrl of the homeserver
 * @property {string} userId
 * @property {string} deviceId
 * @property {string} accessToken
 * @property {Uint8Array<ArrayBuffer>} storeKey 32 bytes
 * @property {string} [fingerprint] of the device, once its keys are made
 * @property {boolean} [unfinished] the recovery key was made here, or is to be, and is not confirmed yet
 */

/** Of the database of keys; the SDK itself adds "::matrix-sdk-crypto". */
export const STORE = "veche";
/** Whoever holds this Web Lock runs the machine of the keys: one page of the app, or the worker. */
export const LOCK = "veche-machine";
const DATABASE = "veche-session";
/** As much as the keys of a new account take. */
const ROOM_BYTES = 1_000_000;

/**
 * @template T
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>} once it is kept
 * @throws {DOMException} storage is refused or full
 */
function kept(work) {
    return new Promise((resolve, reject) => {
        const opening = indexedDB.open(DATABASE, 1);
        opening.addEventListener("upgradeneeded", () => {
            opening.result.createObjectStore("session");
        });
        opening.addEventListener("error", () => reject(opening.error));
        opening.addEventListener("success", () => {
            const transaction = opening.result.transaction("session", "readwrite");
            const request = work(transaction.objectStore("session"));
            transaction.addEventListener("complete", () => {
                opening.result.close();
                resolve(request.result);
            });
            transaction.addEventListener("abort", () => reject(transaction.error));
        });
    });
}

/** @returns {Promise<Session | undefined>} */
export const loadSession = () => kept((store) => store.get("session"));

/** @param {Session} session */
export const keepSession = (session) => kept((store) => store.put(session, "session"));

/** Looks before an account is made that could not be kept. @throws {DOMException} */
export const tryStorage = () =>
    kept((store) => (store.put(new Uint8Array(ROOM_BYTES), "trial"), store.delete("trial")));

/** Forgets the account and its keys in this browser. */
export async function forgetSession() {
    await kept((store) => store.delete("session"));
    for (const { name } of await indexedDB.databases())
        if (name?.startsWith(STORE)) indexedDB.deleteDatabase(name);
}
