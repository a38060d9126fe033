// stage: house
import assert from "node:assert/strict";
import { fake, refusal } from "./approvals_fake.js";
import { BASE, ask, glance, look, test } from "./harness.js";
import { flows, homeserver } from "./homeserver_fake.js";
import { SignInPage } from "./pages/signin.js";

const LOGIN = "/_matrix/client/v3/login";

test("a wrong code is told, three burn the request, and a new one signs in and leads back to where one was", async ({
    open,
    expect,
}) => {
    expect(/status of 403/);
    const { user } = await ask("person", { person: "bert" });
    const { page } = await open({ reducedMotion: "reduce" });
    const signIn = new SignInPage(page);
    await signIn.visit(`#return=${encodeURIComponent("/services?q=copy")}`);
    await look(page, "signin");
    await signIn.askCode(user);
    await glance(page, "signin-code");
    const { code } = await ask("code", { person: "bert" });
    const wrong = code === "000000" ? "111111" : "000000";
    for (let tries = 0; tries < 3; tries += 1) {
        await signIn.code.fill(wrong);
        await signIn.error.filter({ hasText: "This is not the code" }).waitFor();
        await page.waitForFunction(
            () => !document.querySelector("#code")?.hasAttribute("readonly"),
        );
        assert.equal(await signIn.code.inputValue(), "");
    }
    await look(page, "signin-wrong");
    await signIn.code.fill(code);
    await signIn.error.filter({ hasText: "not good any more" }).waitFor();
    await signIn.resend.click();
    await page.getByText("A new code is on its way").waitFor();
    const fresh = await ask("code", { person: "bert" });
    // As a phone pastes it.
    await signIn.code.fill(`${fresh.code.slice(0, 3)} ${fresh.code.slice(3)}`);
    await page.waitForURL(`${BASE}/services?q=copy`);

    await page.getByRole("button", { name: `Your account: ${user}` }).waitFor();
});

// long
test("a reload while one looks for the code loses nothing", async ({ open }) => {
    const { user } = await ask("person", { person: "carla" });
    const { page } = await open({ reducedMotion: "reduce" });
    const signIn = new SignInPage(page);
    await signIn.visit("#return=/keys");
    await signIn.askCode(user);
    const { code } = await ask("code", { person: "carla" });
    await page.reload();
    await signIn.code.fill(code);
    await page.waitForURL(`${BASE}/keys`);
});

test("a link leaves the address at once, shows who one is, works once, and can be put away if it is somebody else's", async ({
    open,
    expect,
}) => {
    expect(/status of 40[34]/); // 404: the page after it was put away
    const { user } = await ask("person", { person: "dora" });
    const { link } = await ask("sign_in", { person: "dora" });
    const { page } = await open({ reducedMotion: "reduce" });
    /** @type {string[]} */
    const seen = [];
    page.on("request", (request) => seen.push(request.url() + (request.postData() ?? "")));
    await page.goto(link);
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();
    await glance(page, "signin-welcome");

    assert.equal(page.url(), `${BASE}/signin`);
    const main = page.locator("main");
    assert.ok(await main.getByRole("heading", { name: "You are signed in as dora" }).isVisible());
    assert.ok(await main.locator(".avatar").isVisible());
    assert.ok(await main.getByText(user, { exact: true }).isVisible());
    assert.ok(await main.getByText("If this is not you, somebody sent you their link").isVisible());
    assert.equal(await main.getByText("This tab only").isVisible(), false, "of the device, later");
    const secret = link.split("#")[1];
    const carried = seen.filter((one) => one.includes(secret));
    assert.deepEqual(carried, [`${BASE}/_veche/sessions/v1/link${JSON.stringify({ secret })}`]);

    const other = await open({ reducedMotion: "reduce" });
    await other.page.goto(link);
    await new SignInPage(other.page).alert
        .filter({ hasText: "This link is not good any more" })
        .waitFor();
    await glance(other.page, "signin-link-over");

    await page.getByRole("button", { name: "That is not me" }).click();
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    assert.equal(await new SignInPage(page).kept(), null);
});

/** @param {string} person */
async function toKeys(person) {
    const { link } = await ask("sign_in", { person });
    return link.replace("#", "#return=/keys&secret=");
}

test("whoever has said here that it is them is not asked again, and a link of somebody else asks", async ({
    open,
}) => {
    const { context, page } = await open();
    for (const person of ["dana", "dirk"]) await ask("person", { person });
    await page.goto(await toKeys("dana"));
    await page.getByRole("button", { name: "Go on" }).click();
    await page.waitForURL(`${BASE}/keys`);

    const again = await context.newPage();
    await again.goto(await toKeys("dana"));
    await again.waitForURL(`${BASE}/keys`);

    const other = await context.newPage();
    await other.goto(await toKeys("dirk"));
    await other.getByRole("heading", { name: "You are signed in as dirk" }).waitFor();
    await other.getByRole("button", { name: "That is not me" }).click();

    await again.goto(await toKeys("dana"));
    await again.getByRole("heading", { name: "You are signed in as dana" }).waitFor();
});

