/**
 * What several tests of the whole house begin with: somebody is signed in, has a key, starts a service.
 * The pages of signing in and of keys have tests of their own: others begin with what these leave.
 *
 * @typedef {import("./harness.js").Opened} Opened
 * @typedef {import("playwright-core").Page} Page
 */
import { keyHere } from "./approvals_fake.js";
import { BASE, ask } from "./harness.js";
import { keepSession } from "./kept_session.js";
import { CasePage } from "./pages/case.js";
import { KeysPage } from "./pages/keys.js";
import { ServicePage, ServicesPage } from "./pages/services.js";

/**
 * Begins a session with the link that the bot sends, without the page of signing in: the next page of
 * the tab has it.
 * @param {Opened} opened
 * @param {string} person
 */
export async function signedIn({ page }, person) {
    const { link } = await ask("sign_in", { person });
    const secret = /** @type {string} */ (/#([\w-]{22})/.exec(link)?.[1]);
    const answer = await fetch(`${BASE}/_veche/sessions/v1/link`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ secret }),
    });
    const begun = await answer.json();
    if (!answer.ok) throw new Error(`no session: ${JSON.stringify(begun)}`);
    await keepSession(page, begun);
}

/**
 * The same, with a key of the browser, which the service has.
 * @param {Opened} opened
 * @param {string} person
 */
export async function withKey(opened, person) {
    await signedIn(opened, person);
    const { page } = opened;
    const { user } = await ask("person", { person });
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page, user);
    await ask("enrol", { person, id: listed.id, public_key });
}

/**
 * Signs in with the link that the bot sends.
 * @param {Opened} opened
 * @param {string} person
 */
export async function signIn({ page }, person) {
    const { link } = await ask("sign_in", { person });
    await page.goto(link);
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();
}

/**
 * Makes a key of the browser on the page of the keys, where one is now.
 * @param {Page} page
 * @param {string} person
 */
export async function makeKey(page, person) {
    const keys = new KeysPage(page);
    await keys.make.click();
    await keys.makeKey.click();
    const words = await keys.words.innerText();
    const { code } = await ask("code", { person, text: words });
    await keys.code.fill(code);
    await keys.made.waitFor();
}

/**
 * Starts a service from the catalogue.
 * @param {Page} page of somebody who is signed in
 * @param {string} title
 * @returns {Promise<CasePage>} the case, with its form
 */
export async function begin(page, title) {
    const services = new ServicesPage(page);
    await services.visit();
    await services.choose(title);
    await new ServicePage(page).start.click();
    const one = new CasePage(page);
    await one.form.waitFor();
    return one;
}
