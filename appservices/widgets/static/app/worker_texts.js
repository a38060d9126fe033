/** The few words of the service worker, which has no catalogues. */

export const NEW_MESSAGE = "newMessage";

/** @type {Record<string, Record<typeof NEW_MESSAGE, string>>} */
const TEXTS = {
    en: { [NEW_MESSAGE]: "You have a new message" },
    ru: { [NEW_MESSAGE]: "У вас новое сообщение" },
    de: { [NEW_MESSAGE]: "Sie haben eine neue Nachricht" },
    uk: { [NEW_MESSAGE]: "У вас нове повідомлення" },
};

/** @param {string} tag a language tag @returns {Record<typeof NEW_MESSAGE, string>} */
export function textsIn(tag) {
    const found = TEXTS[tag.slice(0, 2).toLowerCase()] ?? TEXTS.en;
    return /** @type {Record<typeof NEW_MESSAGE, string>} */ (found);
}
