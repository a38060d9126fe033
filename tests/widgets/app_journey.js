/**
 * What somebody new does in the app, press by press: for the story and for the benchmark. A field
 * that is filled in counts as one press.
 */
import assert from "node:assert/strict";
import { APP, BASE } from "./control.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */

export const SERVICE = "Copy of a birth certificate";
export const PASSPHRASE = "three small words";

/** Counts presses, and thinks before each. */
export class Hand {
    /** @param {number} [thought_ms] */
    constructor(thought_ms = 0) {
        this._thought_ms = thought_ms;
        this.taps = 0;
    }

    /** @param {Locator} what */
    async press(what) {
        await what.waitFor();
        await this._think();
        await what.click();
    }

    /** @param {Locator} what @param {string} text */
    async type(what, text) {
        await what.waitFor();
        await this._think();
        await what.fill(text);
    }

    async _think() {
        this.taps += 1;
        await new Promise((resolve) => setTimeout(resolve, this._thought_ms));
    }
}

/**
 * From the address to the office's first question, without an account.
 * @param {Page} page
 * @param {string} name of the new account
 * @param {Hand} hand
 */
export async function fromAddressToAnswer(page, name, hand) {
    await page.goto(APP);
    await hand.press(page.locator("a.row", { hasText: SERVICE }).first());
    await hand.press(page.getByRole("link", { name: "Sign in and start" }));
    await hand.type(page.getByLabel("Your name here"), name);
    await hand.type(page.locator("#password"), PASSPHRASE);
    await hand.press(page.getByRole("button", { name: "Continue without an account" }));
    await page.locator(".recovery-key").waitFor();
    const groups = await page.locator(".recovery-key code").allInnerTexts();
    await hand.press(page.getByRole("button", { name: "I have saved it" }));
    await page.locator("input.group").first().waitFor();
    for (const input of await page.locator("input.group").all()) {
        const which = (await input.getAttribute("name"))?.slice("group-".length);
        await hand.type(input, groups[Number(which)] ?? "");
    }
    await hand.press(page.getByRole("button", { name: "Done" }));
    await hand.press(page.getByRole("button", { name: "Start", exact: true }));
    await page.getByText("Your answer is needed").waitFor();
    return groups.join(" ");
}

/**
 * A key for this browser, made on the pages' origin in a tab of its own.
 * @param {Page} page
 * @param {Hand} hand
 */
export async function makeKey(page, hand) {
    await hand.press(page.getByRole("link", { name: "Me", exact: true }));
    const [tab] = await Promise.all([
        page.context().waitForEvent("page"),
        hand.press(page.locator("a.row", { hasText: "Keys" })),
    ]);
    await hand.press(tab.getByText("Go on", { exact: true }));
    await hand.press(tab.getByRole("button", { name: "Make the key" }));
    await tab.getByText("This device has its key now").waitFor();
    assert.equal(new URL(tab.url()).origin, new URL(BASE).origin, "keys have an origin of their own");
    await tab.close();
}

/**
 * @param {Page} page
 * @param {string} whom
 * @param {string} amount
 * @param {Hand} hand
 */
export async function pay(page, whom, amount, hand) {
    await hand.press(page.getByRole("link", { name: "Me", exact: true }));
    await hand.press(page.locator("a.row", { hasText: "Wallet" }));
    await hand.press(page.locator("main").getByRole("link", { name: "Pay", exact: true }).first());
    await hand.type(page.locator("#payee"), whom);
    await hand.type(page.locator("#amount"), amount);
    await hand.press(page.getByRole("button", { name: "Go on" }));
    const [tab] = await Promise.all([
        page.context().waitForEvent("page"),
        hand.press(page.getByRole("button", { name: /^Approve/ })),
    ]);
    await hand.press(tab.getByRole("button", { name: /^Pay / }));
    await page.getByText("paid", { exact: true }).first().waitFor();
}
