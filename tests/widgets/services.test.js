// stage: pages
import assert from "node:assert/strict";
import { AgencyFake, CASE, service, servicePage } from "./agency_fake.js";
import { answer } from "./answers.js";
import { gate, glance, look, test, until } from "./harness.js";
import { ServicePage, ServicesPage } from "./pages/services.js";

const TITLE = "Copy of a birth certificate";
const REFUSED = { errcode: "M_LIMIT_EXCEEDED", error: "Too many requests", retry_after_ms: 7000 };

/** @param {import("./harness.js").Opened} opened @param {{isSignedIn?: boolean}} [options] */
async function town(opened, options = { isSignedIn: false }) {
    const fake = new AgencyFake();
    const { 0: first } = fake.offices;
    fake.offices.push({
        .../** @type {NonNullable<typeof first>} */ (first),
        office: "riga.residents",
        name: "Residents' Office",
        services: [service({ office: "riga.residents", service: "address", title: "New address" })],
    });
    await fake.serve(opened, options);
    return fake;
}

test("anybody finds a service by words and by office, and the address remembers it", async ({
    open,
}) => {
    const opened = await open();
    const fake = await town(opened);
    const services = new ServicesPage(opened.page);
    await services.visit();
    await services.count.getByText("2 services").waitFor();
    await services.words.fill("birth copy");
    await services.count.getByText("1 service", { exact: true }).waitFor();
    assert.equal(services.place, "/services?q=birth+copy");
    await services.choose(TITLE);
    await services.isAt(TITLE);
    await opened.page.goBack();
    await services.count.getByText("1 service", { exact: true }).waitFor();
    assert.equal(await services.words.inputValue(), "birth copy");
    await services.words.fill("");
    await services.office.selectOption({ label: "Residents' Office" });
    await services.rows.filter({ hasText: "New address" }).waitFor();
    await opened.page.reload();
    await services.rows.filter({ hasText: "New address" }).waitFor();

    assert.equal(await services.rows.count(), 1);
    assert.equal(services.place, "/services?office=riga.residents");
    assert.ok(fake.of("GET", /catalogue$/).length < 8, "one question a pause, not one a key");
});

test("words that no service has lead back to all", async ({ open }) => {
    const opened = await open();
    await town(opened);
    const services = new ServicesPage(opened.page);
    await services.visit("?q=zebra");
    await services.empty.waitFor();
    await glance(opened.page, "services-empty");
    await opened.page.getByRole("button", { name: "Show all services" }).click();

    await services.count.getByText("2 services").waitFor();
});

test("a service that is too busy says how long to wait", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened);
    fake.refuse("GET", "/agency/v1/catalogue", 429, REFUSED);
    const services = new ServicesPage(opened.page);
    await services.visit();
    await services.alert.getByText("wait 7 seconds").waitFor();
    fake.refusals.clear();
    await opened.page.getByRole("button", { name: "Try again" }).click();

    await services.count.getByText("2 services").waitFor();
});

test("a service is read by anybody and begun once by who is signed in", async ({ open }) => {
    const opened = await open();
    const fake = await town(opened, { isSignedIn: true });
    const page = new ServicePage(opened.page);
    fake.page = servicePage({ needs_key: true, min_trust: "verified" });
    await page.visit("riga.civil-status", "birth-certificate-copy");
    await page.start.waitFor();
    await look(opened.page, "service");
    await page.start.dblclick();
    await page.isAt(TITLE);

    const begun = fake.of("POST", /cases$/);
    assert.equal(new Set(begun.map(({ key }) => key)).size, 1);
    assert.equal(page.place, `/cases/${CASE}`);
});

test("who has too many open cases is told what to do", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened, { isSignedIn: true });
    const error = "You have 20 open cases with this office. Please finish one first.";
    fake.refuse("POST", "/agency/v1/cases", 409, { errcode: "ORG.VECHE.ANSWER_REFUSED", error });
    const page = new ServicePage(opened.page);
    await page.visit("riga.civil-status", "birth-certificate-copy");
    await page.start.click();

    await page.alert.getByText(error).waitFor();
    await until(() => page.start.isEnabled(), "the button stays off");
});

