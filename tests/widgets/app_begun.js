/**
 * The app signed in to a homeserver of the test, with two chats.
 *
 * @typedef {import("./harness.js").Stage} Stage
 * @typedef {import("playwright-core").Page} Page
 */
import { APP } from "./harness.js";
import { MatrixFake } from "./matrix_fake.js";

/** What the SDK asks a homeserver that has nothing, and what it says of keys that never come. */
const USUAL =
    /status of (401|404|429)|matrix_sdk_crypto|rror decrypting event|ERR_|fetch failed|no refresh token|M_UNKNOWN_TOKEN|status of 403/;
export const A = "!a:localhost";
export const B = "!b:localhost";
/** @param {Page} page @param {string[]} parts */
export const go = (page, ...parts) =>
    page.goto(`${APP}/#/${["chats", ...parts].map(encodeURIComponent).join("/")}`);

/** @param {Page} page @param {string} text */
export const message = (page, text) => page.locator("app-message", { hasText: text }).last();

/**
 * @param {Stage} stage
 * @param {(fake: MatrixFake) => void} [set] what is there at the start
 * @param {{isSignedIn?: boolean}} [options]
 */
export async function begun({ open, expect }, set, options) {
    expect(USUAL);
    const opened = await open({ serviceWorkers: "block", viewport: { width: 1280, height: 900 } });
    const fake = new MatrixFake();
    await fake.serve(opened, options);
    fake.room(A, { timeline: [fake.text("first")] });
    fake.room(B, { timeline: [fake.text("elsewhere")], people: ["@cat:localhost"] });
    set?.(fake);
    return { ...opened, fake };
}
