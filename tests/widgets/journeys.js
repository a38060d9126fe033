/**
 * What several tests of the whole house begin with: somebody signs in, makes a key, starts a service.
 *
 * @typedef {import("./harness.js").Opened} Opened
 * @typedef {import("playwright-core").Page} Page
 */
import { ask } from "./harness.js";
import { CasePage } from "./pages/case.js";
import { KeysPage } from "./pages/keys.js";
import { ServicePage, ServicesPage } from "./pages/services.js";

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
