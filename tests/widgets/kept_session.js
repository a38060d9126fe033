/** A session in a browser, as signing in leaves it. */

const LIVES_MS = 3_600_000;

/**
 * From the next page on; a page that signs out stays signed out.
 * @param {import("playwright-core").Page} page
 * @param {Partial<import("../../appservices/widgets/static/kit/session.js").Session>} [whose]
 */
export async function keepSession(page, whose = {}) {
    const kept = {
        token: "s".repeat(40),
        person: "@alice:localhost",
        level: "room",
        language: "en",
        expires_at_ms: Date.now() + LIVES_MS,
        ...whose,
    };
    await page.addInitScript((one) => {
        if (!location.protocol.startsWith("http")) return; // blank pages have no storage
        if (sessionStorage.getItem("veche.session") === null)
            sessionStorage.setItem("veche.session", one);
    }, JSON.stringify(kept));
}
