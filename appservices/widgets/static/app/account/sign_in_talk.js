/**
 * What bots and this app say to each other about signing in: it is the app's own business, so the
 * chats do not show it, and it counts as read. That somebody else signed in stays visible.
 */
import { isOurBot } from "../../kit/page.js";
import { keepStored, stored } from "../../kit/stored.js";
import { eventsOf, whenSaid } from "../client/content.js";
import { account, whenOpened } from "./account.js";

/** Marks such messages. */
export const SIGN_IN = "org.veche.sign_in";
const OWN = "veche.sessions";
const OWN_MAX = 40;

/** @returns {string[]} ids of sessions that this app began */
const own = () => stored("local", OWN) ?? [];

/** If it is not kept, the chat says that somebody signed in, which is true. @param {string} id */
export const keepOwn = (id) => keepStored("local", OWN, [id, ...own()].slice(0, OWN_MAX));

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
        whenSaid(client, (event) => {
            const room = client.getRoom(event.getRoomId());
            if (event.getSender() === me) return;
            if (!room || !isSignInTalk(event.getSender() ?? "", event.getContent())) return;
            const events = eventsOf(room);
            const read = room.getEventReadUpTo(me);
            const since = events.slice(events.findIndex((one) => one.getId() === read) + 1);
            const isAll = since.every(
                (one) =>
                    one.getSender() === me || isSignInTalk(one.getSender() ?? "", one.getContent()),
            );
            if (isAll) void client.sendReadReceipt(event).catch(() => {});
        });
    });
}
