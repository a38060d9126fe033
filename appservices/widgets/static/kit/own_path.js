/** Where a page may send the person on: only to our own pages. */

/**
 * A path of ours to go to afterwards; anything else would let others send people away under our
 * name.
 * @param {string | null | undefined} wanted
 * @param {string} origin ours
 * @returns {string} empty if it is none
 */
export function ownPath(wanted, origin) {
    // A backslash is a slash to browsers: "/\evil.example" is another host.
    if (!wanted?.startsWith("/") || /^\/[/\\]/.test(wanted) || /[\\\p{Cc}]/u.test(wanted))
        return "";
    if (!URL.canParse(wanted, origin)) return "";
    const url = new URL(wanted, origin);
    if (url.origin !== origin || url.username || url.password) return "";
    const isUseless = url.pathname === "/signin" || url.pathname.startsWith("/_veche/");
    return isUseless ? "" : url.pathname + url.search + url.hash;
}
