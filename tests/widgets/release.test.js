// stage: house
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ask, glance, look, test, until } from "./harness.js";
import { begin, makeKey, signIn, signedIn, withKey } from "./journeys.js";
import { ApprovePage } from "./pages/approve.js";
import { CasePage } from "./pages/case.js";
import { HomePage } from "./pages/home.js";
import { KeysPage } from "./pages/keys.js";
import { SignInPage } from "./pages/signin.js";

const IS_LONG = process.env.VECHE_LONG === "1";
const TITLE = "New address";
const OFFICE = "Vital Records Office";
/** Of the message that has the code of a sign-in. */
const SIGN_IN = "type this code there";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const QUESTION = "Approve with my key";
const MOVED = {
    "Your name": "Zoë O'Hara",
    "Your new address": "Sternweg 5 <b>\n12345 Lindenau",
    "Since when do you live there?": "2025-03-01",
    "How many people move, you included?": "2",
};
const SHOWN = {
    "Your name": "Zoë O'Hara",
    "Your new address": "Sternweg 5 <b>, 12345 Lindenau",
    "Since when do you live there": "1 March 2025",
    "How many people move, you included": "2",
};

/** @param {CasePage} one @param {Record<string, string>} values */
async function fill(one, values) {
    for (const [label, value] of Object.entries(values)) await one.field(label).fill(value);
    await one.send.click();
    await one.button(QUESTION).waitFor();
}

/** @param {CasePage} one @returns {Promise<ApprovePage>} in the tab that the press opens */
async function approving(one) {
    const popup = one.page.waitForEvent("popup");
    await one.button(QUESTION).click();
    const approve = new ApprovePage(await popup);
    await approve.hero.waitFor();
    return approve;
}

/** @param {ApprovePage} approve @returns {Promise<Record<string, string>>} what is shown to be given */
async function given(approve) {
    const { For, Number: _, ...values } = Object.fromEntries(await approve.shown());
    assert.equal(For, TITLE);
    return values;
}

/** @param {string} person @param {string} answer waits until the chat shows it below the question */
function answeredInChat(person, answer) {
    return until(async () => {
        const all = await ask("messages", { person });
        const asked = all
            .filter((/** @type {any} */ one) => one.body.includes("Nothing is sent before that."))
            .map((/** @type {any} */ one) => one.content["m.new_content"]?.body ?? one.body);
        return asked.some((/** @type {string} */ body) => body.endsWith(`\n\nAnswer: ${answer}`));
    }, `the chat says: ${answer}`);
}

/** @param {CasePage} one waits for the document, and fetches it */
async function download(one) {
    const downloads = one.page.waitForEvent("download");
    await one.documents.getByRole("button", { name: "Download" }).click();
    const file = await readFile(await (await downloads).path());
    const shown = (await one.documents.locator("code").innerText()).replace(/\s/g, "");
    assert.equal(file.subarray(0, 5).toString(), "%PDF-");
    assert.equal(createHash("sha256").update(file).digest("hex"), shown);
}

/** @param {import("./harness.js").Opened} opened whose machine's clock is wrong from now on @param {number} ms */
function setWrong({ context }, ms) {
    return context.addInitScript((ahead_ms) => {
        const Right = Date;
        globalThis.Date = /** @type {DateConstructor} */ (
            class extends Right {
                /** @param {any[]} given */
                constructor(...given) {
                    super(.../** @type {[any]} */ (given.length ? given : [Date.now()]));
                }

                static now() {
                    return Right.now() + ahead_ms;
                }
            }
        );
    }, ms);
}

test("what a key approves is what was filled in, and the case goes on by itself", async ({
    open,
}) => {
    const opened = await open({ reducedMotion: "reduce" });
    const { page } = opened;
    await withKey(opened, "olga");
    const one = await begin(page, TITLE);
    await fill(one, MOVED);
    await glance(page, "case-approve");
    const approve = await approving(one);
    await look(approve.page, "approve-address");

    assert.equal(await approve.hero.innerText(), OFFICE);
    assert.deepEqual(await given(approve), SHOWN);
    await approve.yes.click();
    await approve.page.getByRole("heading", { name: "Approved" }).waitFor();
    await approve.close();
    await download(one);
    await one.button(QUESTION).waitFor({ state: "detached" });
    await answeredInChat("olga", QUESTION);
    await glance(page, "case-served");
});

