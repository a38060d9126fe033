/** How long a new key waits, said where it is asked for. Pure. */
import { plural } from "../kit/i18n.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A wait of less than two hours is said in minutes. */
const IN_MINUTES_MS_MAX = 2 * HOUR_MS;

/** @param {number} waits_ms @returns {string} */
export function newKeyWords(waits_ms) {
    return waits_ms < IN_MINUTES_MS_MAX
        ? plural(
              "A new key may approve this after {count} minute: so nobody who gets into your account can use one at once.",
              "A new key may approve this after {count} minutes: so nobody who gets into your account can use one at once.",
              Math.ceil(waits_ms / MINUTE_MS),
          )
        : plural(
              "A new key may approve this after {count} hour: so nobody who gets into your account can use one at once.",
              "A new key may approve this after {count} hours: so nobody who gets into your account can use one at once.",
              Math.ceil(waits_ms / HOUR_MS),
          );
}
