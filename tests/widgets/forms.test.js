// stage: pages
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { AgencyFake, CASE, FORM, draftCase, field } from "./agency_fake.js";
import { answer } from "./answers.js";
import { gate, glance, look, test, until } from "./harness.js";
import { CasePage } from "./pages/case.js";

/**
 * @typedef {{kind: string, language?: string, more?: Record<string, unknown>, typed?: string,
 *   chosen?: string[], selected?: string, answer: unknown, value: unknown}} FormCase
 */
const CASES = /** @type {FormCase[]} */ (
    JSON.parse(await readFile(path.join(import.meta.dirname, "forms_cases.json"), "utf8"))
);

/**
 * @param {import("./harness.js").Opened} opened
 * @param {unknown[]} fields
 * @param {{draft?: Record<string, unknown>, language?: string}} [options]
 */
async function formOf(opened, fields, { draft = {}, language } = {}) {
    const fake = new AgencyFake();
    fake.case = draftCase({ draft }, fields);
    await fake.serve(opened, { language });
    const one = new CasePage(opened.page);
    await one.visit(CASE);
    await one.form.waitFor();
    return { fake, one };
}

/** @param {CasePage} one @param {FormCase} given @param {string} label */
async function fill(one, { typed, chosen = [], selected }, label) {
    if (typed !== undefined) await one.field(label).fill(typed);
    if (selected !== undefined) await one.field(label).selectOption({ label: selected });
    const group = one.form.getByRole("group", { name: label });
    for (const option of chosen) await group.getByLabel(option, { exact: true }).check();
}

/** @param {FormCase[]} cases */
const fieldsOf = (cases) =>
    cases.map(({ kind, more }, at) =>
        field({ id: `f${at}`, kind, label: `Question ${at}.`, required: true, ...more }),
    );

/** @param {import("./harness.js").Stage} stage @param {string} language */
async function sendsEveryKind({ open }, language) {
    const cases = CASES.filter((one) => (one.language ?? "en") === language);
    const opened = await open({ locale: language, timezoneId: "Europe/Berlin" });
    const { fake, one } = await formOf(opened, fieldsOf(cases), { language });
    for (const [at, given] of cases.entries()) await fill(one, given, `Question ${at}.`);
    await one.form.locator("[type=submit]").click();
    await until(() => fake.of("POST", /answers$/).length === 1, "no answer");

    const expected = cases.map(({ answer }, at) => [`f${at}`, answer]);
    assert.deepEqual(fake.of("POST", /answers$/)[0]?.body.data, Object.fromEntries(expected));
}

test("every kind of question is answered as the service reads it", (stage) =>
    sendsEveryKind(stage, "en"));
test("every kind of question is answered as the service reads it, in German", (stage) =>
    sendsEveryKind(stage, "de"));
// long
test("every kind of question is answered as the service reads it, in Russian", (stage) =>
    sendsEveryKind(stage, "ru"));

test("what the service has is shown, and sent again as the same", async ({ open }) => {
    const cases = CASES.filter(({ language, kind }) => !language && kind !== "number");
    const draft = Object.fromEntries(cases.map(({ value }, at) => [`f${at}`, value]));
    const opened = await open({ timezoneId: "Europe/Berlin" });
    const { fake, one } = await formOf(opened, fieldsOf(cases), { draft });
    await one.send.click();
    await until(() => fake.of("POST", /answers$/).length === 1, "no answer");

    const sent = fake.of("POST", /answers$/)[0]?.body.data;
    for (const [at, { kind, answer, value }] of cases.entries()) {
        const again = sent[`f${at}`];
        const isCanonical = JSON.stringify(again) === JSON.stringify(value);
        const isRead =
            String(again).replace(/\s/g, "") === String(answer).replace(/\s/g, "").toUpperCase();
        const isAmount =
            kind === "money" && again === (answer === "1200 JPY" ? "1200 JPY" : "12.50");
        const isPlace = kind === "geo" && again === answer;
        assert.ok(
            isCanonical || isRead || isAmount || isPlace,
            `${kind}: ${JSON.stringify(again)}`,
        );
    }
});

