// stage: house
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ask, glance, test, until } from "./harness.js";
import { begin, signIn, signedIn } from "./journeys.js";
import { CasePage } from "./pages/case.js";
import { HomePage } from "./pages/home.js";
import { SignInPage } from "./pages/signin.js";

const TITLE = "Copy of a birth certificate";
const NAME = "Name of the child";

/** @param {CasePage} one @param {string} value waits until the name is this */
function named(one, value) {
    return until(async () => (await one.field(NAME).inputValue()) === value, `${value} is there`);
}

test("a case goes its whole way on the page: form, desk, document", async ({ open }) => {
    const opened = await open();
    const { page } = opened;
    await signIn(opened, "alice");
    const one = await begin(page, TITLE);
    await one.field(NAME).fill("Anna O'Zola");
    await one.saved();
    await page.reload();
    await named(one, "Anna O'Zola");
    await one.field("Day of birth").fill("2999-01-01");
    await one.field(NAME).focus();
    await one.error("born_on").waitFor();
    await one.field("Day of birth").fill("2015-05-03");
    await one.form.getByLabel("School").check();
    await one.send.click();
    await one.state.getByText("submitted, waits for the office").waitFor();
    const { number } = await ask("follow_case", { person: "alice" });
    await one.card.getByText(number).waitFor();
    await ask("desk", { number, choices: ["claim"] });
    await one.state.getByText("a clerk is looking at it").waitFor();
    await ask("desk", { number, choices: ["approve"] });
    const downloads = page.waitForEvent("download");
    await one.documents.getByRole("button", { name: "Download" }).click();
    const file = await readFile(await (await downloads).path());
    const digest = createHash("sha256").update(file).digest("hex");

    assert.equal(file.subarray(0, 5).toString(), "%PDF-");
    const shown = (await one.documents.locator("code").innerText()).replace(/\s/g, "");
    assert.equal(shown, digest);
    await one.goTo("Home");
    await new HomePage(page).isAt("Home");
    await page.getByRole("main").getByRole("link", { name: TITLE }).first().waitFor();
});

// long
test("a refused case says why, by which law, and until when one can appeal", async ({ open }) => {
    const opened = await open({ reducedMotion: "reduce" });
    const { page } = opened;
    await signedIn(opened, "rosa");
    const one = await begin(page, TITLE);
    await one.field(NAME).fill("Anna Weber");
    await one.field("Day of birth").fill("1912-05-03");
    await one.form.getByLabel("Travel").check();
    await one.send.click();
    const { number } = await ask("follow_case", { person: "rosa" });
    const text = "The register begins in 1950.\nAsk the <b>archive</b> of the county.";
    await ask("refuse", { number, reason: "not_found", text });
    await one.refusal.waitFor();
    const shown = await one.refusal.innerText();
    const due_ms = Date.parse(await one.refusal.locator("strong").innerText());
    const days = (due_ms - Date.now()) / (24 * 60 * 60 * 1000);

    for (const words of [
        "There is no such entry in the register",
        "Civil Status Act, section 26 (1)",
        text,
        "Administrative Court",
    ])
        assert.ok(shown.includes(words), `${words}: ${shown}`);
    assert.ok(days > 28 && days < 32, shown);
    await one.state.getByText("refused").waitFor();
    assert.equal(await one.page.getByRole("button", { name: "Send" }).count(), 0);
    await glance(page, "case-refused");
    await page.reload();
    await one.refusal.waitFor();
});

// long
test("a session that was ended elsewhere is begun again at the same place, with what was typed", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/); // 401 of the calls that come too late
    const opened = await open();
    const { page } = opened;
    await signIn(opened, "bob");
    const { user } = await ask("person", { person: "bob" });
    const one = await begin(page, TITLE);
    const { place } = one;
    await ask("say", { person: "bob", text: "sign out" });
    await one.alert.getByText("Nothing you typed is lost").first().waitFor();
    await one.field(NAME).fill("Boris");
    await one.alert.getByRole("link", { name: "Sign in" }).first().click();
    const again = new SignInPage(page);
    await again.askCode(user);
    const { code } = await ask("code", { person: "bob" });
    await again.code.fill(code);
    await one.form.waitFor();
    await named(one, "Boris");

    assert.equal(one.place, place);
    await one.saved();
    await page.reload();
    await named(one, "Boris");
});

// long
test("what is typed on one device is there on another, and neither overwrites the other", async ({
    open,
}) => {
    const first = await open();
    await signIn(first, "carla");
    const one = await begin(first.page, TITLE);
    const { place } = one;
    const second = await open();
    await signIn(second, "carla");
    const other = new CasePage(second.page);
    await other.open(place);
    await one.field(NAME).fill("From the first");
    await named(other, "From the first");
    await other.field("Day of birth").fill("2015-05-03");
    await other.saved();
    await until(
        async () => (await one.field("Day of birth").inputValue()) === "2015-05-03",
        "the day is there",
    );

    assert.equal(await one.field(NAME).inputValue(), "From the first");
    for (const { page } of [first, second])
        assert.equal(await page.getByText("changed elsewhere").count(), 0);
});
