/**
 * What somebody has prepared and not sent: kept in this browser, so that a reload loses nothing, and
 * wiped once it is sent or they sign out. The link of what was sent stays until they have it.
 *
 * @typedef {import("./rows.js").Form} Form
 *
 * @typedef {object} Draft
 * @property {Uint8Array<ArrayBuffer>} [file] as it was chosen
 * @property {string} filename
 * @property {Form} form
 *
 * @typedef {object} Sent
 * @property {string} link
 * @property {string} code
 * @property {string} title
 * @property {string[]} people accounts to whom the link has to go
 * @property {import("../link.js").Link} own of who asks
 * @property {boolean} [isOut] whether its people were asked; before, its key is here alone
 */
import { inDatabase } from "../../kit/database.js";

const STORE = "drafts";
const [DRAFT, SENT] = ["draft", "sent"];

const KIND = {
    name: "veche-sign-new",
    make: (/** @type {IDBDatabase} */ database) => void database.createObjectStore(STORE),
};

/**
 * @param {(store: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>} once it is durable; nothing where this browser keeps nothing
 */
const kept = (work) => inDatabase(KIND, STORE, work).catch(() => undefined);

/** @returns {Promise<Draft | undefined>} */
export function draftHere() {
    return kept((store) => store.get(DRAFT));
}

/** @param {Draft} draft */
export async function keepDraft(draft) {
    await kept((store) => store.put(draft, DRAFT));
}

/** @returns {Promise<Sent[]>} the oldest first */
export async function sentHere() {
    const held = await kept((store) => store.get(SENT));
    return held === undefined ? [] : [held].flat();
}

/** @param {Sent[]} sent */
export async function keepSent(sent) {
    await kept((store) => store.put(sent, SENT));
}

/**
 * One document more is about to go out: its link is kept and its people are out of the draft, both or
 * neither, so that none is sent twice and no key is lost, whenever the browser is shut.
 * @param {Sent[]} sent
 * @param {Draft | undefined} left of the draft; none: nothing of it stays here but links
 */
export async function moveOn(sent, left) {
    await kept((store) => {
        store.put(sent, SENT);
        return left ? store.put(left, DRAFT) : store.delete(DRAFT);
    });
}

/** Nothing stays. */
export async function wipe() {
    await kept((store) => store.clear());
}
