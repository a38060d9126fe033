/**
 * Sends messages. What is sent is kept on this device until the homeserver has it, so it outlives a
 * lost connection and a closed page; it is sent again under the same id, and arrives once.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").MatrixEvent} MatrixEvent
 * @typedef {import("./timeline.js").Message} Message
 * @typedef {{id: string, name: string}} Person
 */
import { ClientEvent, EventStatus, RoomEvent, SyncState } from "matrix-js-sdk";
import { FILE_BYTES_MAX, MediaError, isPicture, measured, upload } from "./media.js";
import { eventsOf } from "./content.js";
import { allOutgoing, forgetOutgoing, keepOutgoing } from "./kept.js";
import { ReplacedError, isSecret, mustBeTrusted } from "./trust.js";

/** Of a whole event Matrix lets 65,536 bytes pass; encrypted, a text grows by a third. */
export const TEXT_BYTES_MAX = 40_000;
const TYPING_MS = 10_000;
const WAVEFORM_SCALE = 1024;

/**
 * Sends a message; resolves once the homeserver has it.
 * @param {MatrixClient} client
 * @param {string} roomId
 * @param {Record<string, any>} content
 * @throws {ReplacedError} nothing was sent
 */
export async function send(client, roomId, content) {
    const txn = client.makeTxnId();
    await keepOutgoing({ txn, room: roomId, content, at_ms: Date.now() });
    try {
        await client.sendEvent(roomId, /** @type {any} */ ("m.room.message"), content, txn);
    } catch (error) {
        const event = underway(client, roomId, txn);
        if (error instanceof ReplacedError && event) await discard(client, event);
        throw error;
    }
    await forgetOutgoing(txn);
}

/**
 * A text as a message.
 * @param {string} text
 * @param {{people?: Person[], replyTo?: Message}} [more] people who are named in it
 * @returns {Record<string, any>}
 */
export function textContent(text, { people = [], replyTo } = {}) {
    const named = people.filter(({ name }) => text.includes(`@${name}`));
    const mentioned = [...named.map(({ id }) => id), ...(replyTo ? [replyTo.sender] : [])];
    return {
        msgtype: "m.text",
        body: text,
        ...(named.length && {
            format: "org.matrix.custom.html",
            formatted_body: withPeople(text, named),
        }),
        "m.mentions": mentioned.length ? { user_ids: [...new Set(mentioned)] } : {},
        ...(replyTo && { "m.relates_to": { "m.in_reply_to": { event_id: replyTo.id } } }),
    };
}

/** @param {string} text @param {Person[]} people */
function withPeople(text, people) {
    let html = escaped(text);
    for (const { id, name } of people)
        html = html.replaceAll(
            escaped(`@${name}`),
            `<a href="https://matrix.to/#/${encodeURIComponent(id)}">${escaped(name)}</a>`,
        );
    return html.replaceAll("\n", "<br>");
}

/** @param {string} text */
function escaped(text) {
    return text
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;");
}

/**
 * What replaces a message of mine.
 * @param {Message} message
 * @param {Record<string, any>} content of `textContent`
 */
export function editContent(message, content) {
    const { "m.relates_to": _, ...fresh } = content;
    return {
        ...fresh,
        body: `* ${fresh.body}`,
        "m.mentions": {}, // an edit rings nobody
        "m.new_content": fresh,
        "m.relates_to": { rel_type: "m.replace", event_id: message.id },
    };
}

/**
 * @param {MatrixClient} client
 * @param {string} roomId
 * @param {Message} message
 * @param {string} key
 */
export async function react(client, roomId, message, key) {
    const mine = message.reactions.find((one) => one.key === key)?.mine;
    if (mine) return void (await client.redactEvent(roomId, mine));
    await mustBeTrusted(client, roomId); // it is not encrypted
    await client.sendEvent(roomId, /** @type {any} */ ("m.reaction"), {
        "m.relates_to": { rel_type: "m.annotation", event_id: message.id, key },
    });
}

/** @param {MatrixClient} client @param {string} roomId @param {Message} message */
export async function remove(client, roomId, message) {
    if (message.status) return discard(client, message.event);
    await client.redactEvent(roomId, message.id);
}

/** Takes back what was not sent. @param {MatrixClient} client @param {MatrixEvent} event */
async function discard(client, event) {
    await forgetOutgoing(event.getTxnId() ?? "");
    client.cancelPendingEvent(event);
}

/**
 * Sends what failed again. @param {MatrixClient} client @param {string} roomId @param {MatrixEvent} event
 * @throws {ReplacedError}
 */
export async function sendAgain(client, roomId, event) {
    const room = client.getRoom(roomId);
    if (!room) return;
    await mustBeTrusted(client, roomId);
    const txn = event.getTxnId() ?? "";
    await client.resendEvent(event, room);
    await forgetOutgoing(txn);
}

