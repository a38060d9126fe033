/** The app's front door, as somebody uses it who has only its address. */
import { APP } from "../control.js";

export class DoorPage {
    /** @param {import("playwright-core").Page} page */
    constructor(page) {
        this.page = page;
        /** How often a person had to press, and how long they looked before each. */
        this.taps = 0;
        this.heading = page.locator("main h1");
        this.name = page.getByLabel("Your name here");
        this.passphrase = page.getByLabel("Passphrase", { exact: true });
        this.go = page.getByRole("button", { name: "Create my account" });
        this.nameError = page.locator("#username-error");
        this.passphraseError = page.locator("#password-error");
        this.groups = page.locator(".recovery-key code");
        this.saved = page.getByRole("button", { name: "I have saved it" });
        this.done = page.getByRole("button", { name: "Done" });
        this.start = page.getByRole("button", { name: "Start", exact: true });
        this.note = page.locator(".notes");
    }

    /** @param {string} place a fragment */
    visit(place = "") {
        return this.page.goto(`${APP}/${place}`);
    }

    /** @param {string} words of a heading */
    at(words) {
        return this.page.getByRole("heading", { level: 1, name: words }).waitFor();
    }

    /** @param {import("playwright-core").Locator} what */
    async tap(what) {
        this.taps += 1;
        await what.click();
    }

    /** @param {import("playwright-core").Locator} field @param {string} text */
    async type(field, text) {
        this.taps += 1;
        await field.fill(text);
    }

    /** Back to the app from a page that it opened, which closes: Firefox then tells nothing of the press. */
    async leave() {
        const closing = this.page.waitForEvent("close");
        await this.tap(this.page.getByRole("button", { name: "Back to Veche" })).catch(() => {});
        await closing;
    }

    /** Types the groups of the recovery key that are asked back. @param {string[]} groups */
    async confirm(groups) {
        for (const field of await this.page.locator("input.group").all()) {
            const number = Number((await field.getAttribute("name"))?.slice("group-".length));
            await this.type(field, groups[number] ?? "");
        }
        await this.tap(this.done);
    }

    /** An account and its key, in the shortest way. @param {string} name */
    async begin(name) {
        await this.visit("#/start");
        await this.type(this.name, name);
        await this.type(this.passphrase, "three small words");
        await this.tap(this.go);
        await this.saved.waitFor();
        const groups = await this.groups.allInnerTexts();
        await this.tap(this.saved);
        await this.confirm(groups);
        await this.page.locator(".purse-line").waitFor();
        return groups;
    }
}
