/** A session in a browser, as signing in leaves it. */

const LIVES_MS = 3_600_000;

/**
 * From the next page on; a page that signs out stays signed out.
 * @param {import("playwright-core").Page} page
 * @param {{person?: string, token?: string}} [whose]
 */
export async function keepSession(
    page,
    { person = "@alice:localhost", token = "s".repeat(40) } = {},
) {
    const kept = {
        token,
        person,
        level: "room",
        language: "en",
        expires_at_ms: Date.now() + LIVES_MS,
    };
    await page.addInitScript((one) => {
        if (!location.protocol.startsWith("http")) return; // blank pages have no storage
        if (sessionStorage.getItem("veche.session") === null)
            sessionStorage.setItem("veche.session", one);
    }, JSON.stringify(kept));
}
