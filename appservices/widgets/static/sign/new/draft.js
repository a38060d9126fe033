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
const DATABASE = "veche-sign-new";
const STORE = "drafts";
const [DRAFT, SENT] = ["draft", "sent"];

/** @returns {Promise<IDBDatabase>} */
function opened() {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(DATABASE, 1);
        request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
        request.addEventListener("success", () => resolve(request.result));
        request.addEventListener("error", () => reject(request.error));
        request.addEventListener("blocked", () => reject(new Error("blocked")));
    });
}

/**
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>} once it is durable; nothing where this browser keeps nothing
 */
async function kept(mode, work) {
    const database = await opened().catch(() => undefined);
    if (!database) return undefined;
    try {
        return await new Promise((resolve, reject) => {
            const transaction = database.transaction(STORE, mode);
            const request = work(transaction.objectStore(STORE));
            transaction.addEventListener("complete", () => resolve(request.result));
            transaction.addEventListener("abort", () => reject(transaction.error));
        });
    } finally {
        database.close();
    }
}

/** @returns {Promise<Draft | undefined>} */
export function draftHere() {
    return kept("readonly", (store) => store.get(DRAFT));
}

/** @param {Draft} draft */
export async function keepDraft(draft) {
    await kept("readwrite", (store) => store.put(draft, DRAFT)).catch(() => undefined);
}

/** @returns {Promise<Sent[]>} the oldest first */
export async function sentHere() {
    const held = await kept("readonly", (store) => store.get(SENT));
    return held === undefined ? [] : [held].flat();
}

/** @param {Sent[]} sent */
export async function keepSent(sent) {
    await kept("readwrite", (store) => store.put(sent, SENT)).catch(() => undefined);
}

/**
 * One document more is about to go out: its link is kept and its people are out of the draft, both or
 * neither, so that none is sent twice and no key is lost, whenever the browser is shut.
 * @param {Sent[]} sent
 * @param {Draft | undefined} left of the draft; none: nothing of it stays here but links
 */
export async function moveOn(sent, left) {
    await kept("readwrite", (store) => {
        store.put(sent, SENT);
        return left ? store.put(left, DRAFT) : store.delete(DRAFT);
    }).catch(() => undefined);
}

/** Nothing stays. */
export async function wipe() {
    await kept("readwrite", (store) => store.clear()).catch(() => undefined);
}
