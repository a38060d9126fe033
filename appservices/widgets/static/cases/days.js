/** How far a day is, as people count: days of the calendar here, and working days. */

const DAY_MS = 24 * 60 * 60 * 1000;
const SUNDAY = 0;
const SATURDAY = 6;
/** Beyond it nobody counts in working days. */
const WORKING_DAYS_MAX = 60;

/** @param {number} atMs @returns {number} noon of that day here: no change of clocks moves it */
function noonOf(atMs) {
    const at = new Date(atMs);
    return new Date(at.getFullYear(), at.getMonth(), at.getDate(), 12).getTime();
}

/**
 * @param {number} nowMs
 * @param {number} atMs
 * @returns {number} days of the calendar from now; below zero: it is past
 */
export function daysUntil(nowMs, atMs) {
    return Math.round((noonOf(atMs) - noonOf(nowMs)) / DAY_MS);
}

/**
 * @param {number} nowMs
 * @param {number} atMs not before now
 * @returns {number | undefined} days after today up to and with that day, without weekends; holidays
 *   are the office's, so they are not known here; undefined if it is very far
 */
export function weekdaysUntil(nowMs, atMs) {
    const days = daysUntil(nowMs, atMs);
    if (days > WORKING_DAYS_MAX * 2) return undefined;
    const today = noonOf(nowMs);
    let count = 0;
    for (let ahead = 1; ahead <= days; ahead += 1) {
        // Not today + ahead * DAY_MS: twice a year a day is longer or shorter.
        const day = new Date(new Date(today).setDate(new Date(today).getDate() + ahead)).getDay();
        if (day !== SUNDAY && day !== SATURDAY) count += 1;
    }
    return count;
}
