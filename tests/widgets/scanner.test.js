/** The camera of the wallet's scanner, as Chromium has one: a film in the place of the device. */
// stage: pages
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fake } from "./approvals_fake.js";
import { film } from "./camera.js";
import { BASE, look, test } from "./harness.js";
import { after } from "./registry.js";

const CODE = "https://pay.example/pay#to=@bob:pay.example&am=3.20&cu=EUR&for=coffee";
const folder = await mkdtemp(path.join(tmpdir(), "veche-camera-"));
const [showsCode, showsWall] = ["code.y4m", "wall.y4m"].map((one) => path.join(folder, one));
await film(String(showsCode), CODE);
await film(String(showsWall), "");

after(() => rm(folder, { recursive: true }));

/** @param {import("./harness.js").Opened} opened */
async function atScanner({ page, context }) {
    const heard = await fake(context, {
        "POST wallet/v1/codes": { status: 400, body: { errcode: "X", error: "No such code." } },
    });
    // What the page was lent by the device, to see that it gives it back.
    await page.addInitScript(() => {
        const devices = navigator.mediaDevices;
        const ask = devices.getUserMedia.bind(devices);
        const seen = /** @type {any} */ (window);
        seen.lent = [];
        seen.mayGo = Promise.resolve();
        devices.getUserMedia = async (wanted) => {
            const stream = await ask(wanted);
            seen.lent.push(...stream.getTracks());
            await seen.mayGo;
            return stream;
        };
    });
    await page.goto(`${BASE}/pay`);
    return {
        heard,
        scan: page.getByRole("button", { name: "Scan with the camera" }),
        off: page.getByRole("button", { name: "Switch the camera off" }),
        video: page.getByLabel("What the camera sees"),
        /** @returns {Promise<string[]>} */
        lent: () =>
            page.evaluate(() =>
                /** @type {any} */ (window).lent.map((/** @type {any} */ one) => one.readyState),
            ),
    };
}

test("a code before the camera is read, and the camera is off then", async ({ open, expect }) => {
    expect(/status of 400/);
    const opened = await open({ camera: String(showsCode) });
    const scanner = await atScanner(opened);
    const asked = opened.page.waitForRequest(/wallet\/v1\/codes/);
    await scanner.scan.click();

    assert.equal((await asked).postDataJSON().text, CODE);
    await scanner.video.waitFor({ state: "detached" });
    assert.deepEqual(await scanner.lent(), ["ended"]);
});

test("a camera that sees no code films until it is switched off", async ({ open }) => {
    const opened = await open({ camera: String(showsWall) });
    const scanner = await atScanner(opened);
    await scanner.scan.click();
    await scanner.video.waitFor();
    const before = await scanner.off.boundingBox();
    await opened.page.waitForFunction(() => {
        const video = document.querySelector("video");
        return video !== null && video.currentTime > 1;
    });
    assert.deepEqual(await scanner.off.boundingBox(), before, "it moves under a finger");
    await look(opened.page, "scanner-filming");
    assert.deepEqual([await scanner.lent(), scanner.heard.length], [["live"], 0]);
    await scanner.off.click();
    await scanner.scan.waitFor();

    assert.deepEqual(await scanner.lent(), ["ended"]);
});

test("a camera that is allowed too late, or twice, does not stay on", async ({ open }) => {
    const opened = await open({ camera: String(showsWall) });
    const { page } = opened;
    const scanner = await atScanner(opened);
    const hold = () =>
        page.evaluate(() => {
            const seen = /** @type {any} */ (window);
            seen.mayGo = new Promise((resolve) => Object.assign(seen, { allow: resolve }));
        });
    const allow = () => page.evaluate(() => /** @type {any} */ (window).allow());
    const lends = (/** @type {number} */ n) =>
        page.waitForFunction((count) => /** @type {any} */ (window).lent.length === count, n);
    await hold();
    await scanner.scan.click();
    await scanner.scan.click();
    await lends(1); // the second press asks for nothing: the first one is still being answered
    await allow();
    await scanner.off.click();
    await scanner.scan.waitFor();
    await hold();
    await scanner.scan.click();
    await lends(2);
    await page.evaluate(() => document.querySelector("veche-scanner")?.remove());
    await allow();
    await page.waitForFunction(() =>
        /** @type {any} */ (window).lent.every(
            (/** @type {any} */ one) => one.readyState === "ended",
        ),
    );
});
