/** Measures the app, for `./run bench app`: JSON to standard output. */
import { readFileSync, readdirSync } from "node:fs";
import { filesOf } from "./app_account.js";
import { DoorPage } from "./pages/door.js";
import { launch } from "./browser.js";
import { APP } from "./control.js";

const { homeserver, serverName, user, password, rooms, longRoom, sender, hourMessages, messages } =
    JSON.parse(process.env.VECHE_SPEED ?? "{}");
const RUNS = 5;
const KIB = 1024;
const SCROLLS = 1000;
/** A fast flick: eighteen screens a second. */
const SCROLL_PX = 300;
const PHONE = { viewport: { width: 390, height: 844 }, locale: "en-GB" };

/** @param {number[]} numbers */
const median = (numbers) =>
    numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** @typedef {import("playwright-core").Page} Page */

/** @param {import("playwright-core").Browser} browser @param {string} path @param {string} seen */
async function cold(browser, path, seen) {
    const context = await browser.newContext(PHONE);
    try {
        const page = await context.newPage();
        const cdp = await context.newCDPSession(page);
        await cdp.send("Network.enable");
        let bytes = 0;
        cdp.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
        const begun = performance.now();
        await page.goto(APP + path, { waitUntil: "commit" });
        await page.locator(seen).first().waitFor();
        const ms = performance.now() - begun;
        await page.waitForLoadState("networkidle");
        return { ms, kib: bytes / KIB };
    } finally {
        await context.close();
    }
}

/**
 * The longest time between two frames while one scrolls upwards.
 * @param {Page} page
 * @param {string} scroller
 */
async function longestFrame(page, scroller) {
    return page
        .locator(scroller)
        .first()
        .evaluate(
            async (one, [times, by]) => {
                let longest = 0;
                let before = performance.now();
                for (let at = 0; at < (times ?? 0); at += 1) {
                    one.scrollBy(0, -(by ?? 0));
                    await new Promise((resolve) => requestAnimationFrame(resolve));
                    const now = performance.now();
                    longest = Math.max(longest, now - before);
                    before = now;
                }
                return longest;
            },
            [SCROLLS, SCROLL_PX],
        );
}

/** @param {import("playwright-core").Browser} browser */
async function plainList(browser) {
    const page = await browser.newPage(PHONE);
    await page.setContent('<div id="list" style="height:100vh;overflow:auto"></div>');
    await page.evaluate((count) => {
        const list = /** @type {HTMLElement} */ (document.getElementById("list"));
        for (let at = 0; at < count; at += 1)
            list.append(
                Object.assign(document.createElement("p"), { textContent: `Message ${at}` }),
            );
        list.scrollTop = list.scrollHeight;
    }, messages);
    const longest = await longestFrame(page, "#list");
    await page.close();
    return longest;
}

/** @returns {number} megabytes of the largest process of pages, its share of what is common included */
function pageMegabytes() {
    const found = readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => {
            try {
                const command = readFileSync(`/proc/${pid}/cmdline`, "utf-8");
                if (!command.includes("--type=renderer")) return 0;
                const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf-8");
                return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
            } catch {
                return 0; // it has ended
            }
        });
    return (Math.max(0, ...found) * KIB) / 1e6;
}

const THOUGHT_S = 1;
/** An hour has many such pauses: the browser collects what nobody holds when a page is idle. */
const PAUSE_MS = 15_000;

/**
 * From the address to the office's first question, without an account; with a second of thought for
 * each press.
 * @param {import("playwright-core").Browser} browser
 */
async function firstAnswer(browser) {
    const context = await browser.newContext(PHONE);
    const page = await context.newPage();
    // The homeserver has its port after the site has its configuration.
    await page.route("**/_veche/app/v1/site", (route) =>
        route.fulfill({
            json: {
                homeserver_url: homeserver,
                server_name: serverName,
                name: { en: "Town" },
                notice: {},
                registration: "open",
                has_push: false,
            },
        }),
    );
    const door = new DoorPage(page);
    const begun = performance.now();
    await door.visit();
    await door.tap(page.getByRole("link", { name: /^Copy of a birth certificate/ }));
    await door.tap(page.locator("a.button.primary", { hasText: "Start" }));
    await door.type(door.name, "newcomer");
    await door.type(door.passphrase, "three small words");
    await door.tap(door.go);
    await door.saved.waitFor();
    const groups = await door.groups.allInnerTexts();
    await door.tap(door.saved);
    await door.confirm(groups);
    await door.tap(door.start);
    await page.locator(".case-card").waitFor();
    const took_s = (performance.now() - begun) / 1000;
    await context.close();
    return { first_answer_s: took_s + door.taps * THOUGHT_S, taps_to_answer: door.taps };
}

