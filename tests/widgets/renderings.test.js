// stage: house
import assert from "node:assert/strict";
import { showWidget } from "./client.js";
import { ask, test, until } from "./harness.js";
import { CasePage } from "./pages/case.js";
import { ServicePage, ServicesPage } from "./pages/services.js";

const NAME = "Name of the child";
const BORN = "Day of birth";

/** @param {import("./harness.js").Opened} opened @param {string} person @returns {Promise<string>} number */
async function applyOnPage({ page }, person) {
    const { link } = await ask("sign_in", { person });
    await page.goto(link);
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();
    const services = new ServicesPage(page);
    await services.visit();
    await services.choose("Copy of a birth certificate");
    await new ServicePage(page).start.click();
    const one = new CasePage(page);
    await one.field(NAME).fill("Anna Weber");
    await one.field(BORN).fill("2020-03-12");
    await one.form.getByLabel("Travel").check();
    await one.send.click();
    await one.state.getByText("submitted, waits for the office").waitFor();
    return (await ask("follow_case", { person })).number;
}

/** @param {import("./harness.js").Opened} opened @param {string} person @returns {Promise<string>} number */
async function applyInWidget(opened, person) {
    await ask("open_form", { person });
    const known = await ask("messages", { person });
    const timeline = known.filter((/** @type {any} */ { type }) => type === "m.room.message");
    const widget = await showWidget(opened, { timeline });
    const { frame } = widget;
    await frame.getByLabel(NAME).fill("Anna Weber");
    await frame.getByLabel(BORN).fill("2020-03-12");
    await frame.getByLabel("Travel").check();
    await frame.getByRole("button", { name: "Send", exact: true }).click();
    await until(async () => (await widget.sent()).length === 1, "the form is not sent");
    await ask("send", { person, content: (await widget.sent())[0] });
    return (await ask("follow_case", { person })).number;
}

// long
test("a form answered in words, on the page and in a widget is the same case for the office", async ({
    open,
}) => {
    const typed = await ask("type_case", { person: "tilda" });
    const onPage = await applyOnPage(await open(), "paula");
    const inWidget = await applyInWidget(await open(), "wanda");
    const shown = [];
    for (const number of [typed.number, onPage, inWidget])
        shown.push(await ask("desk_answers", { number }));

    assert.ok(shown[0].length >= 3, String(shown[0]));
    assert.deepEqual(shown[1], shown[0]);
    assert.deepEqual(shown[2], shown[0]);
});