// long
test("who declines changes an answer, and approves that", async ({ open }) => {
    const opened = await open();
    const { page } = opened;
    await withKey(opened, "pavel");
    const one = await begin(page, TITLE);
    await fill(one, MOVED);
    const first = await approving(one);
    await first.no.click();
    await first.page.getByRole("heading", { name: "Declined" }).waitFor();
    await first.close();
    await one.form.waitFor();
    assert.equal(await one.field("Your name").inputValue(), MOVED["Your name"]);
    await answeredInChat("pavel", "No, change an answer");
    await fill(one, { "How many people move, you included?": "3" });
    const second = await approving(one);

    assert.deepEqual(await given(second), { ...SHOWN, "How many people move, you included": "3" });
    await second.yes.click();
    await second.page.getByRole("heading", { name: "Approved" }).waitFor();
    await download(one);
});

// long
test("who has no key makes one on the way, and comes back to approve", async ({ open }) => {
    const opened = await open({ reducedMotion: "reduce" });
    await signIn(opened, "quentin");
    const { user } = await ask("person", { person: "quentin" });
    const one = await begin(opened.page, TITLE);
    await fill(one, MOVED);
    const approve = await approving(one);
    const { page } = approve;
    await glance(page, "approve-address-no-key");
    assert.equal(await page.getByRole("button").count(), 0, "nothing to press without a key");
    await page.getByRole("link", { name: "Make a key for this device" }).click();
    await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
    const again = new SignInPage(page);
    await again.askCode(user);
    await again.code.fill((await ask("code", { person: "quentin", text: SIGN_IN })).code);
    await makeKey(page, "quentin");
    await page.getByRole("link", { name: "Go on approving" }).click();
    await approve.hero.waitFor();

    assert.deepEqual(await given(approve), SHOWN);
    await approve.yes.click();
    await page.getByRole("heading", { name: "Approved" }).waitFor();
    await download(one);
});

// long
test("a clock that is ten minutes wrong is told, and everything works", async ({ open }) => {
    const clocks = /** @type {const} */ ([
        ["sara", 10, "The clock of this device is 10 minutes fast."],
        ["tom", -10, "The clock of this device is 10 minutes slow."],
    ]);
    for (const [person, minutes, words] of IS_LONG ? clocks : clocks.slice(1)) {
        const opened = await open();
        const { page } = opened;
        await setWrong(opened, minutes * MINUTE_MS);
        await signIn(opened, person);
        const keys = new KeysPage(page);
        await keys.visit();
        await keys.make.click();
        await keys.makeKey.click();
        const fingerprint = await keys.words.innerText();
        await page.reload();
        const { code } = await ask("code", { person, text: fingerprint });
        await keys.code.fill(code);
        await keys.made.waitFor();
        const one = await begin(page, TITLE);
        await fill(one, MOVED);
        const approve = await approving(one);
        await approve.page.getByText(words).waitFor();
        await approve.yes.click();
        await approve.page.getByRole("heading", { name: "Approved" }).waitFor();
        await download(one);
        await one.goTo("Home");
        await new HomePage(page).isAt("Home");
    }
});

// long
test("a clock that is wrong by days shows the right days", async ({ open }) => {
    const { case: id } = await ask("start_case", { person: "uma" });
    /** @type {string[][]} */
    const seen = [];
    for (const days of IS_LONG ? [0, 4, -400] : [0, -400]) {
        const opened = await open();
        const { page } = opened;
        if (days) await setWrong(opened, days * DAY_MS);
        await signedIn(opened, "uma");
        const home = new HomePage(page);
        await home.visit();
        const inList = await home.cases.locator(".clock-words").innerText();
        const one = new CasePage(page);
        await one.visit(id);
        seen.push([inList, await one.card.locator(".clock-words").innerText()]);
    }

    assert.match(String(seen[0]), /^due in \d working days,due in \d working days$/);
    assert.deepEqual(seen, Array(seen.length).fill(seen[0]));
});
