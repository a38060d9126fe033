/** Verifying by a QR code: the camera, or a picture, sees what stands on another screen. */
// stage: up
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { APP, glance, test, until } from "./harness.js";
import { USUAL, chatOfTwo, newAccount } from "./app_account.js";
import { HEIGHT, WIDTH, film, filmOf } from "./camera.js";
import { choose, message, write } from "./pages/chat.js";
import { DoorPage } from "./pages/door.js";
import { after } from "./registry.js";

/** @typedef {import("playwright-core").Page} Page */

const TAG = Date.now().toString(36);
const SLOW_MS = 1_000;
const BEFORE = /Error decrypting event|key backup|requestRoomKey/;
const folder = await mkdtemp(path.join(tmpdir(), "veche-camera-"));
const camera = path.join(folder, "other_screen.y4m");
after(() => rm(folder, { recursive: true }));

/** @param {Page} page */
const code = (page) => page.getByRole("img", { name: "Your QR code for verifying" });

/** @param {Page} page @param {string[]} parts */
const go = (page, ...parts) =>
    page.goto(`${APP}/#/${["chats", ...parts].map(encodeURIComponent).join("/")}`);

/**
 * Holds a screen before the camera: the picture of its code, on a white wall.
 * @param {Page} page that shows the code
 */
async function hold(page) {
    const png = (await code(page).screenshot()).toString("base64");
    const light = await page.evaluate(async ([picture, width, height]) => {
        const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
        const seen = await createImageBitmap(new Blob([bytes]));
        const drawing = new OffscreenCanvas(width, height).getContext("2d");
        if (!drawing) throw new Error("no canvas");
        drawing.fillStyle = "white";
        drawing.fillRect(0, 0, width, height);
        drawing.drawImage(seen, (width - height) / 2, 0, height, height);
        const { data } = drawing.getImageData(0, 0, width, height);
        return Array.from({ length: width * height }, (_, at) => data[at * 4] ?? 0);
    }, /** @type {const} */ ([png, WIDTH, HEIGHT]));
    await filmOf(camera, Uint8Array.from(light));
}

/** @param {Page} page @param {string} person @returns {Promise<boolean>} as the page sees it */
const isVerified = (page, person) =>
    page.evaluate(async (id) => {
        const crypto = /** @type {any} */ (window).opened.client.getCrypto();
        return (await crypto.getUserVerificationStatus(id)).isCrossSigningVerified();
    }, person);

/** As a homeserver can, that has the passphrase. @param {Page} page of `newAccount` */
function replaceIdentity(page) {
    return page.evaluate(async () => {
        const { client } = /** @type {any} */ (window).opened;
        const identifier = { type: "m.id.user", user: client.getUserId() };
        const password = "a passphrase of mine";
        await client.getCrypto().bootstrapCrossSigning({
            setupNewCrossSigning: true,
            authUploadDeviceSigningKeys: (/** @type {any} */ make) =>
                make(null).catch((/** @type {any} */ { data: { session } }) =>
                    make({ type: "m.login.password", identifier, password, session }),
                ),
        });
    });
}

/**
 * Neither a message nor a reaction nor an edit goes to somebody whose keys have changed, and what
 * was typed stays.
 * @param {Page} page of a chat in which "Hello" was said
 */
async function sendsNothing(page) {
    const typed = page.locator("app-composer textarea");
    await page.locator(".replaced", { hasText: "have changed" }).waitFor();
    await write(page, "for Ben alone");
    await page.getByText("Nothing was sent: somebody's keys have changed.").waitFor();
    assert.equal(await typed.inputValue(), "for Ben alone");
    assert.equal(await page.locator("app-message", { hasText: "for Ben alone" }).count(), 0);
    await choose(page, "Hello", "👍");
    await page.getByText("That did not work.").waitFor();
    await choose(page, "Hello", "Edit");
    await write(page, "for Ben, in an edit");
    await page.waitForFunction(() =>
        document.querySelector("textarea")?.value.endsWith("edit\nfor Ben alone"),
    );
    await typed.fill("for Ben alone");
}

