/**
 * Who asks for signatures and takes no part, on their real page, with the real service behind it: a
 * program for tests/integration/appservices/signing/test_owned.py. It speaks as real_person.js says.
 */
import { readFileSync } from "node:fs";
import { launch } from "./browser.js";
import { BASE } from "./control.js";
import { keepSession } from "./kept_session.js";
import { shoot } from "./looks.js";
import { tell } from "./real_person.js";

const browser = await launch();
try {
    const context = await browser.newContext({ locale: "en-GB", acceptDownloads: true });
    /** @type {string[]} */
    const problems = [];
    context.on("weberror", (error) => problems.push(String(error.error())));
    const page = await context.newPage();
    const { link } = await tell({ asks: "link" });
    await keepSession(page, { person: "@carol:veche.test", token: "room.carol" });
    await page.goto(`${BASE}/sign#${new URL(link).hash.slice(1)}`);
    const main = page.locator("main");

    /** @param {string} name @returns {Promise<string>} what is saved, base64 */
    const saved = async (name) => {
        const saving = page.waitForEvent("download");
        await main.getByRole("button", { name }).click();
        return readFileSync(await (await saving).path()).toString("base64");
    };
    await main.getByRole("button", { name: "Remind" }).click();
    await main.getByText("2 persons are reminded.").waitFor();
    await main.getByRole("button", { name: "Give more time" }).click();
    const more = page.getByRole("dialog", { name: "Give more time?" });
    const day = more.getByLabel("The last day on which they can sign");
    await day.fill((await day.getAttribute("min")) ?? "");
    await more.getByRole("button", { name: "Give more time" }).click();
    await more.waitFor({ state: "hidden" });
    await main.getByRole("button", { name: "Take it back" }).waitFor();
    await tell({ asks: "alice signs" });
    await page.reload();
    await main.getByText("has signed, ").waitFor();
    await shoot(page, "sign-owned-real");
    const now = await saved("Save the file as it is now");
    await main.getByRole("button", { name: "Take it back" }).click();
    const back = page.getByRole("dialog", { name: "Take this document back?" });
    await back.getByText("Signed already by: Alice Adams.").waitFor();
    await back.getByRole("button", { name: "Take it back" }).click();
    await main.getByText("The person who asked for signatures has taken it back.").waitFor();
    await tell({ asks: "it is closed" });
    await page.reload();
    const report = await saved("Save the report");
    const closed = await saved("Save the closed file");
    await main.getByRole("button", { name: "Delete it here" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete it", exact: true }).click();
    await main.getByText("The service deletes the document on ").waitFor();
    await tell({ outcomes: { now, report, closed }, problems });
} finally {
    await browser.close();
}
process.exit(0);
