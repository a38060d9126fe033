/**
 * What is new in a room. Synapse's sliding sync counts nothing (it always says 0), and the SDK counts
 * what it decrypts by itself: the newest message of each answer.
 */
import { isOurBot } from "../../kit/page.js";
import { isSignInTalk } from "../account/sign_in_talk.js";
import { contentOf, eventsOf } from "./content.js";

/**
 * Counts what came after what I have read or said, by my rules of notifications.
 * @param {import("./open.js").MatrixClient} client
 * @param {import("matrix-js-sdk").Room} room
 * @returns {{unread: number, isMentioned: boolean}} of the messages that are here
 */
export function unreadIn(client, room) {
    const me = client.getUserId() ?? "";
    const read = room.getEventReadUpTo(me);
    const events = eventsOf(room);
    const seen = events.findLastIndex((one) => one.getId() === read || one.getSender() === me);
    const actions = events
        .slice(seen + 1)
        .filter((event) => {
            const sender = event.getSender() ?? "";
            return !isOurBot(sender) || !isSignInTalk(sender, contentOf(client, event));
        })
        .map((event) => client.getPushActionsForEvent(event));
    return {
        unread: actions.filter((one) => one?.notify).length,
        isMentioned: actions.some((one) => one?.notify && one.tweaks.highlight),
    };
}
