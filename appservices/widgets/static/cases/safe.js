/** What came from elsewhere and becomes an address. */
import { pagesOrigin } from "../kit/page.js";

/**
 * @param {unknown} address
 * @returns {string | undefined} the address, if a press on it can do no harm: https, or ours
 */
export function safeHref(address) {
    if (typeof address !== "string") return undefined;
    try {
        const url = new URL(address, location.origin);
        const isOurs = [location.origin, pagesOrigin()].includes(url.origin);
        return (isOurs || url.protocol === "https:") && !url.username && !url.password
            ? url.href
            : undefined;
    } catch {
        return undefined;
    }
}
