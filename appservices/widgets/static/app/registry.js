/**
 * How messages are drawn that mean something to a feature. Features register what draws their
 * payloads (`org.veche.<family>`) in a module of their own, `<feature>/cards.js`; the app finds
 * those modules by the server's word, and knows none of them by name.
 *
 * @typedef {import("./client/timeline.js").Message} Message
 * @typedef {(message: Message, payload: any, roomId: string) => unknown} Draw
 */
import { html } from "lit";
import { t } from "../kit/i18n.js";
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

/** @param {Message} message @param {string} roomId @returns {unknown} */
export function drawn(message, roomId) {
    if (message.kind === "unreadable")
        return html`<p>${t("This message can't be read here yet.")}</p>`;
    if (message.kind === "removed") return html`<p>${t("This message was removed.")}</p>`;
    // A key in a message proves nothing about who sent it: only our own bots are believed.
    const found = isOurBot(message.sender)
        ? [...cards].find(([key]) => key in message.content)
        : undefined;
    if (found) return found[1](message, message.content[found[0]], roomId);
    return html`<p class="lines">${String(message.content.body ?? "")}</p>`;
}
