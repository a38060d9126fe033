/** Signing in to the app with an account that is elsewhere: at one's own server, by the browser. */
// stage: up
import assert from "node:assert/strict";
import { APP, ask, look, test } from "./harness.js";
import { USUAL } from "./app_account.js";
import { DoorPage } from "./pages/door.js";

/** @typedef {import("playwright-core").Page} Page */

const PASSPHRASE = "a passphrase that stays at home";
/** The other town federates with nobody: its people can invite no bot of ours. */
const ALONE = /status of 403/;
/** Pages of the provider and of Synapse want pictures and styles of the Internet. */
const ADORNED = /ERR_NAME_NOT_RESOLVED/;

/** Goes on at a server, as one types it. @param {Page} page @param {string} server */
async function goOnAt(page, server) {
    await page.getByText("My account is on another server").click();
    await page.getByLabel("Its server, such as example.org").fill(server);
    await page.getByRole("button", { name: "Go on there" }).click();
    await page.getByRole("heading", { name: "Sign in at your server" }).waitFor();
}

/**
 * Signs in there, from the view that lists its ways, and comes back.
 * @param {Page} page
 * @param {string} provider
 * @param {string} name
 */
async function comeBack(page, provider, name) {
    await page.getByRole("button", { name: `Continue with ${provider}` }).click();
    await page.locator("input[name=sub]").fill(name);
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.getByRole("link", { name: "Continue" }).click(); // the server shows who asks
    await page.waitForURL((url) => url.origin === APP);
}

test("somebody signs in at their own server, makes a recovery key, and comes back by it on a second device", async ({
    open,
    expect,
}) => {
    for (const usual of [...USUAL, ALONE, ADORNED]) expect(usual);
    const { address, provider } = await ask("elsewhere");
    const { page } = await open({ ignoreHTTPSErrors: true });
    const door = new DoorPage(page);
    await door.visit("#/start/sign-in");
    await goOnAt(page, address);
    assert.equal(await page.locator("input[type=password]").count(), 0);
    await look(page, "app-elsewhere");
    await comeBack(page, provider, "flora");
    await door.saved.waitFor();
    assert.doesNotMatch(page.url(), /loginToken/);
    const groups = await door.groups.allInnerTexts();
    await door.tap(door.saved);
    await door.confirm(groups);
    await door.visit("#/me");
    await page.getByText(`@flora:${new URL(address).host}`).waitFor();

    const second = (await open({ ignoreHTTPSErrors: true })).page;
    const there = new DoorPage(second);
    await there.visit("#/start/sign-in");
    await goOnAt(second, address);
    await comeBack(second, provider, "flora");
    await there.at("Confirm this device");
    await second.getByLabel("Recovery key").fill(groups.join(" "));
    await second.getByRole("button", { name: "Confirm", exact: true }).click();
    await second.getByLabel("Recovery key").waitFor({ state: "detached" });
    await there.visit("#/me");
    await second.getByText(`@flora:${new URL(address).host}`).waitFor();
});

// long
test("in a town whose accounts are all at a provider, one signs in there, and is back where one was", async ({
    open,
    expect,
}) => {
    for (const usual of [...USUAL, ALONE, ADORNED]) expect(usual);
    const { address, provider } = await ask("elsewhere");
    const { context, page } = await open({ ignoreHTTPSErrors: true });
    const json = {
        ...{ homeserver_url: address, server_name: new URL(address).host, registration: "off" },
        ...{ name: { en: "Town" }, notice: {}, has_push: false },
    };
    await context.route(`${APP}/_veche/app/v1/site`, (route) => route.fulfill({ json }));
    const door = new DoorPage(page);
    await door.visit("#/services");
    await page.getByRole("link", { name: /^Copy of a birth certificate/ }).click();
    await page.locator("a.button.primary", { hasText: "Start" }).click();
    await page.getByRole("button", { name: `Continue with ${provider}` }).waitFor();
    assert.equal(await page.locator("input[type=password]").count(), 0);
    await look(page, "app-single-sign-on");
    await comeBack(page, provider, "gerda");
    await door.saved.waitFor();
    assert.doesNotMatch(page.url(), /loginToken/);
    const groups = await door.groups.allInnerTexts();
    await door.tap(door.saved);
    await door.confirm(groups);
    await door.at("Copy of a birth certificate");
    await door.visit("#/me");
    await page.getByText(`@gerda:${new URL(address).host}`).waitFor();
});

test("a passphrase goes to no other server, and servers that the app can't use are told apart", async ({
    open,
    expect,
}) => {
    for (const usual of [...USUAL, /ERR_FAILED/]) expect(usual);
    const { context, page } = await open();
    /** @type {Record<string, unknown>} */
    const logins = {
        "password.example": { flows: [{ type: "m.login.password" }] },
        "oauth.example": { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" },
    };
    await context.route(/^https:\/\/[a-z]+\.example\//, (route) => {
        const { host, pathname } = new URL(route.request().url());
        const login = logins[host];
        if (!login) return route.abort();
        const headers = { "Access-Control-Allow-Origin": "*" };
        if (pathname.endsWith("/versions"))
            return route.fulfill({ headers, json: { versions: ["v1.11"] } });
        if (pathname.endsWith("/login"))
            return route.fulfill({
                headers,
                status: "flows" in /** @type {any} */ (login) ? 200 : 404,
                json: login,
            });
        return route.fulfill({ headers, status: 404, json: {} });
    });
    /** @type {string[]} */
    const told = [];
    page.on("request", (request) => {
        if (request.postData()?.includes(PASSPHRASE)) told.push(request.url());
    });
    const door = new DoorPage(page);
    for (const server of Object.keys(logins)) {
        await door.visit("#/start/sign-in");
        await page.reload();
        await door.name.fill(`@anna:${server}`);
        await door.passphrase.fill(PASSPHRASE);
        await page.getByRole("button", { name: "Sign in", exact: true }).click();
        await page.getByText("This server lets you sign in only in its own app.").waitFor();
        assert.equal(await page.locator("input[type=password]").count(), 0);
    }
    await page.getByRole("button", { name: "Back" }).click();
    await page.getByText("My account is on another server").click();
    await page.getByLabel("Its server, such as example.org").fill("nowhere.example");
    await page.getByRole("button", { name: "Go on there" }).click();
    await page.getByText("This server can't be reached.").waitFor();
    assert.deepEqual(told, []);

    await page.evaluate(() =>
        sessionStorage.setItem("veche.returning", '{"base": "https://oauth.example"}'),
    );
    await page.goto(`${APP}/?loginToken=used`);
    await page.getByText("Signing in took too long, or was used already.").waitFor();
    assert.doesNotMatch(page.url(), /loginToken/);
});
