// stage: pages
import assert from "node:assert/strict";
import { AgencyFake, CASE, line, theCase } from "./agency_fake.js";
import { BASE, glance, look, test, until } from "./harness.js";
import { AppPage } from "./pages/app.js";
import { HomePage } from "./pages/home.js";
import { ServicePage, ServicesPage } from "./pages/services.js";

const TITLE = "Copy of a birth certificate";
const OFFICES = [
    {
        office: "riga.civil-status",
        name: "Civil Status Office",
        organisation: "Town of Riga",
        bot: "@veche_riga:localhost",
        chat: "https://matrix.to/#/!chat:localhost",
    },
];

/** @param {import("./harness.js").Opened} opened @param {Parameters<AgencyFake["serve"]>[1]} [options] */
async function town(opened, options) {
    const fake = new AgencyFake();
    fake.homes = OFFICES;
    fake.cases = [
        line({ waits_for_you: true, state_text: "waits for your answer", next: "Please answer." }),
        line({ case: "01JD0000000000000000000002", title: "Change of address" }),
        line({ case: "01JD0000000000000000000003", is_open: false, clock: null }),
    ];
    await fake.serve(opened, options);
    return fake;
}

test("one goes from page to page without a new document, and back by the back button", async ({
    open,
}) => {
    const opened = await open();
    await town(opened);
    const home = new HomePage(opened.page);
    const { page } = opened;
    await home.visit();
    await page.evaluate(() => Object.assign(window, { isSame: true }));
    await home.goTo("Services");
    await home.isAt("Services");
    await new ServicesPage(page).choose(TITLE);
    await home.isAt(TITLE);
    assert.equal(await page.title(), `${TITLE} · Veche`);
    await page.goBack();
    await home.isAt("Services");
    assert.equal(await page.title(), "Services · Veche");
    await page.goBack();
    await home.isAt("Home");
    await page.goForward();
    await home.isAt("Services");

    assert.equal(await page.evaluate(() => "isSame" in window), true);
});

test("the back button comes back to where the page was scrolled to", async ({ open }) => {
    const opened = await open({ viewport: { width: 400, height: 400 } });
    const fake = await town(opened);
    fake.cases = Array.from({ length: 20 }, (_, at) =>
        line({ case: `01JD00000000000000000000${10 + at}`, title: `Case ${at}` }),
    );
    const { page } = opened;
    const home = new HomePage(page);
    await home.visit();
    const row = home.cases.getByRole("link", { name: "Case 15" });
    await row.scrollIntoViewIfNeeded();
    const top = await page.evaluate(() => Math.round(window.scrollY));
    await home.nav.getByRole("link", { name: "Services" }).dispatchEvent("click");
    await home.isAt("Services");
    assert.equal(await page.evaluate(() => window.scrollY), 0);
    await page.goBack();

    await page.waitForFunction((wanted) => Math.abs(window.scrollY - wanted) < 2, top);
    assert.ok(top > 500, `${top}`);
});

test("the keyboard alone goes everywhere", async ({ open }) => {
    const opened = await open();
    await town(opened);
    const { page } = opened;
    const home = new HomePage(page);
    await home.visit();
    await home.waiting.waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "To the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await home.isAt(TITLE);
    await page.keyboard.press("Shift+Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent?.trim()), "Home");
    await home.account.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "hidden" });
});

test("language and look are kept on the device, and the language is told to the bots", async ({
    open,
}) => {
    const opened = await open({ contrast: "more" });
    const fake = await town(opened);
    const app = new AppPage(opened.page);
    await app.open("/services");
    await app.speak("de");
    await app.heading.filter({ hasText: "Dienste" }).waitFor();
    await opened.page.waitForFunction(() => document.title === "Dienste · Veche");
    // The page is German before it asks in German.
    const asked = () =>
        fake
            .of("GET", /catalogue$/)
            .at(-1)
            ?.query.get("lang");
    await until(() => asked() === "de", "what there is, in German");
    const told = () => fake.of("PUT", /sessions\/v1\/language/).map(({ body }) => body);
    await until(() => told().length > 0, "the bots are told");
    await app.look("dark");
    await opened.page.reload();
    await app.heading.filter({ hasText: "Dienste" }).waitFor();
    const root = await opened.page.evaluate(() => [
        document.documentElement.lang,
        document.documentElement.className,
    ]);

    assert.deepEqual(root, ["de", "cpd-theme-dark-hc"]);
    assert.deepEqual(told(), [{ language: "de" }]);
});

test("signing out leaves nothing of the person on the page", async ({ open }) => {
    const opened = await open();
    const fake = await town(opened);
    const { page } = opened;
    const home = new HomePage(page);
    await home.visit();
    await home.waiting.waitFor();
    await home.signOut();
    await page.getByRole("link", { name: "Look at the services" }).waitFor();
    const text = await page.locator("body").innerText();
    await page.goBack();
    await home.signIn.waitFor();
    await page.reload();
    await home.signIn.waitFor();

    assert.doesNotMatch(text, /alice|birth certificate/);
    assert.equal(fake.of("DELETE", /sessions\/v1\/session$/).length, 1);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("veche.session")), null);
});

test("a sign-out that does not arrive is told, and one stays signed in", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened);
    fake.lost.add("DELETE /sessions/v1/session");
    const home = new HomePage(opened.page);
    await home.visit();
    await home.waiting.waitFor();
    await home.signOut();

    await home.alert.getByText("You are still signed in").waitFor();
    assert.equal(await home.waiting.isVisible(), true);
});

