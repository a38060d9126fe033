/**
 * What the person has typed and what is not sent yet, kept on this device: nothing of it is lost
 * when the page is closed. Where storage is refused or full, it lives as long as the page.
 *
 * @typedef {object} Outgoing
 * @property {string} txn id by which the homeserver knows that it has it already
 * @property {string} room
 * @property {Record<string, any>} content
 * @property {number} at_ms
 */
import { inDatabase } from "../../kit/database.js";

/** Not forgotten with the account if that is lost: whoever signs in again goes on. */
const DATABASE = "typed";
const DRAFTS = "drafts";
const OUTGOING = "outgoing";
/** Beside the drafts: whose all this is. */
const OWNER = "owner";

/** @type {Map<string, string>} */
const drafts = new Map();
const KIND = {
    name: DATABASE,
    make: (/** @type {IDBDatabase} */ database) => {
        for (const store of [DRAFTS, OUTGOING]) database.createObjectStore(store);
    },
};

/**
 * @template T
 * @param {string} store
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T | undefined>} undefined if storage is refused or full, too
 */
const inStore = (store, work) => inDatabase(KIND, store, work).catch(() => undefined);

/** Forgets what somebody else has typed here. @param {string} userId who types from now on */
export async function keepFor(userId) {
    const owner = await inStore(DRAFTS, (store) => store.get(OWNER));
    if (owner && owner !== userId)
        for (const name of [DRAFTS, OUTGOING]) await inStore(name, (store) => store.clear());
    await inStore(DRAFTS, (store) => store.put(userId, OWNER));
}

/** @returns {Promise<number>} how many texts and messages are not sent */
export async function countKept() {
    const texts = (await inStore(DRAFTS, (store) => store.count())) ?? 1;
    return texts - 1 + (await allOutgoing()).length;
}

/** The person signs out: what they have typed goes with them. */
export function forgetTyped() {
    drafts.clear();
    indexedDB.deleteDatabase(DATABASE);
}

/** @param {string} room @returns {Promise<string>} what was typed there and not sent */
export async function draftOf(room) {
    return drafts.get(room) ?? String((await inStore(DRAFTS, (store) => store.get(room))) ?? "");
}

/** @param {string} room @param {string} text empty: there is none any more */
export async function keepDraft(room, text) {
    drafts.set(room, text);
    await inStore(
        DRAFTS,
        (store) =>
            /** @type {IDBRequest<unknown>} */ (text ? store.put(text, room) : store.delete(room)),
    );
}

/** @param {Outgoing} one */
export const keepOutgoing = (one) => inStore(OUTGOING, (store) => store.put(one, one.txn));

/** @param {string} txn */
export const forgetOutgoing = (txn) => inStore(OUTGOING, (store) => store.delete(txn));

/** @returns {Promise<Outgoing[]>} oldest first */
export async function allOutgoing() {
    const all = (await inStore(OUTGOING, (store) => store.getAll())) ?? [];
    return all.toSorted(
        (/** @type {Outgoing} */ a, /** @type {Outgoing} */ b) => a.at_ms - b.at_ms,
    );
}
