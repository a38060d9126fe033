// stage: up
import assert from "node:assert/strict";
import { APP, test, until } from "./harness.js";
import { USUAL, chatOfTwo, filesOf, newAccount, say } from "./app_account.js";

const TAG = Date.now().toString(36);

/**
 * Plays the push service: hands a push to the service worker, by the browser's debugging protocol.
 * @param {import("playwright-core").BrowserContext} context
 * @param {import("playwright-core").Page} page of the app's origin
 */
async function pushService(context, page) {
    const devtools = await context.newCDPSession(page);
    let registrationId = "";
    devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations: [first] }) => {
        registrationId ||= first?.registrationId ?? "";
    });
    await devtools.send("ServiceWorker.enable");
    return {
        /** @param {Record<string, unknown>} told @param {boolean} [isAnew] to a worker that does not run yet */
        deliver: async (told, isAnew = true) => {
            await until(() => registrationId !== "", "the worker is registered");
            if (isAnew) await devtools.send("ServiceWorker.stopAllWorkers");
            const data = JSON.stringify(told);
            await devtools.send("ServiceWorker.deliverPushMessage", {
                origin: APP,
                registrationId,
                data,
            });
        },
        /** @returns {Promise<string[]>} what stands on the screen */
        shown: () =>
            page.evaluate(async () => {
                const registration = await navigator.serviceWorker.getRegistration("/");
                const all = (await registration?.getNotifications()) ?? [];
                return all.map(({ body }) => body);
            }),
    };
}

test("a push says what was written while the app is closed, and nothing that it cannot read", async ({
    open,
    expect,
}) => {
    for (const usual of USUAL) expect(usual);
    const ann = await open({ permissions: ["notifications"], hasNotifications: true });
    const ben = await open();
    await newAccount(ann.page, `ann${TAG}`);
    await newAccount(ben.page, `ben${TAG}`);
    const room = await chatOfTwo(ben.page, ann.page);
    const other = await ann.context.newPage();
    await other.goto(`${APP}/nothing`); // of the same origin, without the app
    expect(/status of 404/);
    const service = await pushService(ann.context, other);
    await ann.page.evaluate(() => Object.assign(document, { hasFocus: () => false }));
    const zeroth = { room_id: room, event_id: await say(ben.page, room, "while it is open") };
    await service.deliver(zeroth);
    await until(async () => (await service.shown()).includes("while it is open"), "by the page");
    await ann.page.close();

    for (const text of ["The first word", "the second, with the same key"]) {
        await service.deliver({ room_id: room, event_id: await say(ben.page, room, text) });
        await until(async () => (await service.shown()).includes(text), text);
    }

    // Of two at once, the second waits for the first.
    const [third, fourth] = [
        await say(ben.page, room, "third"),
        await say(ben.page, room, "fourth"),
    ];
    await service.deliver({ room_id: room, event_id: third });
    await service.deliver({ room_id: room, event_id: fourth }, false);
    await until(async () => (await service.shown()).includes("fourth"), "fourth");

    // Killed while it reads, it leaves nothing that hinders the next.
    const fifth = { room_id: room, event_id: await say(ben.page, room, "fifth") };
    const worker = ann.context.serviceWorkers().at(-1);
    await worker?.evaluate(() => Object.assign(globalThis, { fetch: () => new Promise(() => {}) }));
    await service.deliver(fifth, false);
    const isReading = () =>
        other.evaluate(async () => (await navigator.locks.query()).held?.length);
    await until(async () => (await isReading()) === 1, "it reads");
    await service.deliver(fifth);
    await until(async () => (await service.shown()).includes("fifth"), "fifth");

    await service.deliver({ room_id: room, event_id: "$nothing-like-it" });
    const NEW = "You have a new message";
    await until(async () => (await service.shown()).includes(NEW), NEW);
    assert.equal((await service.shown()).length, 1, "one for each room");
});

test("the app opens without a network once it has been there", async ({ open, expect }) => {
    expect(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
    const { context, page } = await open();
    await page.goto(APP);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    await page.reload();

    await page.locator("main h1").waitFor();
    assert.match(await page.title(), /Veche$/);
});

test("where the browser has no room left for the app's files, they open all the same", async ({
    open,
    expect,
}) => {
    expect(/QuotaExceeded/);
    const { page, context } = await open();
    await page.goto(APP);
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    const session = await context.newCDPSession(page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: APP, quotaSize: 1 });
    const files = await filesOf(page);

    const status = await page.evaluate(
        (address) => fetch(address).then(({ status: one }) => one),
        `${files}vendor/matrix-js-sdk/crypto.js`, // too large to be fetched by the worker before
    );
    assert.equal(status, 200);
});

test("a press opens a page though the browser's storage does not answer the worker", async ({
    open,
}) => {
    const { page, context } = await open();
    await page.goto(APP);
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    const [worker] = context.serviceWorkers();
    assert.ok(worker);
    await worker.evaluate(() => {
        const never = new Promise(() => {});
        Object.assign(caches, { open: () => never, match: () => never });
        const later = setTimeout;
        const counted = Object.assign(globalThis, { waits: 0 });
        counted.setTimeout = /** @type {any} */ (
            (/** @type {() => void} */ then, /** @type {number} */ after_ms) => {
                counted.waits += 1;
                return later(then, after_ms);
            }
        );
    });

    const opening = context.waitForEvent("page");
    await page.evaluate(() => void window.open("/#/services", "_blank", "noopener"));
    await (await opening).getByRole("heading", { name: "Services" }).waitFor();
    const waits = await worker.evaluate(() => /** @type {any} */ (globalThis).waits);
    assert.equal(waits, 1, "all files wait for the storage together");
});