/** @param {MatrixClient} client @param {string} roomId @returns {MatrixEvent[]} oldest first */
function failedIn(client, roomId) {
    return eventsOf(client.getRoom(roomId)).filter(({ status }) => status === EventStatus.NOT_SENT);
}

/**
 * Sends what waits: when the app begins, and whenever the homeserver can be reached again.
 * @param {MatrixClient} client
 */
export function keepSending(client) {
    let isBusy = false;
    const again = async () => {
        if (isBusy) return;
        isBusy = true;
        for (const { roomId } of client.getRooms())
            try {
                for (const event of failedIn(client, roomId))
                    await sendAgain(client, roomId, event);
            } catch {
                // Still no connection, or somebody's keys have changed: the person sees it there.
            }
        isBusy = false;
    };
    // Of a homeserver that is silent the SDK's state says nothing.
    let hasFailed = false;
    client.on(RoomEvent.LocalEchoUpdated, ({ status, error }) => {
        if (status === EventStatus.NOT_SENT) hasFailed ||= error?.name === "ConnectionError";
    });
    client.on(ClientEvent.Sync, (state, before) => {
        if (state !== SyncState.Syncing || (before === SyncState.Syncing && !hasFailed)) return;
        hasFailed = false;
        void again();
    });
    window.addEventListener("online", again);
    void sendKept(client);
}

/** Sends what an earlier page had not sent. @param {MatrixClient} client */
async function sendKept(client) {
    for (const { txn, room, content } of await allOutgoing()) {
        if (client.getRoom(room)?.getMyMembership() !== "join") continue;
        if (underway(client, room, txn)) continue;
        try {
            await client.sendEvent(room, /** @type {any} */ ("m.room.message"), content, txn);
            await forgetOutgoing(txn);
        } catch {
            // It stands in the room as not sent, and can be sent again there.
        }
    }
}

/** @param {MatrixClient} client @param {string} roomId @param {string} txn */
function underway(client, roomId, txn) {
    return eventsOf(client.getRoom(roomId)).find((event) => event.getTxnId() === txn);
}

/**
 * Sends a file, as a picture or a sound where it is one.
 * @param {MatrixClient} client
 * @param {string} roomId
 * @param {File} file
 * @param {(part: number) => void} [progress] 0 to 1
 * @throws {MediaError | ReplacedError}
 */
export async function sendFile(client, roomId, file, progress) {
    if (file.size > FILE_BYTES_MAX) throw new MediaError("too large");
    await mustBeTrusted(client, roomId);
    const isSealed = await isSecret(client, roomId);
    const info = { mimetype: file.type || "application/octet-stream", size: file.size };
    const sizes = isPicture(file.type) ? await measured(file).catch(() => undefined) : undefined;
    const stored = await upload(client, file, isSealed, progress);
    const msgtype = sizes ? "m.image" : "m.file";
    const small = sizes?.small && (await upload(client, sizes.small, isSealed));
    await send(client, roomId, {
        msgtype,
        body: file.name,
        filename: file.name,
        ...stored,
        info: {
            ...info,
            ...(sizes && { w: sizes.w, h: sizes.h }),
            ...(sizes &&
                small && {
                    ...(small.file ? { thumbnail_file: small.file } : { thumbnail_url: small.url }),
                    thumbnail_info: {
                        ...{ w: sizes.smallW, h: sizes.smallH, mimetype: "image/jpeg" },
                        size: sizes.small?.size,
                    },
                }),
        },
    });
}

/**
 * Sends a voice message (MSC3245).
 * @param {MatrixClient} client
 * @param {string} roomId
 * @param {{blob: Blob, duration_ms: number, waveform: number[]}} recorded waveform from 0 to 1
 */
export async function sendVoice(client, roomId, { blob, duration_ms, waveform }) {
    await mustBeTrusted(client, roomId);
    const stored = await upload(client, blob, await isSecret(client, roomId));
    const mimetype = blob.type || "audio/ogg";
    const body = mimetype.includes("ogg") ? "Voice message.ogg" : "Voice message.webm";
    const duration = Math.round(duration_ms);
    await send(client, roomId, {
        msgtype: "m.audio",
        body,
        ...stored,
        info: { mimetype, size: blob.size, duration },
        "org.matrix.msc1767.audio": {
            duration,
            waveform: waveform.map((one) => Math.round(one * WAVEFORM_SCALE)),
        },
        "org.matrix.msc3245.voice": {},
    });
}

/** Tells the others that this has been read. @param {MatrixClient} client @param {MatrixEvent} event */
export async function markRead(client, event) {
    const roomId = event.getRoomId();
    const id = event.getId();
    if (!roomId || !id?.startsWith("$")) return;
    try {
        await client.setRoomReadMarkers(roomId, id, event);
    } catch {
        // The next message tells it again.
    }
}

/** @param {MatrixClient} client @param {string} roomId @param {boolean} isTyping */
export function tellTyping(client, roomId, isTyping) {
    void client.sendTyping(roomId, isTyping, TYPING_MS).catch(() => {});
}
