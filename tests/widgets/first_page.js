/** Measures pages in a browser without a cache, for `./run bench pages`: JSON to standard output. */
import { launch } from "./browser.js";

const BASE = process.env.VECHE_PAGES ?? "http://localhost:8090";
const RUNS = Number(process.argv[2] ?? 5);
const KIB = 1024;
/** By name: the path, and what a person sees first. */
const PAGES = {
    plain_baseline: ["/nowhere", "h1"],
    home: ["/", "main h1"],
    services: ["/services", "main h1"],
    signin: ["/signin", "main h1"],
    keys: ["/keys", "main h1"],
    approve: ["/approve", "main h1"],
    wallet: ["/wallet", "main h1"],
    pay: ["/pay", "main h1"],
};

/** @param {number[]} numbers */
function median(numbers) {
    return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

/**
 * @param {import("playwright-core").Browser} browser
 * @param {string} path
 * @param {string} seen
 */
async function once(browser, path, seen) {
    const context = await browser.newContext({ locale: "en-GB" });
    try {
        const page = await context.newPage();
        const cdp = await context.newCDPSession(page);
        await cdp.send("Network.enable");
        /** @type {Map<string, string>} */
        const kinds = new Map();
        const bytes = { script: 0, all: 0 };
        cdp.on("Network.responseReceived", ({ requestId, type }) => kinds.set(requestId, type));
        cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
            bytes.all += encodedDataLength;
            if (kinds.get(requestId) === "Script") bytes.script += encodedDataLength;
        });
        const begun = performance.now();
        await page.goto(BASE + path, { waitUntil: "commit" });
        await page.locator(seen).first().waitFor();
        const first_ms = performance.now() - begun;
        await page.waitForLoadState("networkidle");
        return { first_ms, script_kib: bytes.script / KIB, all_kib: bytes.all / KIB };
    } finally {
        await context.close();
    }
}

const browser = await launch();
/** @type {Record<string, Record<string, number>>} */
const found = {};
try {
    await once(browser, "/nowhere", "h1"); // the browser's own first page is not ours
    for (const [name, [path = "", seen = ""]] of Object.entries(PAGES)) {
        const runs = [];
        for (let run = 0; run < RUNS; run += 1) runs.push(await once(browser, path, seen));
        found[name] = {
            first_ms: median(runs.map((one) => one.first_ms)),
            script_kib: median(runs.map((one) => one.script_kib)),
            all_kib: median(runs.map((one) => one.all_kib)),
        };
    }
} finally {
    await browser.close();
}
process.stdout.write(JSON.stringify(found));
