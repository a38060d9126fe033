/**
 * How messages are drawn that mean something to a feature. Features register what draws their
 * payloads (`org.veche.<family>`) in a module of their own, `<feature>/cards.js`; the app finds
 * those modules by the server's word, and knows none of them by name.
 *
 * @typedef {import("./client/timeline.js").Message} Message
 * @typedef {(message: Message, payload: any, roomId: string) => unknown} Draw
 * @typedef {(payload: any) => number} Said how many paragraphs of the text the card says too, from
 *   the first on
 */
import { isOurBot, meta } from "../kit/page.js";

const PROMPT = "org.veche.prompt";
/** @type {Map<string, {draw: Draw, said?: Said}>} */
const cards = new Map();

/**
 * @param {string} key of a message's content, such as "org.veche.case"
 * @param {Draw} draw a lit template, beside the text or in its place
 * @param {Said} [said]
 */
export function registerCard(key, draw, said) {
    cards.set(key, { draw, said });
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
    const content = wholeOf(message);
    return [...cards]
        .filter(([key]) => key in content)
        .map(([key, { draw }]) => draw(message, content[key], roomId));
}

/** @param {Message} message @returns {number} paragraphs of its text that its cards say too */
export function saidOf(message) {
    const content = wholeOf(message);
    const counts = [...cards].map(
        ([key, { said }]) => (key in content && said?.(content[key])) || 0,
    );
    return Math.max(0, ...counts);
}

/** A question that is closed says its words alone: what it was about stands in what it was. @param {Message} message */
const wholeOf = ({ content, event }) =>
    PROMPT in content ? { ...event.getOriginalContent(), ...content } : content;
