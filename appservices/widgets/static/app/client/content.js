/**
 * What an event says now: the SDK decrypts only the newest of what comes at once, and until a
 * correction is decrypted, what it corrects counts.
 * @param {import("./open.js").MatrixClient} client
 * @param {import("matrix-js-sdk").MatrixEvent} event
 * @returns {Record<string, any>}
 */
export function contentOf(client, event) {
    const newer = event.replacingEvent();
    for (const one of [event, newer])
        if (one?.shouldAttemptDecryption()) void client.decryptEventIfNeeded(one);
    const isOpen = newer?.getType() !== "m.room.encrypted";
    return isOpen ? event.getContent() : event.getOriginalContent();
}
