/** Databases of this browser, each opened for one piece of work: an open one holds up its deletion. */

/** @typedef {{name: string, make: (database: IDBDatabase) => void}} Kind make: its stores, where it is new */

/**
 * @template T
 * @param {Kind} kind
 * @param {string} store
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>} once it is durable
 * @throws {DOMException | Error} storage is refused or full
 */
export async function inDatabase(kind, store, work) {
    const database = await opened(kind);
    try {
        return await new Promise((resolve, reject) => {
            const transaction = database.transaction(store, "readwrite");
            const request = work(transaction.objectStore(store));
            transaction.addEventListener("complete", () => resolve(request.result));
            transaction.addEventListener("abort", () => reject(transaction.error));
        });
    } finally {
        database.close();
    }
}

/** @param {Kind} kind @returns {Promise<IDBDatabase>} */
function opened({ name, make }) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name, 1);
        request.addEventListener("upgradeneeded", () => make(request.result));
        request.addEventListener("success", () => resolve(request.result));
        request.addEventListener("error", () => reject(request.error));
        request.addEventListener("blocked", () => reject(new Error("blocked")));
    });
}