// long
test("a link that is opened where the page is open already signs in, too", async ({ open }) => {
    await ask("person", { person: "doris" });
    const { page } = await open();
    const signIn = new SignInPage(page);
    await signIn.visit("#return=/keys");
    await signIn.person.waitFor();
    await page.getByRole("link", { name: "To the content" }).press("Enter");
    await signIn.person.fill("@doris");
    const { link } = await ask("sign_in", { person: "doris" });
    // As a person pastes it: the address is the same up to the fragment, so nothing is loaded.
    await page.evaluate((address) => location.assign(address), link);
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();

    assert.equal(page.url(), `${BASE}/signin`);
});

test("a wrong password is told, and the right one goes to the homeserver alone, whose session ends at once", async ({
    open,
    expect,
}) => {
    expect(/ERR_|status of 40[34]/); // 404: nothing is at the name of this homeserver
    const {
        user,
        password,
        homeserver: base,
        access_token,
    } = await ask("person", { person: "fred" });
    const devices = async () => {
        const headers = { Authorization: `Bearer ${access_token}` };
        const answer = await fetch(`${base}/_matrix/client/v3/devices`, { headers });
        return (await answer.json()).devices.length;
    };
    const before = await devices();
    const { page } = await open({ reducedMotion: "reduce" });
    /** @type {import("playwright-core").Request[]} */
    const requests = [];
    page.on("request", (request) => requests.push(request));
    const signIn = new SignInPage(page);
    await signIn.visit("#return=/keys");
    await signIn.person.fill(user);
    await signIn.atHomeserver.click();
    await glance(page, "signin-homeserver");
    await signIn.find.click();
    await signIn.address.or(signIn.password).waitFor();
    if (await signIn.address.isVisible()) {
        await signIn.address.fill(base);
        await signIn.find.click();
    }
    await signIn.password.waitFor();
    await glance(page, "signin-homeserver-password");
    await signIn.password.fill("not it");
    await signIn.signIn.click();
    await signIn.error
        .filter({ hasText: "does not know this Matrix id with this password" })
        .waitFor();
    assert.equal(await page.locator("dd").first().innerText(), user);
    await signIn.password.fill(password);
    await signIn.signIn.click();
    await page.waitForURL(`${BASE}/keys`);
    await page.getByText("signed in by your homeserver only").waitFor();

    const told = requests.filter((one) => (one.postData() ?? "").includes(password));
    assert.deepEqual(
        told.map((one) => one.url()),
        [base + LOGIN],
    );
    assert.equal(await devices(), before);
});

test("single sign-on goes to the homeserver and comes back to where one was", async ({
    open,
    expect,
}) => {
    expect(/status of 404/); // no .well-known there
    const server = await homeserver({
        [`GET ${LOGIN}`]: flows("m.login.sso", "m.login.token"),
        "GET /_matrix/client/v3/login/sso/redirect": (query) =>
            `${query.get("redirectUrl")}&loginToken=once`,
        [`POST ${LOGIN}`]: { status: 200, body: { user_id: "@al:sso", access_token: "of-al" } },
        "POST /_matrix/client/v3/user/%40al%3Asso/openid/request_token": {
            status: 200,
            body: { access_token: "openid", matrix_server_name: "sso", token_type: "Bearer" },
        },
        "POST /_matrix/client/v3/logout": { status: 200, body: {} },
    });
    const { page, context } = await open({ reducedMotion: "reduce" });
    const heard = await fake(context, {
        "POST sessions/v1/openid": {
            body: {
                token: "t".repeat(43),
                level: "low",
                person: "@al:sso",
                language: "en",
                expires_at_ms: Date.now() + 1e7,
            },
        },
    });
    const signIn = new SignInPage(page);
    await signIn.visit("#return=/services");
    await signIn.person.fill(`@al:${server.name}`);
    await signIn.atHomeserver.click();
    await signIn.find.click();
    await page.getByRole("button", { name: `Go on with ${server.name}` }).click();
    await page.waitForURL(`${BASE}/services`);

    const [login, , logout] = server.heard.slice(-3);
    assert.equal(login?.body.token, "once");
    assert.equal(logout?.authorization, "Bearer of-al");
    assert.match(logout?.call ?? "", /logout/);
    const openid = heard.find(({ path }) => path === "sessions/v1/openid");
    assert.equal(openid?.body.access_token, "openid");
});