test("two people verify each other by a code that a camera sees, and a replaced identity stops what is sent until it is accepted", async ({
    open,
    expect,
}) => {
    for (const usual of USUAL) expect(usual);
    await film(camera, "");
    const ann = (await open()).page;
    const ben = (await open({ camera })).page;
    const annId = await newAccount(ann, `annqr${TAG}`);
    const benId = await newAccount(ben, `benqr${TAG}`);
    await ann.route("**/keys/query", async (route) => {
        await sleep(SLOW_MS); // as on a slow line: the two met just now
        await route.continue();
    });
    const room = await chatOfTwo(ann, ben);
    await go(ann, "verify", benId);
    await ann.getByRole("button", { name: "Start verifying" }).click();
    await ben.getByRole("link", { name: `${annId} wants to verify you` }).click();
    await ben.getByRole("button", { name: "Accept" }).click();
    await code(ann).waitFor();
    await glance(ann, "app-verify");
    await hold(ann);
    await ben.getByRole("button", { name: "Scan with the camera" }).click();
    await ben.getByText("Scanned. Now say on the other device").waitFor();
    await ann.getByText("Does the other device show a check mark?").waitFor();
    await glance(ben, "app-verify-scanned");
    await ann.getByRole("button", { name: "Yes, it does" }).click();
    for (const page of [ann, ben]) await page.getByText("Verified. This app warns").waitFor();

    await go(ann, room);
    await ann.locator(".chat-title", { hasText: "Verified" }).waitFor();
    await go(ben, room);
    await ben.locator("app-message").first().waitFor();
    await glance(ben, "app-asked");
    await until(() => isVerified(ben, annId), "the one who scanned has heard of it, too");

    await ann.unroute("**/keys/query");
    expect(/ReplacedError/); // the SDK notes what it did not send
    await write(ann, "Hello");
    await message(ben, "Hello").waitFor();
    await replaceIdentity(ben);
    await sendsNothing(ann);
    await ann.getByRole("button", { name: "Accept the new keys" }).click();
    await ann.locator(".replaced", { hasText: "have changed" }).waitFor({ state: "detached" });
    await ann.locator("app-composer textarea").press("Enter");
    await message(ben, "for Ben alone").waitFor();
    assert.equal(await ben.locator(".reaction").count(), 0);
    assert.equal(await ben.getByText("in an edit").count(), 0);
});

// long
test("a second device is confirmed by a picture of the first one's code, and by no other", async ({
    open,
    expect,
}) => {
    for (const usual of [...USUAL, BEFORE]) expect(usual);
    const first = (await open()).page;
    const second = (await open()).page;
    await new DoorPage(first).begin(`cyrqr${TAG}`);
    const door = new DoorPage(second);
    await door.visit("#/start/sign-in");
    await door.name.fill(`cyrqr${TAG}`);
    await door.passphrase.fill("three small words");
    await second.getByRole("button", { name: "Sign in", exact: true }).click();
    await second.getByRole("link", { name: "Confirm it by another device instead" }).click();
    await second.getByRole("button", { name: "Start verifying" }).click();
    await first.getByRole("link", { name: "Your other device wants to be confirmed" }).click();
    await first.getByRole("button", { name: "Accept" }).click();
    const picture = second.locator("veche-camera input[type=file]");
    const file = { name: "code.png", mimeType: "image/png" };
    await code(second).waitFor();
    await picture.setInputFiles({ ...file, buffer: await code(second).screenshot() });
    await second.getByText("This is not the code of the other device.").waitFor();
    await picture.setInputFiles({ ...file, buffer: await code(first).screenshot() });
    await second.getByText("Scanned. Now say on the other device").waitFor();
    await first.getByRole("button", { name: "Yes, it does" }).click();
    for (const page of [first, second])
        await page.getByText("Confirmed. This device is yours.").waitFor();

    assert.equal(await second.locator(".notes a").count(), 0);
});