test("a service that is not there says so", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened);
    fake.refuse("GET", "/agency/v1/catalogue/a/b", 404, {
        errcode: "ORG.VECHE.NOT_FOUND",
        error: "",
    });
    const page = new ServicePage(opened.page);
    await page.visit("a", "b");

    await page.alert.getByText("There is nothing here").waitFor();
});

test("what is looked for stays through a refusal, and in another language", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened);
    const services = new ServicesPage(opened.page);
    await services.visit();
    await services.count.getByText("2 services").waitFor();
    fake.refuse("GET", "/agency/v1/catalogue", 429, REFUSED);
    await services.words.fill("birth");
    await services.alert.waitFor();
    fake.refusals.clear();
    await opened.page.getByRole("button", { name: "Try again" }).click();
    await services.count.getByText("1 service", { exact: true }).waitFor();
    assert.equal(await services.words.inputValue(), "birth");
    await services.speak("de");
    await services.count.getByText("1 Dienst", { exact: true }).waitFor();

    assert.equal(await opened.page.locator("#q").inputValue(), "birth");
    assert.equal(services.place, "/services?q=birth");
});

test("the language that was chosen last stands, whichever texts come first", async ({ open }) => {
    const opened = await open();
    await town(opened);
    const { page } = opened;
    const { promise: held, resolve: release } = gate();
    await page.route(/locale\/ru\.json$/, async (route) => {
        await held;
        await route.continue();
    });
    const services = new ServicesPage(page);
    await services.visit();
    await services.speak("ru");
    await services.speak("de");
    await services.heading.filter({ hasText: "Dienste" }).waitFor();
    const late = page.waitForResponse(/locale\/ru\.json$/);
    release(true);
    await (await late).finished();
    await services.words.or(page.locator("#q")).fill("x"); // draws anew, after what came late
    await page.getByRole("button", { name: "Alle Dienste zeigen" }).waitFor();

    assert.equal(await services.heading.innerText(), "Dienste");
});

test("a button that waits keeps the focus, and is pressed once", async ({ open }) => {
    const opened = await open();
    await town(opened, { isSignedIn: true });
    const page = new ServicePage(opened.page);
    const { promise: held, resolve: release } = gate();
    await page.visit("riga.civil-status", "birth-certificate-copy");
    await page.start.focus();
    let begun = 0;
    await answer(opened.context, /\/agency\/v1\/cases\?/, async (route) => {
        if (route.request().method() !== "POST") return route.fallback();
        begun += 1;
        await held;
        return route.fallback();
    });
    await opened.page.keyboard.press("Enter");
    await opened.page.locator("[aria-busy=true]").waitFor();
    await opened.page.keyboard.press("Enter");
    assert.equal(
        await opened.page.evaluate(() => document.activeElement?.getAttribute("aria-busy")),
        "true",
    );
    release(true);
    await page.isAt(TITLE);

    assert.equal(begun, 1);
});

test("a case whose chat takes long is told so, and goes on by the same key", async ({ open }) => {
    const opened = await open();
    const fake = await town(opened, { isSignedIn: true });
    const page = new ServicePage(opened.page);
    /** @type {Set<string | undefined>} */
    const keys = new Set();
    let isThere = false;
    await answer(opened.context, /\/agency\/v1\/cases\?/, (route) => {
        if (isThere || route.request().method() !== "POST") return route.fallback();
        keys.add(route.request().headers()["idempotency-key"]);
        return route.fulfill({ json: { case: null, is_chat_new: true } });
    });
    await page.visit("riga.civil-status", "birth-certificate-copy");
    await page.start.click();
    await page.alert.getByText("Your chat with the office is not ready yet").waitFor();
    isThere = true;
    await page.alert.getByRole("button", { name: "Try again" }).click();
    await page.isAt(TITLE);
    keys.add(fake.of("POST", /cases$/)[0]?.key);

    assert.equal(keys.size, 1);
});
