/**
 * The page on which the key of the device signs: always a tab of its own, opened in the press
 * itself. What comes of it arrives by the live state, so nothing waits for the tab.
 */

const ADDRESS_CHARACTERS_MAX = 2000;

/** @param {Record<string, unknown>} asked `AskedApproval` @returns {string} */
export function approveHref(asked) {
    const whole = `/approve#${encodeURIComponent(JSON.stringify(asked))}`;
    // The page takes what is asked from the service then.
    return whole.length <= ADDRESS_CHARACTERS_MAX
        ? whole
        : `/approve#${encodeURIComponent(String(asked.nonce))}`;
}

/**
 * @param {Record<string, unknown>} asked
 * @returns {boolean} whether the browser opened it
 */
export function openApproval(asked) {
    const opened = window.open(approveHref(asked), "veche-approve", "popup,width=480,height=680");
    opened?.focus();
    return opened !== null;
}
