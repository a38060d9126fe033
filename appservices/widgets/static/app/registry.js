/**
 * How messages are drawn that mean something to a feature. Features register what draws their
 * payloads (`org.veche.<family>`) in a module of their own, `<feature>/cards.js`; the app finds
 * those modules by the server's word, and knows none of them by name.
 *
 * @typedef {import("./client/timeline.js").Message} Message
 * @typedef {(message: Message, payload: any, roomId: string) => unknown} Draw
 */
import { isOurBot, meta } from "../kit/page.js";

/** @type {Map<string, Draw>} */
const cards = new Map();

/**
 * @param {string} key of a message's content, such as "org.veche.case"
 * @param {Draw} draw a lit template, beside the text or in its place
 */
export function registerCard(key, draw) {
    cards.set(key, draw);
}

/** Loads the modules of the features. */
export async function loadCards() {
    const addresses = meta("veche-cards").split(" ").filter(Boolean);
    await Promise.all(addresses.map((address) => import(address)));
}

/**
 * Whether one of our bots says it: a key in a message proves nothing about who sent it, and what is
 * said in clear a homeserver can make up.
 * @param {import("matrix-js-sdk").MatrixEvent} event
 */
export const isOfBot = (event) => isOurBot(event.getSender() ?? "") && event.isEncrypted();

/**
 * @param {Message} message
 * @param {string} roomId
 * @returns {unknown[]} what draws it; none: its text is shown
 */
export function cardsOf(message, roomId) {
    if (!isOfBot(message.event)) return [];
    return [...cards]
        .filter(([key]) => key in message.content)
        .map(([key, draw]) => draw(message, message.content[key], roomId));
}
