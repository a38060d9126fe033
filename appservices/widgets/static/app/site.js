/**
 * What this town's server says of itself to the app.
 *
 * @typedef {object} Site
 * @property {string} homeserver address of the client API, without a slash at the end
 * @property {string} server_name how ids of accounts here end
 * @property {"off" | "invitation" | "open"} registration whether strangers may make an account
 * @property {string} name what people call the town, in the language of the page
 * @property {boolean} has_push whether messages can be announced while the app is closed
 */
import { call } from "../kit/api.js";
import { currentLanguage } from "../kit/i18n.js";

/** @type {Promise<Site> | undefined} */
let asked;

/** @returns {Promise<Site>} asked for once; again after an error */
export function site() {
    asked ??= call("GET", "/_veche/app/v1/site", { query: { lang: currentLanguage() } }).catch(
        (error) => {
            asked = undefined;
            throw error;
        },
    );
    return /** @type {Promise<Site>} */ (asked);
}
