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
import { inDatabase } from "../../kit/database.js";

/** Of the database of keys; the SDK itself adds "::matrix-sdk-crypto". */
export const STORE = "veche";
/** Whoever holds this Web Lock runs the machine of the keys: one page of the app, or the worker. */
export const LOCK = "veche-machine";
const NAME = "session";
const KIND = {
    name: "veche-session",
    make: (/** @type {IDBDatabase} */ database) => void database.createObjectStore(NAME),
};
/** As much as the keys of a new account take. */
const ROOM_BYTES = 1_000_000;

/** @returns {Promise<Session | undefined>} */
export const loadSession = () => inDatabase(KIND, NAME, (store) => store.get(NAME));

/** @param {Session} session @throws {DOMException | Error} storage is refused or full */
export const keepSession = (session) => inDatabase(KIND, NAME, (store) => store.put(session, NAME));

/** Looks before an account is made that could not be kept. @throws {DOMException} */
export const tryStorage = () =>
    inDatabase(
        KIND,
        NAME,
        (store) => (store.put(new Uint8Array(ROOM_BYTES), "trial"), store.delete("trial")),
    );

/** Forgets the account and its keys in this browser. */
export async function forgetSession() {
    await inDatabase(KIND, NAME, (store) => store.delete(NAME));
    for (const { name } of await indexedDB.databases())
        if (name?.startsWith(STORE)) indexedDB.deleteDatabase(name);
}
