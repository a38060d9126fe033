/** Somebody with the app, signed up without its pages: what a test needs that is about another thing. */
import { APP } from "./control.js";
import { until } from "./press.js";

/**
 * What the Matrix SDK's requests are answered for a new account, and what it says of its keys.
 * A browser notes them; none is a fault.
 */
export const USUAL = [
    /the server responded with a status of (401|404)/,
    /matrix_sdk_crypto/,
    /^\{\} .*matrix-js-sdk/, // an error, as Firefox shows it
];

/** @param {import("playwright-core").Page} page @returns {Promise<string>} where the app's files are */
export const filesOf = (page) =>
    page.evaluate(() => {
        const script = /** @type {HTMLScriptElement} */ (
            document.querySelector("script[type=module]")
        );
        return script.src.replace(/app\/main\.js$/, "");
    });

/**
 * A new account, protected as the pages protect it; its client runs in the page as `window.opened`.
 * @param {import("playwright-core").Page} page
 * @param {string} username
 * @returns {Promise<string>} Matrix id
 */
export async function newAccount(page, username) {
    await page.goto(APP);
    return page.evaluate(
        async ([files, name]) => {
            const { account, makeAccount } = await import(`${files}app/account/account.js`);
            const { protect } = await import(`${files}app/client/identity.js`);
            const { site } = await import(`${files}app/site.js`);
            const { homeserver_url } = await site();
            await makeAccount(homeserver_url, { username: name, password: "a passphrase of mine" });
            const { opened, error } = account();
            if (!opened) throw error;
            await protect(opened);
            Object.assign(window, { opened });
            return opened.client.getUserId();
        },
        [await filesOf(page), username],
    );
}

/**
 * An encrypted chat of two people, whom the first invites.
 * @param {import("playwright-core").Page} first
 * @param {import("playwright-core").Page} second
 * @returns {Promise<string>} room
 */
export async function chatOfTwo(first, second) {
    const other = await second.evaluate(() =>
        /** @type {any} */ (window).opened.client.getUserId(),
    );
    const room = await first.evaluate(
        async ([files, userId]) => {
            const { direct } = await import(`${files}app/client/rooms.js`);
            return direct(/** @type {any} */ (window).opened.client, userId);
        },
        [await filesOf(first), other],
    );
    await second.evaluate((id) => /** @type {any} */ (window).opened.client.joinRoom(id), room);
    return room;
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} room
 * @param {string} text
 * @returns {Promise<string>} id of the event
 */
export const say = (page, room, text) =>
    page.evaluate(
        async ([id, body]) =>
            (await /** @type {any} */ (window).opened.client.sendTextMessage(id, body)).event_id,
        [room, text],
    );

/**
 * Waits until the homeserver has the keys of all that this page's app has read: the SDK takes its
 * time, up to ten seconds.
 * @param {import("playwright-core").Page} page
 */
export async function backedUp(page) {
    const files = await filesOf(page);
    const isDone = () =>
        page.evaluate(async (base) => {
            const { account } = await import(`${base}app/account/account.js`);
            const { backedUp: kept, total } = await account()
                .opened.client.getCrypto()
                .olmMachine.roomKeyCounts();
            return total > 0 && kept === total;
        }, files);
    await until(isDone, "the keys in the backup");
}
