/** The few words of the service worker, which has no catalogues. */

/** @type {Record<string, string>} */
const NEW_MESSAGE = {
    en: "You have a new message",
    ru: "У вас новое сообщение",
    de: "Sie haben eine neue Nachricht",
    uk: "У вас нове повідомлення",
};

/** @param {string} tag a language tag @returns {string} */
export const newMessage = (tag) =>
    NEW_MESSAGE[tag.slice(0, 2).toLowerCase()] ?? String(NEW_MESSAGE.en);
