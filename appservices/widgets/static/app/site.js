/**
 * What this place says of itself to the app.
 *
 * @typedef {object} Site
 * @property {string} homeserver_url address of the client API, without a slash at the end
 * @property {string} server_name how ids of accounts here end
 * @property {"off" | "invitation" | "open"} registration whether strangers may make an account
 * @property {Record<string, string>} name what people call the place, by language
 * @property {Record<string, string> | null} notice what everybody should read before they begin
 * @property {boolean} has_push whether messages can be announced while the app is closed
 */
import { call } from "../kit/api.js";
import { currentLanguage } from "../kit/i18n.js";

/** @type {Promise<Site> | undefined} */
let asked;

/** @returns {Promise<Site>} asked for once; again after an error */
export function site() {
    asked ??= call("GET", "/_veche/app/v1/site").catch((error) => {
        asked = undefined;
        throw error;
    });
    return /** @type {Promise<Site>} */ (asked);
}

/** @param {Record<string, string> | null} texts @returns {string} in the language of the page */
export function inOwnLanguage(texts) {
    return texts?.[currentLanguage()] ?? texts?.en ?? Object.values(texts ?? {})[0] ?? "";
}
