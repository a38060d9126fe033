// stage: large
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { answer } from "./answers.js";
import { BASE, browser, look, test } from "./harness.js";

const FOLDER = process.env.VECHE_LARGE ?? "";
/** Of the processor. */
const SECONDS_MAX = 10;
const TICKS_A_SECOND = 100;
const PATIENT_MS_MAX = 130_000;
const MIB_MAX = 512;
const UNPROVEN = /Nothing was changed, but who signed or when is not proven/u;
/** @type {Record<string, RegExp>} what is said of honest files whose root nobody trusts here */
const HONEST = { "small.pdf": UNPROVEN, "honest.pdf": UNPROVEN, "honest.asice": UNPROVEN };
const OTHERS = /Nobody can tell|Do not rely on this document|Nobody has signed/u;

/** @returns {Promise<number[]>} ids of the processes that show pages; Firefox does not tell */
async function renderers() {
    if (process.env.VECHE_BROWSER === "firefox") return [];
    const session = await (await browser()).newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

/** @param {number[]} ids @returns {number} the most that one of them has had in memory, MiB */
function peak(ids) {
    const most = ids.map((id) => {
        const status = readFileSync(`/proc/${id}/status`, "utf-8");
        return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    });
    return Math.max(0, ...most);
}

/** @param {number[]} ids @returns {number} seconds of the processor that they have taken */
function taken(ids) {
    const ticks = ids.map((id) => {
        const stat = readFileSync(`/proc/${id}/stat`, "utf-8");
        const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14);
        return Number(user) + Number(system);
    });
    return ticks.reduce((sum, one) => sum + one, 0) / TICKS_A_SECOND;
}

/**
 * Waits for what is said of a file. Ten seconds of the clock are less of the processor where others work beside:
 * then it is checked again, as the page offers.
 * @param {import("playwright-core").Page} page
 * @param {import("playwright-core").Locator} banner
 * @param {number[]} ids
 * @returns {Promise<number>} what it took of the processor, in seconds
 */
async function judged(page, banner, ids) {
    let begun = taken(ids);
    await banner.waitFor();
    const patiently = page.getByRole("button", { name: "Check again, for two minutes at most" });
    if (await patiently.isVisible()) {
        begun = taken(ids);
        await patiently.click();
        await patiently.waitFor({ state: "detached" });
        await banner.waitFor({ timeout: PATIENT_MS_MAX });
    }
    return taken(ids) - begun;
}

/** @param {import("./harness.js").Stage["open"]} open @param {string} [script] of the worker, if not ours */
async function atVerify(open, script) {
    const { page } = await open();
    await answer(page.context(), /\/_veche\//, (route) =>
        route.request().url().endsWith("/authorities")
            ? route.fulfill({ json: { authorities: [] } })
            : route.fulfill({ status: 404, json: { errcode: "M_UNRECOGNIZED", error: "x" } }),
    );
    if (script)
        await page.route("**/judge_worker.js", (route) =>
            route.fulfill({ body: script, contentType: "text/javascript" }),
        );
    await page.goto(`${BASE}/verify`);
    const chosen = page.getByLabel("The receipt or the document");
    const choose = (/** @type {string} */ name) => chosen.setInputFiles(join(FOLDER, name));
    return { page, choose, said: page.locator("main .banner") };
}

test("the largest files are judged in ten seconds and 512 MiB of the tab", async ({
    open,
    expect,
}) => {
    expect(/status of 404/);
    const names = readdirSync(FOLDER).filter((name) => /\.(pdf|asice)$/.test(name));
    assert.equal(names.length, process.env.VECHE_LONG === "1" ? 11 : 3);
    const took = [];
    for (const name of names) {
        const { page, choose, said } = await atVerify(open);
        const ids = await renderers();
        await choose(name);
        const seconds = await judged(page, said.first(), ids);
        took.push({ name, seconds, mib: peak(ids) });
        assert.match(await said.first().innerText(), HONEST[name] ?? OTHERS, name);
        await page.context().close();
    }

    const beyond = took.filter(({ seconds, mib }) => seconds > SECONDS_MAX || mib > MIB_MAX);
    assert.deepEqual(beyond, [], JSON.stringify(took));
});

test("a check that takes too long is ended, and can be stopped before", async ({
    open,
    expect,
}) => {
    expect(/status of 404/);
    const { page, choose, said } = await atVerify(open, "for (;;);");
    await choose("parentheses.pdf");
    await page.getByRole("button", { name: "Cancel" }).click();
    await said.filter({ hasText: "The check was stopped." }).waitFor();
    await page.clock.install();
    await page.getByRole("button", { name: "Check again" }).click();

    await page.getByText("The file is checked…").waitFor();
    await page.clock.fastForward(SECONDS_MAX * 500);
    await page.getByText("The file is checked…").waitFor();
    await page.clock.fastForward(SECONDS_MAX * 500);
    await said.filter({ hasText: "took too long" }).waitFor();
    await page.getByText("veche verify").waitFor();
    await page.getByRole("button", { name: "Check again, for two minutes" }).waitFor();
    await look(page, "verify-too-long");
});

test("files are judged without a network once the page was loaded", async ({ open, expect }) => {
    expect(/status of 404|ERR_INTERNET_DISCONNECTED/);
    const { page, choose, said } = await atVerify(open);
    await page.waitForLoadState("networkidle");
    await page.context().setOffline(true);
    await choose("small.pdf");
    await said.filter({ hasText: "who signed or when is not proven" }).waitFor();
    await choose("parentheses.pdf");
    await said.filter({ hasText: "Nobody has signed this document" }).waitFor();
});

test("a browser that cannot judge says so", async ({ open, expect }) => {
    expect(/status of 404/);
    const { page, choose, said } = await atVerify(open, "onmessage = () => postMessage({});");
    await choose("parentheses.pdf");

    await said.filter({ hasText: "This browser could not check the file" }).waitFor();
    await page.getByText("veche verify").waitFor();
});
