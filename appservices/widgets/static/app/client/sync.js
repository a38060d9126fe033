/**
 * What sliding sync leaves to us: asking for the rest of the rooms, and gaps in timelines.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").SlidingSync} SlidingSync
 */
import { SlidingSyncEvent, SlidingSyncState } from "matrix-js-sdk";
import { eventsOf } from "./content.js";

const STEP_ROOMS = 100;
const ROOMS_MAX = 5_000;
/** How long the rooms of one answer may hold up what the page draws. */
const SLICE_MS = 8;

/**
 * Asks for more rooms after each answer, until all are here.
 * @param {SlidingSync} sync
 * @param {string} list
 * @param {number} first how many were asked for at the start
 */
export function growList(sync, list, first) {
    let wanted = first;
    sync.on(SlidingSyncEvent.Lifecycle, (state) => {
        const all = Math.min(sync.getListData(list)?.joinedCount ?? 0, ROOMS_MAX);
        if (state !== SlidingSyncState.Complete || wanted >= all) return;
        wanted += STEP_ROOMS;
        sync.setListRanges(list, [[0, wanted - 1]]);
    });
}

/**
 * Lets the page draw and scroll between the rooms of an answer: each takes two milliseconds.
 * @param {SlidingSync} sync
 */
export function yieldBetweenRooms(sync) {
    const { port1, port2 } = new MessageChannel(); // timers of a hidden page wait for a second
    port1.start();
    let begun_ms = 0;
    sync.on(SlidingSyncEvent.Lifecycle, () => (begun_ms = performance.now()));
    sync.on(SlidingSyncEvent.RoomData, async () => {
        if (performance.now() - begun_ms < SLICE_MS) return;
        await new Promise((resolve) => {
            port1.addEventListener("message", resolve, { once: true });
            port2.postMessage(null);
        });
        begun_ms = performance.now();
    });
}

/**
 * Begins a timeline anew where more has happened than an answer brings; else the SDK would put the
 * new messages beside the old, and what lies between would be lost. Call it before the client
 * starts: it must hear of an answer before the SDK does.
 * @param {MatrixClient} client
 * @param {SlidingSync} sync
 */
export function mendGaps(client, sync) {
    /** What is not sent yet stood in the timeline of before. @type {[import("matrix-js-sdk").Room, import("matrix-js-sdk").MatrixEvent][]} */
    const unsent = [];
    sync.on(SlidingSyncEvent.RoomData, (roomId, data) => {
        const room = client.getRoom(roomId);
        if (!room || !data.limited || !data.timeline?.length) return;
        const events = eventsOf(room);
        const known = new Set(events.map((event) => event.getId()));
        const isGap = known.size && !data.timeline.some(({ event_id }) => known.has(event_id));
        if (!isGap) return;
        for (const event of events) if (event.status) unsent.push([room, event]);
        room.resetLiveTimeline(data.prev_batch ?? null, null);
    });
    sync.on(SlidingSyncEvent.Lifecycle, (state) => {
        if (state !== SlidingSyncState.Complete) return;
        for (const [room, event] of unsent.splice(0)) {
            if (!event.status) continue; // it was sent meanwhile, and has come
            const set = room.getUnfilteredTimelineSet();
            const where = { toStartOfTimeline: false, addToState: false };
            set.addEventToTimeline(event, set.getLiveTimeline(), where);
        }
    });
}
