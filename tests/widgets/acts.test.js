// stage: receipts
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { AgencyFake } from "./agency_fake.js";
import { answer } from "./answers.js";
import { BASE, glance, look, test } from "./harness.js";

const MADE = JSON.parse(readFileSync(process.env.VECHE_ACTS ?? "", "utf-8"));
/** @type {Record<string, string>} what is said of each */
const SAID = {
    not_acts: "This file has no acts",
    unknown_signer: "Nobody can tell here",
    wrong_signature: "it was changed, or the organisation never signed it",
    bad_head: "the log has not signed the head in it",
    other_act: "an act in it is not the one that the log has",
    not_in_log: "it proves that there are two logs",
    other_order: "do not follow one another",
};
const ORGANISATIONS = [
    { organisation: "lindenau", name: "Town of Lindenau", acts: 5 },
    { organisation: "forger", name: "Forgers", acts: 1 },
    { organisation: "forgetful", name: "The Forgetful", acts: 2 },
];

/**
 * @param {import("playwright-core").Page} page
 * @param {(organisation: string) => string[]} keys
 * @param {string[]} [witnesses]
 */
async function publish(page, keys, witnesses) {
    await answer(page.context(), /\/\.well-known\/veche\/acts\?/, (route) => {
        const organisation = new URL(route.request().url()).searchParams.get("organisation");
        return route.fulfill({
            json: { v: 1, api: "/", keys: keys(organisation ?? ""), witnesses },
        });
    });
}

/** @param {import("playwright-core").Page} page @param {unknown} value */
function choose(page, value) {
    const buffer = Buffer.from(JSON.stringify(value));
    return page
        .getByLabel("The receipt or the document")
        .setInputFiles({ name: "acts.json", mimeType: "application/json", buffer });
}

test("a file of acts is verified in the page, and each false one is refused with its reason", async ({
    open,
}) => {
    const { page } = await open();
    await publish(page, () => [MADE.key]);
    await page.goto(`${BASE}/verify`);
    await choose(page, MADE.good);
    await page.getByText("These acts are proven.").waitFor();

    assert.equal(await page.locator(".acts li").count(), 5);
    assert.match(await page.locator(".acts li").first().innerText(), /Wrote to you[^]*number 5/);
    assert.match(
        await page.locator(".facts").innerText(),
        /example\.org\/veche\/acts\/v1\/lindenau/,
    );
    assert.equal(await page.getByText("A receipt of another server").isVisible(), false);
    await look(page, "verify-acts");
    for (const [fault, file] of Object.entries(MADE.false)) {
        await choose(page, file);
        await page
            .locator("main .banner")
            .filter({ hasText: SAID[fault] ?? "-" })
            .waitFor();
        assert.equal(await page.locator(".acts").count(), 0, fault);
    }
});

test("who vouches for a log is named with the time, up to where they do", async ({ open }) => {
    const { page } = await open();
    await publish(page, () => [MADE.key], [MADE.witness_key]);
    await page.goto(`${BASE}/verify`);
    const facts = page.locator(".facts");
    await choose(page, MADE.good);
    await facts.getByText("none: only its own signature").waitFor();
    await choose(page, MADE.witnessed);
    await facts.getByText("w.example/w1").waitFor();

    assert.match(await facts.innerText(), /2025[^]*for the first 4 entries/);
    await look(page, "verify-acts-witnessed");
    await page.getByText("Acts of an organisation on another server").click();
    const key = page.getByLabel("Key of its log of acts");
    await key.fill(MADE.key);
    await key.press("Tab");
    await facts.getByText("none: only its own signature").waitFor();
    await key.fill(`${MADE.key} ${MADE.witness_key}`);
    await key.press("Tab");
    await facts.getByText("w.example/w1").waitFor();
});

test("acts of an organisation on another server are verified with its key", async ({ open }) => {
    const { page } = await open();
    await publish(page, () => [MADE.key]);
    await page.goto(`${BASE}/verify`);
    await choose(page, MADE.false.unknown_signer);
    await page.getByText("Nobody can tell here").waitFor();
    await page.getByText("Acts of an organisation on another server").click();
    const key = page.getByLabel("Key of its log of acts");
    await key.fill("not a key");
    await key.press("Enter");
    await page.getByText("This is not a key.").waitFor();
    await key.fill(MADE.foreign_key);
    await key.press("Tab");
    await page.getByText("These acts are proven.").waitFor();
});

test("a person sees each act on them, checked in the page, and keeps the file that proves it", async ({
    open,
}) => {
    const opened = await open();
    const { page } = opened;
    await new AgencyFake().serve(opened);
    await publish(page, () => [MADE.key], [MADE.witness_key]);
    await answer(page.context(), /\/_veche\/acts\/v1\/mine/, (route) => {
        const url = new URL(route.request().url());
        const [, organisation] = /mine\/(.+)$/.exec(url.pathname) ?? [];
        if (!organisation) return route.fulfill({ json: { organisations: ORGANISATIONS } });
        const before = url.searchParams.get("before");
        const ofTown = before === "3" ? MADE.older : MADE.newest;
        const files = { forger: MADE.false.other_act, forgetful: MADE.wiped };
        return route.fulfill({ json: { ...files, lindenau: ofTown }[organisation] });
    });
    await page.goto(`${BASE}/`);
    await page.getByRole("button", { name: "Your account" }).click();
    await page.getByRole("link", { name: "Who did what" }).click();
    await page.getByRole("heading", { level: 1, name: "Who did what" }).waitFor();
    const town = page.getByRole("region", { name: "Town of Lindenau" });
    await town.getByText("number 5").waitFor();
    assert.equal(await town.locator(".acts li").count(), 2);
    await town.getByText("w.example/w1").waitFor();
    await town.getByRole("button", { name: "Older acts" }).click();
    await town.getByText("number 1,").waitFor();

    assert.equal(await town.locator(".acts li").count(), 5);
    assert.equal(await town.getByRole("button", { name: "Older acts" }).count(), 0);
    const forgers = page.getByRole("region", { name: "Forgers" });
    await forgers.getByText("an act in it is not the one that the log has").waitFor();
    assert.equal(await forgers.locator(".acts").count(), 0);
    await page
        .getByRole("region", { name: "The Forgetful" })
        .getByText("were deleted after their time")
        .waitFor();
    const saving = page.waitForEvent("download");
    await town.getByRole("button", { name: "Save with the proof" }).first().click();
    const saved = await saving;
    assert.equal(saved.suggestedFilename(), "acts-lindenau.json");
    assert.deepEqual(JSON.parse(readFileSync(await saved.path(), "utf-8")), MADE.newest);
    await look(page, "acts");
});

test("who is not signed in is asked to, and nobody did anything to who has no acts", async ({
    open,
    expect,
}) => {
    expect(/status of 401/);
    const opened = await open();
    const { page } = opened;
    let isSignedIn = false;
    await answer(page.context(), /\/_veche\/acts\/v1\/mine/, (route) =>
        isSignedIn
            ? route.fulfill({ json: { organisations: [] } })
            : route.fulfill({ status: 401, json: { errcode: "M_UNAUTHORIZED", error: "Sign in" } }),
    );
    await page.goto(`${BASE}/acts`);
    await page.locator("main").getByRole("link", { name: "Sign in" }).waitFor();
    isSignedIn = true;
    await page.reload();
    await page.getByText("No organisation here has done anything to you").waitFor();
    await glance(page, "acts-none");
});
