/** What came from elsewhere and becomes an address. */

/**
 * @param {unknown} address
 * @returns {string | undefined} the address, if a press on it can do no harm: https, or ours
 */
export function safeHref(address) {
    if (typeof address !== "string") return undefined;
    try {
        const url = new URL(address, location.origin);
        const isFine = url.protocol === "https:" || url.origin === location.origin;
        return isFine && !url.username && !url.password ? url.href : undefined;
    } catch {
        return undefined;
    }
}