test("without a network the page says so, and goes on by itself", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened);
    const home = new HomePage(opened.page);
    await home.visit();
    await home.cases.waitFor();
    await opened.context.setOffline(true);
    await home.offline.waitFor();
    fake.cases = [line({ title: "A new one" })];
    await opened.context.setOffline(false);
    fake.change();
    await home.cases.getByText("A new one").waitFor();

    await home.offline.waitFor({ state: "hidden" });
});

test("a service that is not reached is told, and asked again by itself", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = await town(opened);
    fake.lost.add("GET /agency/v1/cases");
    const home = new HomePage(opened.page);
    await home.visit();
    await home.offline.waitFor();
    fake.lost.clear();

    await home.cases.waitFor();
    await home.offline.waitFor({ state: "hidden" });
});

test("an address without a page says so, and leads on", async ({ open }) => {
    const opened = await open();
    await town(opened);
    const app = new AppPage(opened.page);
    await app.open("/cases/not-a-case");
    await app.heading.filter({ hasText: "There is nothing here" }).waitFor();
    await opened.page.getByRole("main").getByRole("link", { name: "Home" }).click();

    await app.isAt("Home");
});

test("a clock of this machine that is wrong moves no deadline", async ({ open }) => {
    const opened = await open();
    const day_ms = 24 * 60 * 60 * 1000;
    const fake = await town(opened);
    const due_at_ms = Date.now() + day_ms;
    fake.cases = [line({ clock: { due_at_ms, rule: "" } })];
    const home = new HomePage(opened.page);
    await opened.page.clock.setFixedTime(Date.now() + 40 * day_ms);
    await home.visit();

    await home.cases.getByText("due tomorrow").waitFor();
});

test("a press with a key held opens a tab, as everywhere", async ({ open }) => {
    const opened = await open();
    await town(opened);
    const home = new HomePage(opened.page);
    await home.visit();
    const opens = opened.context.waitForEvent("page");
    await home.nav.getByRole("link", { name: "Services" }).click({ modifiers: ["ControlOrMeta"] });
    const tab = await opens;
    await tab.waitForURL(`${BASE}/services`);

    assert.equal(home.place, "/");
});

test("home looks well in every state", async ({ open }) => {
    const opened = await open();
    const fake = await town(opened);
    const home = new HomePage(opened.page);
    await home.visit();
    await home.closed.locator("summary").click();
    await look(opened.page, "home");
    fake.cases = [];
    fake.change();
    await home.empty.waitFor();
    await glance(opened.page, "home-empty");
    await home.account.click();
    await glance(opened.page, "account");
});

test("home looks well for a stranger, and leads to the services", async ({ open }) => {
    const opened = await open();
    await town(opened, { isSignedIn: false });
    const { page } = opened;
    const home = new HomePage(page);
    await home.visit();
    await glance(page, "home-stranger");
    await page.getByRole("link", { name: "Look at the services" }).click();
    await home.isAt("Services");
    await new ServicesPage(page).choose(TITLE);
    const service = new ServicePage(page);
    await service.isAt(TITLE);

    assert.equal(
        await service.signInAndStart.getAttribute("href"),
        `/signin#return=${encodeURIComponent(`${service.place}#start`)}`,
    );
});

const PAYLOADS = [
    `<img src=x onerror="window.hurt=1">`,
    `"><script>window.hurt=2</script>`,
    `javascript:window.hurt=3`,
    "{{constructor.constructor('window.hurt=4')()}}",
    "\u202Etxt.exe \u05E9\u05DC\u05D5\u05DD 👩‍👩‍👧 ".repeat(3),
];

/** @param {unknown} value @param {string} words @returns {any} the same with these words in every text */
function poisoned(value, words) {
    if (typeof value === "string") return words;
    if (Array.isArray(value)) return value.map((one) => poisoned(one, words));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
        Object.entries(value).map(([name, one]) => [
            name,
            ["case", "office", "service", "version", "path", "kind", "state"].includes(name)
                ? one
                : poisoned(one, words),
        ]),
    );
}

test("hostile words stay words, wherever they stand", async ({ open }) => {
    const opened = await open();
    const fake = await town(opened);
    const { homes, cases, offices, page } = fake;
    for (const words of PAYLOADS) {
        fake.cases = poisoned(cases, words);
        fake.homes = poisoned(homes, words);
        fake.offices = poisoned(offices, words);
        fake.page = poisoned(page, words);
        fake.case = { ...poisoned(theCase({ question: { text: "", due_at_ms: 0 } }), words) };
        fake.case.case = CASE;
        const app = new AppPage(opened.page);
        for (const path of ["/", "/services", "/services/o/s", `/cases/${CASE}`]) {
            await app.open(path);
            await opened.page.locator(".rows, .facts").first().waitFor();
            const found = await opened.page.evaluate(() => ({
                hurt: "hurt" in window,
                planted: document.querySelectorAll("main img, main script, main iframe").length,
                addresses: [...document.querySelectorAll("a")]
                    .map(({ href }) => href)
                    .filter((href) => !href.startsWith("http")),
                wider: document.documentElement.scrollWidth - window.innerWidth,
            }));
            assert.deepEqual(found, { hurt: false, planted: 0, addresses: [], wider: 0 }, path);
        }
    }
});