test("what is wrong is told at its field, and goes when it is mended", async ({ open }) => {
    const opened = await open();
    const fields = [
        field({ id: "mail", kind: "email", label: "E-mail", required: true }),
        field({ id: "iban", kind: "iban", label: "Account", required: true }),
        field({ id: "many", kind: "text", label: "Motto", max_length: 5 }),
    ];
    const { fake, one } = await formOf(opened, fields);
    await one.field("E-mail").fill("nobody");
    assert.equal(await one.error("mail").count(), 0);
    await one.field("Account").focus();
    await one.error("mail").getByText("name@example.org").waitFor();
    assert.equal(await one.field("E-mail").getAttribute("aria-invalid"), "true");
    await one.field("E-mail").fill("anna@example.org");
    await one.error("mail").waitFor({ state: "detached" });
    fake.errors = [{ field: "iban", error: "The check digits are wrong.", code: "checksum" }];
    await one.field("Account").fill("DE00");
    await one.field("Motto").fill("👩‍👩‍👧👩‍👩‍👧");
    await one.error("iban").getByText("The check digits are wrong.").waitFor();
    await one.send.focus();

    await one.error("many").getByText("at most 5").waitFor();
});

test("sending shows a summary that leads to each wrong answer", async ({ open }) => {
    const opened = await open();
    const { fake, one } = await formOf(opened, FORM);
    await one.send.click();
    await one.summary.waitFor();
    assert.equal(await one.summary.evaluate((it) => it === document.activeElement), true);
    await look(opened.page, "form-wrong");
    await one.summary.getByRole("link", { name: "What do you need the copy for?" }).click();
    assert.equal(
        await one.form.getByLabel("School").evaluate((it) => it === document.activeElement),
        true,
    );
    await opened.page.keyboard.press("Space");
    await one.field("Name of the child").fill("Anna");
    await one.field("Day of birth").fill("2015-05-03");
    await one.summary.waitFor({ state: "detached" });
    await one.send.click();
    await until(() => fake.of("POST", /answers$/).length === 1, "no answer");

    assert.deepEqual(fake.of("POST", /answers$/)[0]?.body.data, {
        child_name: "Anna",
        born_on: "2015-05-03",
        reason: "school",
    });
});

test("what the service refuses is told at its field, and nothing typed is lost", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fields = [field({ id: "name", kind: "text", label: "Name", required: true })];
    const { fake, one } = await formOf(opened, fields);
    fake.refuse("POST", `/agency/v1/cases/${CASE}/answers`, 400, {
        errcode: "ORG.VECHE.FORM",
        error: "Some answers are not right.",
        errors: [{ field: "name", error: "Please write the whole name.", code: "short" }],
    });
    await one.field("Name").fill("A");
    await one.send.click();
    await one.error("name").getByText("Please write the whole name.").waitFor();

    assert.equal(await one.field("Name").inputValue(), "A");
});

test("what the service refuses stays told though a check that was asked for before comes later", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fields = [field({ id: "name", kind: "text", label: "Name", required: true })];
    const { fake, one } = await formOf(opened, fields);
    const { promise: held, resolve: release } = gate();
    const { promise: checked, resolve: note } = gate();
    let count = 0;
    await answer(opened.context, /\/forms\/check/, async (route) => {
        count += 1;
        if (count > 1) return route.fallback();
        await held;
        await route.fallback();
        note(undefined);
    });
    fake.refuse("POST", `/agency/v1/cases/${CASE}/answers`, 400, {
        errcode: "ORG.VECHE.FORM",
        error: "Some answers are not right.",
        errors: [{ field: "name", error: "Please write the whole name.", code: "short" }],
    });
    const refused = one.error("name").getByText("Please write the whole name.");
    await one.field("Name").fill("A");
    await one.field("Name").blur();
    await until(() => count === 1, "the field is checked");
    await one.send.click();
    await refused.waitFor();
    const heard = opened.page.waitForResponse(/\/forms\/check/);
    release(undefined);
    await Promise.all([heard, checked]);
    await opened.page.evaluate(() => new Promise((shown) => requestAnimationFrame(shown)));

    assert.ok(await refused.isVisible());
    await one.field("Name").fill("Anna");
    await refused.waitFor({ state: "detached" });
});

