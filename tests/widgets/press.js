/** Presses that count, and what else has no event to wait for; for tests and for programs alike. */

const WAIT_MS_MAX = 120_000;
const POLL_MS = 20;
/** Elements whose button counts only once it was usable and in sight for a while (sign/guard.js). */
const GUARDED = "veche-sign, veche-sign-all, veche-sign-tablet";

/**
 * Waits for what has no event of its own.
 * @param {() => boolean | Promise<boolean>} condition
 * @param {string} what is told if it never holds
 */
export async function until(condition, what) {
    const deadline = Date.now() + WAIT_MS_MAX;
    while (!(await condition())) {
        if (Date.now() > deadline) throw new Error(`in vain: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
}

/**
 * Presses once a press counts: an earlier one does nothing, and however long a busy machine takes to
 * get there, the page itself knows.
 * @param {import("playwright-core").Locator} button of a page of signing
 */
export async function press(button) {
    await button.waitFor();
    const counts = () =>
        button.evaluate(
            (one, guarded) => /** @type {any} */ (one.closest(guarded))._guard.isReady === true,
            GUARDED,
        );
    await until(counts, "a press counts");
    await button.click();
}
