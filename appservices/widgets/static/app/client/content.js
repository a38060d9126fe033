/**
 * What an event says now: the SDK decrypts only the newest of what comes at once, and until a
 * correction is decrypted, what it corrects counts; also if it never can be.
 * @param {import("./open.js").MatrixClient} client
 * @param {import("matrix-js-sdk").MatrixEvent} event
 * @returns {Record<string, any>}
 */
export function contentOf(client, event) {
    const newer = event.replacingEvent();
    for (const one of [event, newer])
        if (one?.shouldAttemptDecryption()) void client.decryptEventIfNeeded(one);
    const isLocked = newer?.getType() === "m.room.encrypted" || newer?.isDecryptionFailure();
    return isLocked ? event.getOriginalContent() : event.getContent();
}

/** What a device has of a room, the oldest first. @param {import("matrix-js-sdk").Room | null} [room] */
export const eventsOf = (room) => room?.getLiveTimeline().getEvents() ?? [];

/**
 * @param {import("./open.js").MatrixClient} client
 * @param {[string, (...told: any[]) => void][]} listeners by what they hear of
 * @returns {() => void} stops it
 */
export function listen(client, listeners) {
    const emitter = /** @type {any} */ (client);
    for (const [name, listener] of listeners) emitter.on(name, listener);
    return () => {
        for (const [name, listener] of listeners) emitter.off(name, listener);
    };
}

/** Hears of each message that comes, and again once it is decrypted. @param {import("./open.js").MatrixClient} client @param {(event: import("matrix-js-sdk").MatrixEvent) => void} look */
export const whenSaid = (client, look) =>
    listen(
        client,
        ["Event.decrypted", "Room.timeline"].map((name) => [name, look]),
    );
