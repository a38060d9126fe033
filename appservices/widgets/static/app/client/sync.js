/**
 * What sliding sync leaves to us: asking for the rest of the rooms, and gaps in timelines.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").SlidingSync} SlidingSync
 */
import { SlidingSyncEvent, SlidingSyncState } from "matrix-js-sdk";

/** Rooms of one answer: each takes the page two milliseconds, in which nothing is drawn. */
const STEP_ROOMS = 50;
const ROOMS_MAX = 5_000;

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
        const events = room.getLiveTimeline().getEvents();
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
