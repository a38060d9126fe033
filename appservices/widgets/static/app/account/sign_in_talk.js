/**
 * What bots and this app say to each other about signing in: it is the app's own business, so the
 * chats do not show it, and it counts as read. That somebody else signed in stays visible.
 */
import { isOurBot } from "../../kit/page.js";
import { account, whenOpened } from "./account.js";

/** Marks such messages. */
export const SIGN_IN = "org.veche.sign_in";
const OWN = "veche.sessions";
const OWN_MAX = 40;

/** @returns {string[]} ids of sessions that this app began */
function own() {
    try {
        return JSON.parse(localStorage.getItem(OWN) ?? "[]");
    } catch {
        return [];
    }
}

/** @param {string} id */
export function keepOwn(id) {
    try {
        localStorage.setItem(OWN, JSON.stringify([id, ...own()].slice(0, OWN_MAX)));
    } catch {
        // Storage is refused: then the chat says that somebody signed in, which is true.
    }
}

/** @param {string} sender @param {Record<string, any>} content @returns {boolean} */
export function isSignInTalk(sender, content) {
    const said = content[SIGN_IN];
    if (!said || !(isOurBot(sender) || sender === account().session?.userId)) return false;
    return said.session === undefined || own().includes(String(said.session));
}

/** Marks it as read where nothing else is unread, so that no badge calls the person. */
export function readTalk() {
    whenOpened(({ client }) => {
        const me = client.getUserId() ?? "";
        const look = (/** @type {import("matrix-js-sdk").MatrixEvent} */ event) => {
            const room = client.getRoom(event.getRoomId());
            if (event.getSender() === me) return;
            if (!room || !isSignInTalk(event.getSender() ?? "", event.getContent())) return;
            const events = room.getLiveTimeline().getEvents();
            const read = room.getEventReadUpTo(me);
            const since = events.slice(events.findIndex((one) => one.getId() === read) + 1);
            const isAll = since.every(
                (one) =>
                    one.getSender() === me || isSignInTalk(one.getSender() ?? "", one.getContent()),
            );
            if (isAll) void client.sendReadReceipt(event).catch(() => {});
        };
        const rooms = /** @type {any} */ (client);
        for (const name of ["Event.decrypted", "Room.timeline"]) rooms.on(name, look);
    });
}