/** How long the homeserver alone takes for the first answer. */
async function firstSync(/** @type {string} */ token) {
    const begun = performance.now();
    const range = { ranges: [[0, 49]], timeline_limit: 1, required_state: [] };
    await fetch(
        `${homeserver}/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0`,
        {
            method: "POST",
            headers: { authorization: `Bearer ${token}` },
            body: JSON.stringify({ conn_id: "baseline", lists: { rooms: range } }),
        },
    ).then((answer) => answer.json());
    return performance.now() - begun;
}

/** @param {number} count */
async function busyHour(count) {
    for (let at = 0; at < count; at += 1)
        await fetch(
            `${homeserver}/_matrix/client/v3/rooms/${encodeURIComponent(longRoom)}/send/m.room.message/h${at}`,
            {
                method: "PUT",
                headers: { authorization: `Bearer ${sender}` },
                body: JSON.stringify({ msgtype: "m.text", body: `News ${at}` }),
            },
        );
}

const browser = await launch();
/** @type {Record<string, number>} */
const found = {};
try {
    await cold(browser, "/", "main h1"); // the browser's own first page is not ours
    const shells = [];
    const plain = [];
    for (let run = 0; run < RUNS; run += 1) {
        shells.push(await cold(browser, "/", "main h1:not(.hidden-text)"));
        plain.push(await cold(browser, "/nowhere", "h1"));
    }
    found.shell_ms = median(shells.map(({ ms }) => ms));
    found.shell_ms_baseline = median(plain.map(({ ms }) => ms));
    found.shell_kib = median(shells.map(({ kib }) => kib));
    Object.assign(found, await firstAnswer(browser));

    const context = await browser.newContext(PHONE);
    const page = await context.newPage();
    await page.goto(APP);
    const token = await page.evaluate(
        async ([files, base, who, secret]) => {
            const { account, enterAccount } = await import(`${files}app/account/account.js`);
            await enterAccount(base, {
                type: "m.login.password",
                identifier: { type: "m.id.user", user: who },
                password: secret,
            });
            const { opened, error } = account();
            if (!opened) throw error;
            // Whoever has no recovery key yet would be asked for it first.
            const { protect } = await import(`${files}app/client/identity.js`);
            await protect(opened);
            const { finish } = await import(`${files}app/account/account.js`);
            await finish?.();
            return opened.client.getAccessToken();
        },
        [await filesOf(page), homeserver, user, password],
    );
    const waits = [];
    for (let run = 0; run < RUNS; run += 1) {
        const begun = performance.now();
        await page.goto(`${APP}/#/chats`);
        await page.reload({ waitUntil: "commit" });
        await page.locator(".chat-row").first().waitFor();
        waits.push(performance.now() - begun);
    }
    found.chat_ms = median(waits);
    found.chat_wire_ms_baseline = await firstSync(token);
    const size = await page.locator("app-windowed li").first().getAttribute("aria-setsize");
    found.chat_rooms_listed = Number(size);
    if (rooms < 1) throw new Error("no rooms");

    await page.goto(`${APP}/#/chats/${encodeURIComponent(longRoom)}`);
    await page.locator(".messages li").first().waitFor();
    found.frame_ms_max = await longestFrame(page, ".log");
    found.frame_ms_max_baseline = await plainList(browser);
    await page.bringToFront();
    await busyHour(hourMessages);
    await page.locator(".messages li").last().waitFor();
    found.memory_mb_without_pause = pageMegabytes();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    found.memory_mb = pageMegabytes();
} finally {
    await browser.close();
}
process.stdout.write(JSON.stringify(found));
