/** What whoever has the link of a meeting asks of the service. */
import { call, newKey } from "../kit/api.js";
import { currentLanguage } from "../kit/i18n.js";

const API = "/_veche/signing/v1/meetings";

/** @param {import("./link.js").MeetingLink} link @returns {string} where it is asked */
export function path({ meeting }) {
    return `${API}/${meeting}`;
}

/** @param {import("./link.js").MeetingLink} link @param {string} what @returns {Promise<any>} */
export function look(link, what) {
    return call("GET", `${path(link)}${what}`, {
        headers: { "Veche-Meeting": link.token },
        query: { lang: currentLanguage() },
    });
}

/**
 * @param {import("./link.js").MeetingLink} link
 * @param {string} what
 * @param {Record<string, unknown>} body
 * @param {Record<string, string>} [more] headers
 * @returns {Promise<any>}
 */
export function act(link, what, body, more = {}) {
    return call("POST", `${path(link)}${what}`, {
        headers: { "Veche-Meeting": link.token, ...more },
        query: { lang: currentLanguage() },
        key: newKey(),
        body,
    });
}