test("unknown kinds say where they are answered, and a photo of the chat answers too", async ({
    open,
}) => {
    const opened = await open();
    const fields = [
        field({ id: "old", kind: "photo", label: "Photo", required: true }),
        field({ id: "new", kind: "hologram", label: "Hologram" }),
    ];
    const { fake, one } = await formOf(opened, fields);
    await one.form.getByText("can't be answered on this page").waitFor();
    await one.send.click();
    await one.error("old").waitFor();
    fake.change({ ...fake.case, draft: { old: "copy.jpg (0.3 MB)" } });
    await one.form.getByText("copy.jpg (0.3 MB)").waitFor();

    await one.error("old").waitFor({ state: "detached" });
});

const PHOTO = { name: "copy.jpg", mimeType: "image/jpeg", buffer: Buffer.from([255, 216, 255, 1]) };
const FILES = `/agency/v1/cases/${CASE}/files`;

test("a photo is sent on the page, with its progress, and what is typed beside it stays", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fields = [
        field({ id: "name", kind: "text", label: "Name", required: true }),
        field({ id: "old", kind: "photo", label: "Photo", required: true, bytes_max: 1 << 20 }),
    ];
    const { fake, one } = await formOf(opened, fields);
    const choose = one.form.getByLabel("Choose a photo");
    assert.match((await choose.getAttribute("accept")) ?? "", /^image\/jpeg,/);
    assert.equal(await one.form.locator("[capture=environment]").count(), 1);
    await one.field("Name").fill("Anna");
    await choose.setInputFiles({ ...PHOTO, buffer: Buffer.alloc((1 << 20) + 1) });
    await one.form.getByText("This file is too large. The most is 1 MB.").waitFor();
    await choose.setInputFiles({ ...PHOTO, name: "a.txt", mimeType: "text/plain" });
    await one.form.getByText("This kind of file can't be used here.").waitFor();
    assert.equal(fake.of("POST", /files$/).length, 0);

    const errors = [{ field: "old", error: "The file arrived damaged.", code: "file_damaged" }];
    fake.refuse("POST", FILES, 400, { errcode: "ORG.VECHE.FORM", error: "Not right.", errors });
    await choose.setInputFiles(PHOTO);
    await one.form.getByText("The file arrived damaged.").waitFor();
    fake.refusals.clear();
    fake.lost.add(`POST ${FILES}`);
    await choose.setInputFiles(PHOTO);
    await one.form.getByText("The file was not sent").waitFor();
    fake.lost.clear();
    fake.hold(true);
    await choose.setInputFiles(PHOTO);
    await one.form.getByRole("progressbar").waitFor();
    await one.form.getByRole("button", { name: "Stop" }).click();
    await choose.waitFor();
    fake.hold(false);
    fake.acted = ({ path }) => {
        if (path.endsWith("/files"))
            fake.change({ ...fake.case, draft: { old: "copy.jpg (0.3 MB)" } });
    };
    await choose.setInputFiles(PHOTO);
    await one.form.getByText("copy.jpg (0.3 MB)").waitFor();

    const sent = fake.of("POST", /files$/).at(-1);
    assert.deepEqual(sent?.body, PHOTO.buffer);
    assert.deepEqual(
        ["field", "name", "mimetype"].map((name) => sent?.query.get(name)),
        ["old", "copy.jpg", "image/jpeg"],
    );
    assert.equal(await one.field("Name").inputValue(), "Anna");
    await look(opened.page, "form-photo");
    await one.send.click();
    await until(() => fake.of("POST", /answers$/).length === 1, "no answer");
    assert.deepEqual(fake.of("POST", /answers$/)[0]?.body.data, { name: "Anna" });
});

test("a file is added to a case that is with the office", async ({ open }) => {
    const opened = await open();
    const fake = new AgencyFake();
    fake.case = { ...fake.case, takes_files: true };
    await fake.serve(opened);
    const one = new CasePage(opened.page);
    await one.visit(CASE);
    await opened.page.getByLabel("Choose a file").setInputFiles(PHOTO);
    await opened.page.getByText("Sent: copy.jpg").waitFor();

    assert.equal(fake.of("POST", /files$/)[0]?.query.get("field"), "");
});

test("a form of every kind looks well", async ({ open }) => {
    const opened = await open({ timezoneId: "Europe/Berlin" });
    const cases = CASES.filter(({ language }) => !language);
    await formOf(opened, fieldsOf(cases));
    await glance(opened.page, "form-kinds");
});
