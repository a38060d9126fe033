/** The page that asks for private signatures, and a service that is made up behind it. */
import { createDecipheriv } from "node:crypto";
import { answer } from "./answers.js";
import { BASE, ask } from "./harness.js";
import { keepSession } from "./kept_session.js";
import { serve } from "./sign_fake.js";

/** @typedef {import("./sign_fake.js").Answer} Answer */
/** @typedef {import("./harness.js").Stage} Stage */

export const SESSION = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3";
export const STATE = { session: SESSION, code: "4718", party: "p3", token: "t".repeat(32) };
export const NAME = "lease of the canary.pdf";

/** An operator who takes certificates from elsewhere. */
const TAKEN = [{ name: "Bank", level: "S4" }];

/** @returns {Record<string, Answer>} what the service answers to who asks for signatures */
export function service() {
    return {
        "POST signing/v1/blind": () => ({ ...STATE, state: "draft", document_is_here: false }),
        [`PUT signing/v1/blind/${SESSION}/document`]: () => ({
            ...STATE,
            state: "draft",
            document_is_here: true,
        }),
        [`POST signing/v1/blind/${SESSION}/send`]: () => ({
            ...STATE,
            state: "open",
            document_is_here: true,
        }),
    };
}

/**
 * @param {Stage["open"]} open
 * @param {Record<string, Answer>} [answers]
 * @param {boolean} [isSignedIn]
 * @param {import("playwright-core").BrowserContextOptions} [device]
 * @param {{name: string, level: string}[]} [authorities] whose certificates are taken
 */
export async function atNew(
    open,
    answers = service(),
    isSignedIn = true,
    device = {},
    authorities = TAKEN,
) {
    const { page, context } = await open({ reducedMotion: "reduce", ...device });
    const heard = await serve(context, answers);
    // Asked on every visit, of anybody: no part of what somebody does here.
    await answer(context, /\/_veche\/signing\/v1\/authorities$/, (route) =>
        route.fulfill({ json: { authorities } }),
    );
    if (isSignedIn) await keepSession(page);
    await page.goto(`${BASE}/sign/new`);
    await page.locator("main h1").waitFor();
    return { page, heard, alert: page.locator("main .banner.critical") };
}

/** @param {import("playwright-core").Page} page @param {string} kind of a file of the tests @param {string} [name] */
export async function choose(page, kind, name = NAME) {
    const { content } = await ask("upload", { kind });
    const buffer = Buffer.from(content, "base64");
    await page
        .locator("input[type=file]")
        .setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    return buffer;
}

/** @param {Buffer} key @param {Buffer} data @param {string} purpose @returns {Buffer} decrypted */
export function opened(key, data, purpose) {
    const cipher = createDecipheriv("aes-256-gcm", key, data.subarray(0, 12));
    cipher.setAAD(Buffer.from(purpose));
    cipher.setAuthTag(data.subarray(-16));
    return Buffer.concat([cipher.update(data.subarray(12, -16)), cipher.final()]);
}
