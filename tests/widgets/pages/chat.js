/** A chat of the app, as somebody uses it who is in it. */

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page @param {string} text */
export async function write(page, text) {
    await page.locator("app-composer textarea").fill(text);
    await page.keyboard.press("Enter");
}

/** @param {Page} page @param {string} text @returns {import("playwright-core").Locator} the newest that has it */
export const message = (page, text) => page.locator("app-message", { hasText: text }).last();

/** @param {Page} page @param {string} text of a message @param {string} what is done with it */
export async function choose(page, text, what) {
    const one = message(page, text);
    await one.hover();
    await one.getByRole("button", { name: "More about this message" }).click();
    await page.locator("dialog.sheet").getByRole("button", { name: what, exact: true }).click();
}