test("a sign-on that was not begun in this tab is not taken", async ({ open }) => {
    const { page } = await open({ reducedMotion: "reduce" });
    const signIn = new SignInPage(page);
    await page.goto(`${BASE}/signin?sso=${"a".repeat(32)}&loginToken=of-somebody`);
    await signIn.alert.filter({ hasText: "not begun in this tab" }).waitFor();

    assert.equal(page.url(), `${BASE}/signin`);
});

test("each trouble with a homeserver is told, and a code is the way out", async ({
    open,
    expect,
}) => {
    expect(/status of|ERR_|CORS/);
    const limited = { status: 429, body: { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 90_000 } };
    const closed = { status: 403, body: { errcode: "M_USER_DEACTIVATED", error: "gone" } };
    const password = flows("m.login.password");
    const cases = /** @type {const} */ ([
        [
            { "GET /_matrix/client/versions": { status: 404, body: {} } },
            "There is no Matrix homeserver at",
        ],
        [
            {
                "GET /.well-known/matrix/client": {
                    status: 200,
                    body: { "m.homeserver": { base_url: "http://localhost:9" } },
                },
            },
            "can't be reached now",
        ],
        [{ "GET /_matrix/client/versions": "never" }, "takes too long to answer"],
        [{ [`GET ${LOGIN}`]: limited }, "try again in 2 minutes"],
        [{ [`GET ${LOGIN}`]: password, [`POST ${LOGIN}`]: limited }, "try again in 2 minutes"],
        [{ [`GET ${LOGIN}`]: password, [`POST ${LOGIN}`]: closed }, "was closed at its homeserver"],
        [{ [`GET ${LOGIN}`]: flows("m.login.dummy") }, "can't sign in to this homeserver"],
    ]);
    const { page } = await open({ reducedMotion: "reduce" });
    await page.addInitScript(() => {
        const timeout = AbortSignal.timeout.bind(AbortSignal);
        AbortSignal.timeout = (ms) => timeout(ms > 15_000 && ms < 30_000 ? 1000 : ms);
    });
    const signIn = new SignInPage(page);
    for (const [table, words] of cases) {
        const server = await homeserver(/** @type {any} */ (table));
        await signIn.visit();
        await page.reload(); // the same address again loads nothing
        await signIn.person.fill(`@al:${server.name}`);
        await signIn.atHomeserver.click();
        await signIn.find.click();
        const told = page.locator("main").getByText(words);
        await told.or(signIn.password).first().waitFor();
        if (await signIn.password.isVisible()) {
            await signIn.password.fill("secret");
            await signIn.signIn.click();
        }
        await told.waitFor();
        await page.getByRole("button", { name: "Sign in with a code" }).click();

        assert.equal(await signIn.person.inputValue(), `@al:${server.name}`, words);
    }
});

test("too many requests, and a lost network, lose nothing that was typed", async ({
    open,
    expect,
}) => {
    expect(/status of 429|ERR_/);
    const { page, context } = await open({ reducedMotion: "reduce" });
    const answers = [
        refusal("M_LIMIT_EXCEEDED", 429, { retry_after_ms: 600_000 }),
        /** @type {const} */ ("lost"),
    ];
    await fake(context, { "POST sessions/v1/codes": () => answers.shift() ?? "lost" });
    const signIn = new SignInPage(page);
    await signIn.visit();
    await signIn.person.fill("@alice:example.org");
    await signIn.send.click();
    await signIn.alert.filter({ hasText: "try again in 10 minutes" }).waitFor();
    await signIn.send.click();
    await signIn.alert.filter({ hasText: "can't be reached" }).waitFor();

    assert.equal(await signIn.person.inputValue(), "@alice:example.org");
});

test("signing in works with the keyboard alone, and in each language", async ({ open, expect }) => {
    expect(/status of 404/);
    const { page, context } = await open({ reducedMotion: "reduce" });
    const heard = await fake(context, {
        "POST sessions/v1/codes": {
            body: { request: "r".repeat(22), valid_ms: 600_000, digits: 6 },
        },
    });
    const signIn = new SignInPage(page);
    await signIn.visit();
    await signIn.heading.waitFor();
    await page.locator("main").focus();
    await page.keyboard.press("Tab");
    await page.keyboard.type("matrix.to/#/@alice:example.org");
    await page.keyboard.press("Enter");
    await signIn.code.waitFor();
    await page.waitForFunction(() => document.activeElement?.id === "code");

    assert.equal(heard[0]?.body.person, "@alice:example.org");
    for (const [language, words] of [
        ["ru", "чат"],
        ["de", "Chat"],
        ["uk", "чат"],
    ]) {
        await page
            .getByRole("combobox")
            .first()
            .selectOption(language ?? "");
        await page
            .locator("h1")
            .filter({ hasText: words ?? "" })
            .waitFor();
    }
});
